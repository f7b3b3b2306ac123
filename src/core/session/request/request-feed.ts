// Cuts a client's bytes into commands and forwards what its handler leaves untouched, in whole spans.
// Owns the request scanner, the bytes held back for want of more, and the stall. Never judges a command.
//
//   chunk ─▶ [held bytes + just what they lack] ─▶ scan ─┬─ COMPLETE   ─▶ handler.command()
//                                                        ├─ INCOMPLETE ─▶ held, or if large handler.large()
//                                                        ├─ ARGUMENT   ─▶ handler.argument()   (of a large command)
//                                                        └─ MALFORMED  ─▶ handler.malformed(), all passes from here
//
// Invariants: every byte is handed to the UpstreamWriter or held, once and in order; while stalled nothing is forwarded
// and all new bytes are held.
import { type RequestScanner, Scan } from '../../resp/request-scanner.js';
import { HeldBytes, type Lender } from './held-bytes.js';
import type { Intake } from './intake.js';
import type { UpstreamWriter } from './upstream-writer.js';

/** What a handler did with a command. */
export const Flow = {
  /** Settled: go on behind it. */
  TAKEN: 0,
  /** Stalled before it: come again with the same command. */
  AGAIN: 1,
  /** Only from large(): hold it back and ask again when more of it is there. */
  HOLD: 2,
} as const;
export type Flow = (typeof Flow)[keyof typeof Flow];

export interface CommandHandler {
  /** A command that large() wants held is asked about again at so many bytes at the latest. */
  readonly lookahead: number;
  /** A whole command is in the scanner's arguments. */
  command(): Flow;
  /** A blank line or a command without arguments has passed: it is never answered. */
  empty(): void;
  /** The server may refuse a command for its mere number of arguments: it must see that number at once. */
  mayBeTooMany(argc: number): boolean;
  /** A command too large to wait for has begun; `held` bytes of it are here. TAKEN: the rest streams. */
  large(held: number): Flow;
  /** One whole argument of the large command, number `index`, at offset 0 of the scanner's arguments. */
  argument(index: number): void;
  /** The large command's last byte is here. */
  largeEnd(): void;
  /** The bytes are no command. TAKEN: all passes from here on. */
  malformed(): Flow;
}

/** An argument from this size on is not waited for: its command is settled without it, and it streams. */
const LARGE_ARGUMENT_BYTES = 16 * 1024;
/** A command of many small arguments is settled early from this size on. */
const LARGE_COMMAND_BYTES = 64 * 1024;
/** A command that lacks an argument. */
const UNFINISHED = Buffer.from('*2\r\n$4\r\nPING\r\n', 'latin1');
/** At least how much is taken over to a held piece at once, though it may lack less. */
const TAKE_BYTES = 1024;

export class RequestFeed {
  /** The command under scan was INCOMPLETE: resume it. */
  private resuming = false;
  /** The command is held on request: large() is not asked again before so many bytes of it are here. */
  private askAgainAt = 0;
  private readonly held: HeldBytes;

  constructor(
    private readonly args: RequestScanner,
    private readonly intake: Intake,
    private readonly upstream: UpstreamWriter,
    private readonly handler: CommandHandler,
    memory?: Lender,
  ) {
    this.held = new HeldBytes(memory);
  }

  /** Bytes that have gone up of the command that is streaming; to be asked between two chunks. */
  get streamed(): number {
    return this.upstream.midCommand ? -this.args.start : 0;
  }

  /** Bytes that wait: for the rest of their command, or for the stall to end. */
  get heldBytes(): number {
    return this.held.length;
  }

  /** The client's next bytes, lent until this returns. */
  receive(chunk: Uint8Array): void {
    let at = 0;
    if (this.held.length > 0) {
      if (this.intake.stalled) {
        this.held.append(chunk, 0, chunk.length);
        return;
      }
      at = this.completeHeld(chunk);
      if (at < 0) return;
    }
    // Also with nothing left of the chunk: a command that streams has its offsets in it.
    const heldFrom = this.run(chunk, at, chunk.length, chunk.length);
    this.leave(heldFrom);
    if (heldFrom < chunk.length) {
      const lacking = this.resuming ? this.args.missing(chunk.length - heldFrom) : 1;
      this.held.append(chunk, heldFrom, chunk.length, lacking > 1 ? lacking : undefined);
    } else if (!this.resuming) this.rest();
  }

  /** Nothing comes any more: what is held goes nowhere. */
  close(): void {
    this.held.close();
  }

  /** Goes on with what was held. */
  resume(): void {
    this.intake.stalled = false;
    this.held.handOver((bytes) => this.receive(bytes));
  }

  /**
   * Feeds what was held, filled up with as much of `chunk` as it lacks. Returns how much of the chunk was used,
   * or -1 when all of it was and there is nothing more to do.
   */
  private completeHeld(chunk: Uint8Array): number {
    const { held } = this;
    let before = held.length;
    let taken = 0;
    while (taken < chunk.length) {
      const lacking = this.resuming ? this.args.missing(held.length) : 1;
      // As much again as is held: what is asked at each step about all that is held must not add up to its square.
      const step = Math.max(lacking, TAKE_BYTES, held.length);
      const until = Math.min(chunk.length, taken + step);
      held.append(chunk, taken, until);
      taken = until;
      const heldFrom = held.use((bytes, length) => this.run(bytes, 0, length, before));
      if (heldFrom >= before) {
        held.clear();
        this.leave(before);
        const used = heldFrom - before;
        if (!this.intake.stalled) return used;
        held.append(chunk, used, chunk.length);
        return -1;
      }
      // Still short of bytes, or stalled: what is settled of the held piece goes, the rest stays at offset 0.
      this.leave(heldFrom);
      held.drop(heldFrom);
      before -= heldFrom;
      if (this.intake.stalled) {
        held.append(chunk, taken, chunk.length);
        return -1;
      }
    }
    return -1;
  }

  /**
   * Settles commands from `at` until one begins at `until` or later, or more bytes are needed. Returns the offset
   * from which bytes are neither forwarded nor replaced.
   */
  private run(buf: Uint8Array, at: number, end: number, until: number): number {
    this.upstream.begin(buf, at);
    const heldFrom = this.settle(buf, at, end, until);
    this.upstream.end(heldFrom);
    return heldFrom;
  }

  private settle(buf: Uint8Array, at: number, end: number, until: number): number {
    while (at < until && !this.intake.stalled && !this.intake.raw) {
      switch (this.resuming ? this.args.resume(buf, end) : this.args.scan(buf, at, end)) {
        case Scan.COMPLETE: {
          this.resuming = false;
          this.askAgainAt = 0;
          if (this.args.streaming) this.endLarge();
          else if (this.handler.command() === Flow.AGAIN) return this.args.start;
          at = this.args.next;
          break;
        }
        case Scan.ARGUMENT:
          this.handler.argument(this.args.parsed - 1);
          this.resuming = true;
          at = this.args.position;
          break;
        case Scan.EMPTY:
          this.resuming = false;
          this.handler.empty();
          at = this.args.next;
          break;
        case Scan.INCOMPLETE:
          return this.cutAt(end);
        default:
          if (this.handler.malformed() === Flow.AGAIN) {
            this.resuming = false;
            return this.args.start;
          }
          this.intake.raw = true;
          // The value of a command that is dropped must not go up without its head, where it would be read as commands.
          // The broken bytes alone, where an argument is expected, draw the error that is due.
          this.upstream.stopDropping(UNFINISHED);
      }
    }
    return this.intake.raw ? end : at;
  }

  /** The bytes end inside a command: returns from where on they are held back. */
  private cutAt(end: number): number {
    const { args } = this;
    this.resuming = true;
    const large = args.bulkLength >= LARGE_ARGUMENT_BYTES;
    const here = end - args.start;
    const impatient = large || here >= LARGE_COMMAND_BYTES || this.handler.mayBeTooMany(args.argc);
    if (impatient && here >= this.askAgainAt && !args.streaming && !args.inline) {
      const flow = this.handler.large(here);
      if (flow === Flow.TAKEN) args.streaming = true;
      else if (flow === Flow.AGAIN) this.resuming = false;
      // Twice as much: what is asked at each step about all that is here must not add up to its square.
      this.askAgainAt = flow === Flow.HOLD ? Math.min(2 * here, this.handler.lookahead) : 0;
    }
    if (!args.streaming) return args.start;
    return large ? end : args.position;
  }

  private endLarge(): void {
    this.handler.argument(this.args.parsed - 1);
    this.upstream.finish();
    this.handler.largeEnd();
  }

  /** What is now offset `origin` of the scanned buffer will be offset 0 of the next one. */
  private leave(origin: number): void {
    if (this.resuming) this.args.rebase(this.args.start - origin);
  }

  /** Nothing is under way: an idle client costs little, whatever it sent before. */
  private rest(): void {
    this.args.rest();
  }
}
