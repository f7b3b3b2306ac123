// A session between a client that sends a given stream and a far side that answers, all by hand: pieces of any size,
// turns in any order. Owns both sinks and what is under way; checks after each step that bounds hold.
import { Session } from '../../../src/core/session/session.js';
import type { SessionContext } from '../../../src/core/session/session-context.js';
import { lend, type ServerOptions } from '../../support/session-lab.js';
import { CheckedSink } from './checked-sink.js';
import { FarSide } from './far-side.js';
import type { Random } from './random.js';

/** What a session may hold of a command that is cut; from its own limit on the link reads no further. */
const HELD_BYTES = 64 * 1024;

export class Duel {
  readonly up: CheckedSink;
  readonly down = new CheckedSink();
  readonly far: FarSide;
  readonly session: Session;
  /** Bytes of the stream that the session has got, and of the far side's answers. */
  sent = 0;
  delivered = 0;
  /** Bytes that the session held when its client went. */
  heldAtEnd = 0;
  private replies: Buffer = Buffer.alloc(0);
  /** The most that came at once: a stall may leave all of it waiting. */
  private largest = 0;

  constructor(
    private readonly context: SessionContext,
    readonly stream: Buffer,
    server: ServerOptions,
    /** Bytes must go up as they are. */
    private readonly transparent: boolean,
  ) {
    this.up = new CheckedSink(transparent ? stream : undefined);
    this.far = new FarSide(server);
    this.session = new Session(context, this.down, this.up);
  }

  /** The client goes: what is held goes nowhere. */
  end(): void {
    this.heldAtEnd = this.session.heldBytes;
    this.session.close();
  }

  get finished(): boolean {
    return this.sent === this.stream.length;
  }

  /** As the link does, sends nothing to a session that holds enough. */
  send(size: number): void {
    const { session } = this;
    if (session.stalled && session.heldBytes >= HELD_BYTES) return;
    const to = Math.min(this.stream.length, this.sent + size);
    const from = this.sent;
    this.sent = to;
    this.largest = Math.max(this.largest, to - from);
    lend(this.stream.subarray(from, to), (bytes) => session.fromClient(bytes));
    this.inspect();
  }

  serve(): void {
    const answered = this.far.receive(this.up.take());
    this.replies = this.replies.length === 0 ? answered : Buffer.concat([this.replies, answered]);
  }

  deliver(size: number): void {
    const piece = this.replies.subarray(0, size);
    if (piece.length === 0) return;
    this.replies = this.replies.subarray(piece.length);
    this.delivered += piece.length;
    lend(piece, (bytes) => this.session.fromUpstream(bytes));
    this.inspect();
  }

  /** Serves and delivers until nothing is left to do. */
  settle(size: () => number): void {
    for (;;) {
      this.serve();
      if (this.replies.length === 0) return;
      while (this.replies.length > 0) this.deliver(size());
    }
  }

  private inspect(): void {
    const { session, context } = this;
    const stalled = session.stalled ? HELD_BYTES + this.largest : 0;
    const lookahead = context.policy.gate.active ? context.lookaheadBytes : 0;
    if (session.heldBytes > Math.max(HELD_BYTES, lookahead) + stalled) {
      throw new Error(`${session.heldBytes} bytes are held`);
    }
    if (!this.transparent) return;
    if (this.up.length + session.heldBytes !== this.sent) {
      throw new Error(`of ${this.sent} bytes ${this.up.length} went up and ${session.heldBytes} are held`);
    }
    if (this.down.length !== this.delivered) {
      throw new Error(`of ${this.delivered} bytes of replies ${this.down.length} reached the client`);
    }
  }
}

/** Sizes of pieces, from one way of cutting to another. */
export function pieceSizes(random: Random, total: number): () => number {
  const largest = random.pick([total + 1, total + 1, total < 4000 ? 1 : 400, 8, 60, 60, 1460, 70_000]);
  // Few steps suffice: what is cut into ten thousand pieces takes as long as a thousand other streams.
  const least = Math.ceil(total / 3000);
  if (largest > total) return () => total + 1;
  return () => least + random.below(largest);
}

/** Lets all sessions have their turns, in an order that `random` decides, until all is sent and answered. */
export function play(duels: readonly Duel[], random: Random): void {
  const sizes = duels.map(({ stream }) => pieceSizes(random, stream.length));
  const replySize = pieceSizes(random, 1000);
  const eager = random.oneIn(4);
  for (let busy = true; busy; ) {
    busy = false;
    for (let i = 0; i < duels.length; i++) {
      const duel = duels[i];
      if (duel.finished) continue;
      busy = true;
      const turn = random.below(8);
      if (turn < 4) duel.send(sizes[i]());
      else if (turn < 6) duel.serve();
      else duel.deliver(replySize());
      if (eager) duel.settle(replySize);
    }
  }
  for (const duel of duels) duel.settle(replySize);
}
