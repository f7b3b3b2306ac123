// Cuts a client's bytes into commands, and forwards what its handler leaves unchanged in whole spans.
// Owns the request scanner, the held bytes, and the stall. Never judges a command.
//
//   chunk ─▶ [held bytes + just what they lack] ─▶ scan ─┬─ COMPLETE   ─▶ handler.command()
//                                                        ├─ INCOMPLETE ─▶ held, or if large handler.large()
//                                                        ├─ ARGUMENT   ─▶ handler.argument()   (of a large command)
//                                                        └─ MALFORMED  ─▶ handler.malformed(), all passes from here
//
// Invariants: every byte is given to the UpstreamWriter or held, once and in order; during a stall nothing is forwarded and
// all new bytes are held.
import { type RequestScanner, Scan } from '../../resp/request-scanner.js';
import { HeldBytes, type Lender } from './held-bytes.js';
import type { Intake } from './intake.js';
import type { UpstreamWriter } from './upstream-writer.js';

/** What a handler did with a command. */
export const Flow = {
  /** Settled: go on with the next command. */
  TAKEN: 0,
  /** Stalled: come again with the same command. */
  AGAIN: 1,
  /** Only from large(): hold it, and ask again when more of it has come. */
  HOLD: 2,
} as const;
export type Flow = (typeof Flow)[keyof typeof Flow];

export interface CommandHandler {
  /** large() is asked again about a held command at this many bytes, at the latest. */
  readonly lookahead: number;
  /** A whole command is in the scanner's arguments. */
  command(): Flow;
  /** A blank line or a command without arguments. It gets no reply. */
  empty(): Flow;
  /** The server may refuse a command for its number of arguments alone, so it must see that number at once. */
  mayBeTooMany(argc: number): boolean;
  /** A command too large to hold has begun; `held` bytes of it have come. TAKEN: the rest streams. */
  large(held: number): Flow;
  /** One whole argument of the large command, number `index`, at offset 0 of the scanner's arguments. */
  argument(index: number): void;
  /** The large command's last byte has come. */
  largeEnd(): void;
  /** The bytes under scan are about to change: nothing may point into them any longer. */
  scanned(): void;
  /** The bytes are no command. TAKEN: everything passes unread from here on. */
  malformed(): Flow;
}

/** An argument of this size or more is not held: its command is settled without it, and streams. */
const LARGE_ARGUMENT_BYTES = 16 * 1024;
/** A command of many small arguments is settled early at this size. */
const LARGE_COMMAND_BYTES = 64 * 1024;
/** A command that lacks an argument. */
const UNFINISHED = Buffer.from('*2\r\n$4\r\nPING\r\n', 'latin1');
/** At least this much is appended to held bytes at once, even if less is missing. */
const TAKE_BYTES = 1024;

export class RequestFeed {
  /** The command under scan was INCOMPLETE; go on with it. */
  private resuming = false;
  /** The command is held because large() asked for it; ask again once this many bytes have come. */
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

  /** Bytes of the streaming command that have gone up; ask between two chunks only. */
  get streamed(): number {
    return this.upstream.midCommand ? -this.args.start : 0;
  }

  /** Held bytes: they wait for the rest of their command, or for the end of the stall. */
  get heldBytes(): number {
    return this.held.length;
  }

  /** The client's next bytes, lent until this returns. */
  receive(chunk: Uint8Array): void {
    let at = 0;
    if (this.intake.stalled) {
      this.held.append(chunk, 0, chunk.length);
      return;
    }
    if (this.held.length > 0) {
      at = this.completeHeld(chunk);
      if (at < 0) return;
    }
    // Even with nothing left of the chunk, since the offsets of a streaming command are relative to it.
    const heldFrom = this.run(chunk, at, chunk.length, chunk.length);
    this.leave(heldFrom);
    if (heldFrom < chunk.length) {
      const lacking = this.resuming ? this.args.missing(chunk.length - heldFrom) : 1;
      this.held.append(chunk, heldFrom, chunk.length, lacking > 1 ? lacking : undefined);
    } else if (!this.resuming) this.rest();
  }

  /** The client sends no more: the held bytes are dropped. */
  close(): void {
    this.held.close();
  }

  /** The client has left: the held bytes are dropped, and all that come. */
  forget(): void {
    this.held.close();
    this.intake.stalled = false;
  }

  /** Ends the stall: goes on with the held bytes. */
  resume(): void {
    this.intake.stalled = false;
    this.held.handOver((bytes) => this.receive(bytes));
  }

  /**
   * Scans the held bytes, completed with as much of `chunk` as they lack. Returns how much of the chunk was used, or -1 if
   * all of it was and there is nothing more to do.
   */
  private completeHeld(chunk: Uint8Array): number {
    const { held } = this;
    let before = held.length;
    let taken = 0;
    while (taken < chunk.length) {
      const lacking = this.resuming ? this.args.missing(held.length) : 1;
      // At least as much as is held: each step looks at all held bytes, so equal steps would cost their square.
      const step = Math.max(lacking, TAKE_BYTES, held.length);
      const until = Math.min(chunk.length, taken + step);
      held.append(chunk, taken, until);
      taken = until;
      const heldFrom = held.use((bytes, length) => this.run(bytes, 0, length, before));
      if (held.isOver) return -1;
      if (heldFrom >= before) {
        held.clear();
        this.leave(before);
        const used = heldFrom - before;
        if (!this.intake.stalled) return used;
        held.append(chunk, used, chunk.length);
        return -1;
      }
      // Incomplete or stalled: what is settled of the held bytes goes, the rest moves to offset 0.
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
   * Settles commands from `at` until one begins at `until` or later, or more bytes are needed. Returns the offset of the
   * first byte that is neither forwarded nor replaced.
   */
  private run(buf: Uint8Array, at: number, end: number, until: number): number {
    this.upstream.begin(buf, at);
    try {
      const heldFrom = this.settle(buf, at, end, until);
      this.upstream.end(heldFrom);
      return heldFrom;
    } finally {
      this.handler.scanned();
    }
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
          if (this.handler.empty() === Flow.AGAIN) return this.args.start;
          at = this.args.next;
          break;
        case Scan.INCOMPLETE:
          return this.cutAt(end);
        default:
          if (this.handler.malformed() === Flow.AGAIN) {
            this.resuming = false;
            return this.args.start;
          }
          this.intake.goRaw();
          // A dropped command's value must not go up without its head: the server would read it as commands. Broken bytes
          // where an argument is expected draw the same error.
          this.upstream.stopDropping(UNFINISHED);
      }
    }
    return this.intake.raw && !this.intake.stalled ? end : at;
  }

  /** The bytes end inside a command. Returns the offset from which they are held. */
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
      // Doubled: each question looks at all held bytes, so equal steps would cost their square.
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

  /** Offset `origin` of the scanned buffer will be offset 0 of the next one. */
  private leave(origin: number): void {
    if (this.resuming) this.args.rebase(this.args.start - origin);
  }

  /** Nothing is under way: frees buffers, so that an idle client costs little, whatever it sent before. */
  private rest(): void {
    this.args.rest();
  }
}
