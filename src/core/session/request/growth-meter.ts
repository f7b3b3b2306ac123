// Tells the gate how much growth of this session is under way: forwarded, but perhaps not yet in the server's memory. Answered
// growth is in used_memory. Unanswered growth may be; it counts on top for as long as the gate's ages say. Of a streaming
// command only the bytes that have gone up count, since the client may never send the rest.
// One mark at a time is enough: it is set after what was sent, and acknowledged when that reply comes.
// Invariants: acknowledged <= marked <= whole <= sent; close() leaves nothing under way, and nothing counts after it.
import type { Priority } from '../../policy/rule.js';
import type { ShedGate } from '../../policy/shed.js';
import { invariant } from '../../resp/invariant.js';
import type { PendingQueue } from '../reply/pending-queue.js';

export class GrowthMeter {
  /** Growth that has gone up, and the part of it that belongs to whole commands. */
  private sent = 0;
  private whole = 0;
  private acknowledged = 0;
  private marked = 0;
  /** Number of the reply that acknowledges `marked`; -1: no mark. */
  private markReply = -1;
  /** Number of the reply to the last command that was added. */
  private sentReply = 0;
  /** Unacknowledged growth that went up in the gate's age `age`, and in the age before. */
  private fresh = 0;
  private older = 0;
  private age = 0;
  /** The streaming command: the growth counted for it so far, and the bytes still to come. */
  private part = 0;
  private promised = 0;
  private promisedIn = 0;
  private closed = false;

  constructor(
    private readonly gate: ShedGate,
    private readonly queue: PendingQueue,
  ) {}

  /** A command that may grow memory by about `growth` bytes was forwarded whole, and its reply is due. */
  add(growth: number, priority: Priority): void {
    if (this.part === 0 && this.promised === 0) this.count(growth, priority);
    else this.progress(growth, 0, priority);
    this.part = 0;
    this.whole = this.sent;
    this.sentReply = this.queue.pushed;
  }

  /** A command has begun to stream, with `toCome` bytes known to be still to come. add() follows at its end. */
  begin(toCome: number): void {
    if (this.closed) return;
    this.promised = toCome;
    this.promisedIn = this.gate.age;
    this.gate.promise(toCome);
  }

  /** The part of the command that has gone up grows memory by about `growth` bytes; `toCome` bytes are still to come. */
  progress(growth: number, toCome: number, priority: Priority): void {
    if (this.closed) return;
    this.redeem(toCome);
    const more = growth - this.part;
    if (more <= 0) return;
    this.part = growth;
    this.count(more, priority);
  }

  private redeem(toCome: number): void {
    const come = this.promised - Math.min(this.promised, toCome);
    if (come <= 0) return;
    this.promised -= come;
    this.gate.redeem(come, this.promisedIn);
  }

  private count(growth: number, priority: Priority): void {
    if (this.closed) return;
    if (this.gate.age !== this.age) this.keepUp();
    this.sent += growth;
    this.fresh += growth;
    this.gate.grow(growth, priority);
  }

  /**
   * All growth sent so far is answered once the reply to the last growing command has come. A later command's reply would be
   * the wrong mark: a BLPOP may wait for hours.
   */
  mark(): void {
    if (this.markReply >= 0 || this.whole === this.acknowledged) return;
    this.marked = this.whole;
    this.markReply = this.sentReply;
    // Under CLIENT REPLY OFF no reply is due that could acknowledge it.
    if (this.queue.popped >= this.markReply) this.acknowledgeMark();
  }

  /** Replies have come. */
  settle(): void {
    if (this.markReply < 0 || this.queue.popped < this.markReply) return;
    this.acknowledgeMark();
    this.mark();
  }

  close(): void {
    this.redeem(0);
    this.acknowledge(this.sent);
    this.markReply = -1;
    this.whole = this.sent;
    this.closed = true;
  }

  private acknowledgeMark(): void {
    this.acknowledge(this.marked);
    this.markReply = -1;
  }

  /** Growth is acknowledged in the order in which it went up. The gate itself drops what is two ages old. */
  private acknowledge(upTo: number): void {
    invariant(
      this.acknowledged <= upTo && upTo <= this.sent,
      'growth is answered once, and when it was sent',
    );
    this.keepUp();
    const left = this.sent - upTo;
    this.acknowledged = upTo;
    const fresh = Math.min(this.fresh, left);
    const older = Math.min(this.older, left - fresh);
    this.gate.answer(this.fresh - fresh, this.older - older);
    this.fresh = fresh;
    this.older = older;
  }

  private keepUp(): void {
    const { age } = this.gate;
    if (age === this.age) return;
    this.older = age === this.age + 1 ? this.fresh : 0;
    this.fresh = 0;
    this.age = age;
  }
}
