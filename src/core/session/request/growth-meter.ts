// Tells the shed gate how much growth this session has under way: forwarded, not yet known to be in the server's memory.
// What is answered is in its used_memory; what is not may or may not be, and counts on top for as long as the gate's
// ages say. Of a command that goes up in pieces only what has gone up counts, since a client may never send the rest.
// One mark at a time is enough: it is set behind what was sent and acknowledged when its reply has come.
// Invariants: acknowledged <= marked <= whole <= sent; close() leaves nothing under way, and nothing counts behind it.
import type { ShedGate } from '../../policy/shed.js';
import { invariant } from '../../resp/invariant.js';
import type { PendingQueue } from '../reply/pending-queue.js';

export class GrowthMeter {
  /** Growth that has gone up, and what of it belongs to commands that are whole. */
  private sent = 0;
  private whole = 0;
  private acknowledged = 0;
  private marked = 0;
  /** Number of the reply that acknowledges `marked`; -1: no mark is set. */
  private markReply = -1;
  /** Number of the reply to the last command that was added. */
  private sentReply = 0;
  /** Of what is not acknowledged: what went up in the gate's age number `age`, and in the one before. */
  private fresh = 0;
  private older = 0;
  private age = 0;
  /** The large command under way: what its bytes so far have been counted as, and what is still to come of it. */
  private part = 0;
  private promised = 0;
  private promisedIn = 0;
  private closed = false;

  constructor(
    private readonly gate: ShedGate,
    private readonly queue: PendingQueue,
  ) {}

  /** A command that may grow memory by about `growth` bytes was forwarded whole, and its reply is owed. */
  add(growth: number): void {
    if (this.part === 0 && this.promised === 0) this.count(growth);
    else this.progress(growth, 0);
    this.part = 0;
    this.whole = this.sent;
    this.sentReply = this.queue.pushed;
  }

  /** A command has begun to go up, of which so many bytes are known to be still to come; add() follows at its end. */
  begin(toCome: number): void {
    if (this.closed) return;
    this.promised = toCome;
    this.promisedIn = this.gate.age;
    this.gate.promise(toCome);
  }

  /** What has gone up of the command grows memory by about `growth` bytes by now, and `toCome` bytes are still to come. */
  progress(growth: number, toCome: number): void {
    if (this.closed) return;
    const come = this.promised - Math.min(this.promised, toCome);
    if (come > 0) {
      this.promised -= come;
      this.gate.redeem(come, this.promisedIn);
    }
    const more = growth - this.part;
    if (more <= 0) return;
    this.part = growth;
    this.count(more);
  }

  private count(growth: number): void {
    if (this.closed) return;
    if (this.gate.age !== this.age) this.keepUp();
    this.sent += growth;
    this.fresh += growth;
    this.gate.grow(growth);
  }

  /**
   * All that was sent so far is answered once the reply to the last growing command has come: not to what is behind
   * it, which may be a BLPOP that waits for hours.
   */
  mark(): void {
    if (this.markReply >= 0 || this.whole === this.acknowledged) return;
    this.marked = this.whole;
    this.markReply = this.sentReply;
    // Under CLIENT REPLY OFF nothing is owed and nothing will come that could tell.
    if (this.queue.popped >= this.markReply) this.acknowledgeMark();
  }

  /** Replies have come. */
  settle(): void {
    if (this.markReply < 0 || this.queue.popped < this.markReply) return;
    this.acknowledgeMark();
    this.mark();
  }

  close(): void {
    this.progress(this.part, 0);
    this.acknowledge(this.sent);
    this.markReply = -1;
    this.whole = this.sent;
    this.closed = true;
  }

  private acknowledgeMark(): void {
    this.acknowledge(this.marked);
    this.markReply = -1;
  }

  /** What went up first is acknowledged first; the gate knows already of what is two ages old. */
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
