// Tells the gate about commands that may free memory or change the limit (reliefs): when one goes up, and when it is
// answered. Inside a transaction EXEC counts. If a client pipelines them without a pause, they count as answered once all are.
// Never reads a reply: the next reading shows whether the command did anything.
// Invariant: each relief that was reported as gone up is reported as answered, by its reply or by close().
import { type CommandSpec, ConnectionRole } from '../../commands/spec.js';
import type { ShedGate } from '../../policy/shed.js';
import { equalsIgnoreCase } from '../../resp/bytes.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import type { PendingQueue } from '../reply/pending-queue.js';

export class ReliefWatch {
  /** Reliefs whose replies are due. */
  private open = 0;
  /** Number of the reply that answers all of them, or after which memory may be less; -1: none. */
  private reply = -1;
  private inMulti = false;

  constructor(
    private readonly gate: ShedGate,
    private readonly queue: PendingQueue,
  ) {}

  /** The command under scan, one that `eases`, has gone up whole, and its reply is due. */
  forwarded(spec: CommandSpec, args: RequestScanner, inMulti: boolean): void {
    const relieves = mayRelieve(spec, args);
    if (spec.role === ConnectionRole.EXEC || !inMulti) {
      const due = relieves || (this.inMulti && spec.role === ConnectionRole.EXEC);
      this.inMulti = false;
      if (due) this.begin();
      else if (spec.frees && this.gate.byKey) this.reply = this.queue.pushed;
    } else if (relieves) this.inMulti = true;
  }

  /** Replies have come. */
  settle(): void {
    if (this.reply >= 0 && this.queue.popped >= this.reply) this.end();
  }

  close(): void {
    if (this.reply >= 0) this.end();
  }

  private begin(): void {
    this.reply = this.queue.pushed;
    this.open++;
    this.gate.reliefs++;
    this.gate.onRelief(false);
  }

  private end(): void {
    this.gate.reliefsAnswered += this.open;
    this.open = 0;
    this.reply = -1;
    this.gate.onRelief(true);
  }
}

function mayRelieve({ relief }: CommandSpec, args: RequestScanner): boolean {
  if (relief === undefined) return false;
  // A streaming command's words have passed.
  if (relief.length === 0 || args.streaming) return true;
  return (
    args.parsed > 1 && relief.some((word) => equalsIgnoreCase(args.buf, args.starts[1], args.ends[1], word))
  );
}
