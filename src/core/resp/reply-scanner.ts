// Finds the end of each top-level item (reply or push) in a server's bytes: RESP2 and RESP3, nested, with attributes, cut
// anywhere. Owns the state of the item under scan; it copies no payloads and builds no values.
//
// Nesting needs no stack: `outstanding` counts the elements that are missing until the item is whole. It starts at 1. An
// element that ends subtracts 1. The header of an aggregate of n subtracts 1 and adds n. An attribute adds its 2n and
// subtracts nothing, because its value still follows; the same holds for a push inside a reply.
// scan() stops before an item's own value, because only then is the kind of the item known.
//
//   TYPE ──▶ LINE (+ - : _ # , ( )          ──▶ element ends
//        ──▶ NUMBER ($ = !) ──▶ PAYLOAD      ──▶ element ends
//        ──▶ NUMBER (* ~ > % |)              ──▶ outstanding grows
//
// Invariants: between items outstanding is 0 and state is TYPE; `prefix` holds the first bytes of the item's value,
// up to PREFIX_BYTES, when it is an error or was asked for by `capture`.
import {
  BANG,
  BAR,
  COLON,
  COMMA,
  CR,
  DOLLAR,
  EQUALS,
  GREATER,
  HASH,
  LF,
  MINUS,
  PAREN,
  PERCENT,
  PLUS,
  STAR,
  TILDE,
  UNDERSCORE,
  ZERO,
} from './bytes.js';

const State = { TYPE: 0, LINE: 1, NUMBER: 2, PAYLOAD: 3, MALFORMED: 4 } as const;
type State = (typeof State)[keyof typeof State];

/** Enough for `>3\r\n$12\r\npunsubscribe\r\n` and for the code of an error. */
export const PREFIX_BYTES = 64;

export class ReplyScanner {
  /** Type byte of the item: of the value itself where attributes precede it; BAR while such a value is still to come. */
  type = 0;
  /** Number on the item's first line if it is a bulk or an aggregate: its length, -1 for a null. */
  length = 0;
  /** Last integer (`:n`) read inside the item. */
  lastInteger = 0;
  /** Set it before the first byte of an item's value is scanned, to fill `prefix` whatever the item's type. */
  capture = false;
  readonly prefix = new Uint8Array(PREFIX_BYTES);
  prefixLength = 0;

  private state: State = State.TYPE;
  private outstanding = 0;
  /** Type byte of the element whose line or number is being read. */
  private element = 0;
  /** That element is the item's own first line. */
  private heading = false;
  private number = 0;
  private negative = false;
  /** Bytes of the payload that are still to come, its CRLF included. */
  private skip = 0;

  /** Between items: the next byte begins a reply or a push. */
  get atBoundary(): boolean {
    return this.outstanding === 0 && this.state === State.TYPE && this.type !== BAR;
  }

  /** The next byte begins an item's value; only whole attributes may precede it. */
  get atValue(): boolean {
    return this.outstanding === 0 && this.state === State.TYPE;
  }

  /** The bytes are not RESP, so the rest of this stream cannot be understood. */
  get malformed(): boolean {
    return this.state === State.MALFORMED;
  }

  /**
   * Scans buf[at, end) until the item ends (then atBoundary), an attribute before its value ends (then atValue), or the bytes
   * end. Returns the offset reached; if the bytes are malformed, it stays where it was.
   */
  scan(buf: Uint8Array, at: number, end: number): number {
    const from = at;
    if (this.outstanding === 0 && at < end) this.begin(buf[at]);
    while (at < end) {
      switch (this.state) {
        case State.TYPE:
          this.element = buf[at++];
          this.readType();
          break;
        case State.LINE:
          at = this.passLine(buf, at, end);
          break;
        case State.NUMBER:
          at = this.readNumber(buf, at, end);
          break;
        case State.PAYLOAD: {
          const step = Math.min(this.skip, end - at);
          at += step;
          this.skip -= step;
          if (this.skip === 0) this.endElement();
          break;
        }
        default:
          return at;
      }
      if (this.outstanding === 0) break;
    }
    if (this.capture) this.keepPrefix(buf, from, at);
    return at;
  }

  private begin(type: number): void {
    this.type = 0;
    this.length = 0;
    this.outstanding = 1;
    this.prefixLength = 0;
    if (type === MINUS) this.capture = true;
  }

  private readType(): void {
    this.heading = this.outstanding === 1 && this.type === 0;
    if (this.heading) this.type = this.element;
    this.number = 0;
    this.negative = false;
    switch (this.element) {
      case PLUS:
      case MINUS:
      case COLON:
      case UNDERSCORE:
      case HASH:
      case COMMA:
      case PAREN:
        this.state = State.LINE;
        return;
      case DOLLAR:
      case BANG:
      case EQUALS:
      case STAR:
      case TILDE:
      case GREATER:
      case PERCENT:
      case BAR:
        this.state = State.NUMBER;
        return;
      default:
        this.state = State.MALFORMED;
    }
  }

  private passLine(buf: Uint8Array, at: number, end: number): number {
    if (this.element === COLON) return this.passInteger(buf, at, end);
    while (at < end) {
      if (buf[at++] === LF) {
        this.endElement();
        break;
      }
    }
    return at;
  }

  private passInteger(buf: Uint8Array, at: number, end: number): number {
    while (at < end) {
      const byte = buf[at++];
      if (byte === LF) {
        this.lastInteger = this.negative ? -this.number : this.number;
        this.endElement();
        break;
      }
      if (byte === MINUS) this.negative = true;
      else if (byte !== CR) this.number = this.number * 10 + (byte - ZERO);
    }
    return at;
  }

  private readNumber(buf: Uint8Array, at: number, end: number): number {
    while (at < end) {
      const byte = buf[at++];
      if (byte === LF) {
        this.endNumber(this.negative ? -this.number : this.number);
        break;
      }
      const digit = byte - ZERO;
      if (digit >= 0 && digit <= 9) this.number = this.number * 10 + digit;
      else if (byte === MINUS) this.negative = true;
      else if (byte !== CR) {
        this.state = State.MALFORMED;
        break;
      }
    }
    return at;
  }

  private endNumber(n: number): void {
    if (this.heading && this.element !== BAR) this.length = n;
    // Only RESP2's nulls have a negative length; an attribute or push with one would never end.
    if (n < 0 && (this.element === BAR || this.element === GREATER)) {
      this.state = State.MALFORMED;
      return;
    }
    switch (this.element) {
      case DOLLAR:
      case BANG:
      case EQUALS:
        if (n < 0) this.endElement();
        else {
          this.skip = n + 2;
          this.state = State.PAYLOAD;
        }
        return;
      case BAR:
        this.outstanding += this.heading ? 2 * n - 1 : 2 * n;
        break;
      case PERCENT:
        this.outstanding += n < 0 ? -1 : 2 * n - 1;
        break;
      case GREATER:
        // Inside a reply a push does not count among the elements: Redis 7.0 delivers a message that EXEC's own PUBLISH sent in
        // the middle of EXEC's array.
        this.outstanding += this.heading ? n - 1 : n;
        break;
      default:
        this.outstanding += n < 0 ? -1 : n - 1;
    }
    this.state = State.TYPE;
  }

  private endElement(): void {
    this.outstanding--;
    this.state = State.TYPE;
  }

  private keepPrefix(buf: Uint8Array, from: number, to: number): void {
    const room = Math.min(PREFIX_BYTES - this.prefixLength, to - from);
    for (let i = 0; i < room; i++) this.prefix[this.prefixLength++] = buf[from + i];
    if (this.outstanding === 0) this.capture = false;
  }
}
