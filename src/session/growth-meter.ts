// Tells the shed gate how much growth this session has under way: forwarded, not yet known to be executed.
// What is answered is in the server's used_memory; what is not may or may not be, and must be counted on top.
// One mark at a time is enough: it is set behind what was sent and acknowledged when its reply has come.
// Invariants: acknowledged <= marked <= sent; close() leaves nothing under way.
import type { ShedGate } from '../policy/shed.js';
import type { PendingQueue } from './pending-queue.js';

export class GrowthMeter {
  private sent = 0;
  private acknowledged = 0;
  private marked = 0;
  /** Number of the reply that acknowledges `marked`; -1: no mark is set. */
  private markReply = -1;
  /** Number of the reply to the last command that was added. */
  private sentReply = 0;
  /** A command that was added is still on its way up: its reply has no number yet. */
  private unfinished = false;

  constructor(
    private readonly gate: ShedGate,
    private readonly queue: PendingQueue,
  ) {}

  /** A command that may grow memory by about `growth` bytes was forwarded, and its reply is owed. */
  add(growth: number): void {
    if (growth > 0) this.count(growth);
    this.sentReply = this.queue.pushed;
    this.unfinished = false;
  }

  /** A command that may grow memory by about `growth` bytes has begun to go up; add() follows at its end. */
  begin(growth: number): void {
    this.count(growth);
    this.unfinished = true;
  }

  /**
   * All that was sent so far is answered once the reply to the last growing command has come: not to what is behind
   * it, which may be a BLPOP that waits for hours.
   */
  mark(): void {
    if (this.markReply >= 0 || this.sent === this.acknowledged || this.unfinished) return;
    this.marked = this.sent;
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
    this.acknowledge(this.sent);
  }

  private count(growth: number): void {
    this.sent += growth;
    this.gate.grow(growth);
  }

  private acknowledgeMark(): void {
    this.acknowledge(this.marked);
    this.markReply = -1;
  }

  private acknowledge(upTo: number): void {
    this.gate.answered += upTo - this.acknowledged;
    this.acknowledged = upTo;
  }
}
