// Finds the commands in a client's bytes, by the rules of Redis's processMultibulkBuffer and
// processInlineBuffer (networking.c). Owns the offsets of the arguments of the one command under scan.
// Never copies, holds or judges bytes; knows nothing of what commands mean.
//
//   scan(buf, at, end) ──▶ COMPLETE    the command ends at `next`; arguments 0 … parsed-1 are set
//                      ├─▶ EMPTY       `*0`, `*-1` or a blank line up to `next`: no command, no reply
//                      ├─▶ INCOMPLETE  arguments 0 … parsed-1 are whole; resume() with the same bytes and more
//                      ├─▶ ARGUMENT    only when streaming: one more argument is whole, resume() for the next
//                      └─▶ MALFORMED   a server may refuse it: the rest of the connection cannot be understood
//
// A command too large to hold is streamed: then offset 0 is the argument just found, and rebase() may move `start` below 0,
// to the bytes that were already forwarded.
//
// Invariants: parsed <= argc; every whole argument lies in [start, position); position <= end.
// Redis checks neither the byte after a CR nor the two bytes after a bulk, so neither does this.
import { CR, DOLLAR, LF, MINUS, NOTHING, STAR, ZERO } from './bytes.js';
import { splitInline } from './inline.js';

export const Scan = { COMPLETE: 0, EMPTY: 1, INCOMPLETE: 2, MALFORMED: 3, ARGUMENT: 4 } as const;
export type Scan = (typeof Scan)[keyof typeof Scan];

/** PROTO_INLINE_MAX_SIZE in Redis's server.h: a longer line without an end is refused. */
const INLINE_MAX_BYTES = 64 * 1024;
/** Redis refuses a multibulk count or bulk length with more digits than these can hold, whatever follows. */
const MAX_HEADER_DIGITS = 10;
const MAX_INT = 2 ** 31 - 1;
/** A negative count is ignored, whatever it is; numbers with this many digits always fit Redis's 64-bit integers. */
const MAX_NEGATIVE_DIGITS = 18;
/** The default of proto-max-bulk-len: Redis refuses a longer argument at its header. */
const MAX_BULK_BYTES = 512 * 1024 * 1024;
const FEW_ARGUMENTS = 64;
/** Offsets of a command with more arguments than this are not kept for the next one. */
const MANY_ARGUMENTS = 1024;

export class RequestScanner {
  /** The bytes the offsets point into: the scanned buffer, or for an inline command a decoded copy. */
  buf: Uint8Array = NOTHING;
  /** Where the command's first byte is. */
  start = 0;
  /** After the `*N` line of a multibulk command. */
  afterHeader = 0;
  /** After the last byte of a COMPLETE or EMPTY command. */
  next = 0;
  /** Declared number of arguments, the name included. */
  argc = 0;
  /** Number of whole arguments found so far. */
  parsed = 0;
  /** INCOMPLETE: declared length of argument number `parsed` once its header is whole, else -1. */
  bulkLength = -1;
  /** INCOMPLETE with bulkLength >= 0: where that argument's payload begins. */
  bulkStart = 0;
  /** The command came as a line of words; `buf` is then not the scanned buffer. */
  inline = false;
  /** Arguments are handed out one by one, each at offset 0. Set while a command is INCOMPLETE; scan() clears it. */
  streaming = false;
  /** Argument i is buf[starts[i], ends[i]). */
  starts = new Int32Array(FEW_ARGUMENTS);
  ends = new Int32Array(FEW_ARGUMENTS);

  /** Everything before it is understood; resume() continues here. */
  position = 0;
  /** Set by readHeader: the number read. */
  private number = 0;

  /** Scans the command that begins at `at`, which must be below `end`. */
  scan(buf: Uint8Array, at: number, end: number): Scan {
    this.buf = buf;
    this.start = at;
    this.position = at;
    this.argc = -1;
    this.parsed = 0;
    this.bulkLength = -1;
    this.inline = buf[at] !== STAR;
    this.streaming = false;
    return this.resume(buf, end);
  }

  /** The command streams, and has not come whole. */
  get midStream(): boolean {
    return this.streaming && this.parsed < this.argc;
  }

  /** Releases memory. No command may be under scan, and the last one's arguments must no longer be read. */
  rest(): void {
    this.buf = NOTHING;
    if (this.starts.length <= MANY_ARGUMENTS) return;
    this.starts = new Int32Array(FEW_ARGUMENTS);
    this.ends = new Int32Array(FEW_ARGUMENTS);
  }

  /** The bytes of an INCOMPLETE command now begin at `to` of another buffer; move the offsets there. */
  rebase(to: number): void {
    const shift = to - this.start;
    for (let i = this.streaming ? 0 : this.parsed; i-- > 0; ) {
      this.starts[i] += shift;
      this.ends[i] += shift;
    }
    this.start += shift;
    this.position += shift;
    this.afterHeader += shift;
    this.bulkStart += shift;
  }

  /** Continues with an INCOMPLETE command; `buf` holds its bytes from `start` on, up to `end`. */
  resume(buf: Uint8Array, end: number): Scan {
    this.buf = buf;
    if (this.inline) return this.scanLine(buf, end);
    let at = this.position;
    if (this.argc < 0) {
      const behind = this.readHeader(buf, at + 1, end);
      if (behind <= 0) return behind === 0 ? Scan.INCOMPLETE : Scan.MALFORMED;
      if (this.number > MAX_INT) return Scan.MALFORMED;
      at = behind;
      this.position = this.afterHeader = this.next = at;
      this.argc = this.number;
      if (this.number <= 0) return Scan.EMPTY;
    }
    while (this.parsed < this.argc) {
      let from: number;
      if (this.bulkLength >= 0) {
        from = this.bulkStart;
      } else {
        if (at >= end) return Scan.INCOMPLETE;
        if (buf[at] !== DOLLAR) return Scan.MALFORMED;
        from = this.readHeader(buf, at + 1, end);
        if (from <= 0) return from === 0 ? Scan.INCOMPLETE : Scan.MALFORMED;
        if (this.number < 0 || this.number > MAX_BULK_BYTES) return Scan.MALFORMED;
        this.bulkLength = this.number;
        this.bulkStart = from;
      }
      const to = from + this.bulkLength;
      if (to + 2 > end) return Scan.INCOMPLETE;
      if (!this.streaming && (buf[to] !== CR || buf[to + 1] !== LF)) return Scan.MALFORMED;
      const i = this.streaming ? 0 : this.parsed;
      if (i === this.starts.length) this.growOffsets();
      // The start of a streamed argument may be before this buffer, and its offset may exceed 32 bits.
      this.starts[i] = from < 0 ? -1 : from;
      this.ends[i] = to;
      this.parsed++;
      this.bulkLength = -1;
      this.position = at = to + 2;
      if (this.streaming && this.parsed < this.argc) return Scan.ARGUMENT;
    }
    this.next = at;
    return Scan.COMPLETE;
  }

  /** The fewest bytes that an INCOMPLETE command still lacks, given those up to `end`. */
  missing(end: number): number {
    return this.bulkLength >= 0 ? this.bulkStart + this.bulkLength + 2 - end : 1;
  }

  /**
   * Reads the number of a `*N` or `$N` line from `at` (after the type byte) into `number`.
   * Returns the offset after the line, 0 if the line is cut, -1 if a server may refuse it: Redis accepts any byte for its LF,
   * and any two after an argument, but Valkey since 9 only CR LF. Of a streamed command everything is accepted, since it goes
   * up already.
   */
  private readHeader(buf: Uint8Array, at: number, end: number): number {
    const negative = at < end && buf[at] === MINUS;
    const first = negative ? at + 1 : at;
    const most = negative ? MAX_NEGATIVE_DIGITS : MAX_HEADER_DIGITS;
    let i = first;
    let value = 0;
    for (; i < end; i++) {
      const digit = buf[i] - ZERO;
      if (digit < 0 || digit > 9) break;
      if ((value === 0 && i > first) || i - first >= most) return -1;
      value = value * 10 + digit;
    }
    if (i >= end) return 0;
    if (buf[i] !== CR || i === first || (negative && value === 0)) return -1;
    if (i + 2 > end) return 0;
    if (buf[i + 1] !== LF && !this.streaming) return -1;
    this.number = negative ? -value : value;
    return i + 2;
  }

  private scanLine(buf: Uint8Array, end: number): Scan {
    let at = this.position;
    while (at < end && buf[at] !== LF) {
      // Redis looks for the line's end with strchr, which a NUL stops.
      if (buf[at] === 0) return Scan.MALFORMED;
      at++;
    }
    if (at - this.start > INLINE_MAX_BYTES) return Scan.MALFORMED;
    this.position = at;
    if (at === end) return Scan.INCOMPLETE;
    this.next = at + 1;
    // A CR before the end is a space.
    const words = splitInline(buf, this.start, at);
    if (words === undefined) return Scan.MALFORMED;
    this.argc = words.length;
    if (words.length === 0) return Scan.EMPTY;
    this.adoptWords(words);
    return Scan.COMPLETE;
  }

  private adoptWords(words: readonly Uint8Array[]): void {
    const decoded = new Uint8Array(words.reduce((sum, word) => sum + word.length, 0));
    let at = 0;
    this.parsed = 0;
    for (const word of words) {
      decoded.set(word, at);
      if (this.parsed === this.starts.length) this.growOffsets();
      this.starts[this.parsed] = at;
      at += word.length;
      this.ends[this.parsed++] = at;
    }
    this.buf = decoded;
  }

  private growOffsets(): void {
    const starts = new Int32Array(this.starts.length * 2);
    const ends = new Int32Array(starts.length);
    starts.set(this.starts);
    ends.set(this.ends);
    this.starts = starts;
    this.ends = ends;
  }
}
