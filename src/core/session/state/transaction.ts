// The transaction that a client has begun, as far as what has gone up tells, and what becomes of the follow-ups that wait for
// its EXEC. Whether the server took MULTI shows in its reply only: a refusal ends here what it did not begin there.
import { DETAIL_LIMIT } from '../reply/pending-queue.js';
import type { FollowUps } from '../request/follow-ups.js';
import type { UpstreamWriter } from '../request/upstream-writer.js';

export class Transaction {
  /** MULTI has gone up, and nothing behind it that ends it. */
  open = false;
  /** Whether it has begun was never answered, and will not be. */
  inSilence = false;
  private number = 0;

  constructor(
    private readonly followUps: FollowUps,
    private readonly upstream: UpstreamWriter,
  ) {}

  /** MULTI goes up. Returns the transaction's number. */
  begin(inSilence: boolean): number {
    this.open = true;
    this.inSilence = inSilence;
    this.number = (this.number + 1) % DETAIL_LIMIT;
    return this.number;
  }

  /** EXEC goes up. Returns whether there is a transaction. */
  execute(): boolean {
    const { open } = this;
    this.open = false;
    return open;
  }

  /** It has come to nothing: by DISCARD, RESET, or an EXEC that is refused (server.c, rejectCommand). */
  end(): void {
    this.open = false;
    this.followUps.forget();
  }

  /** MULTI was refused: what followed was executed as it came. Its follow-ups are due, also when EXEC has gone up already. */
  refused(number: number): void {
    if (number !== this.number) return;
    this.open = false;
    // Not into the middle of a command that is going up in pieces.
    if (this.upstream.midCommand) this.followUps.fail();
    else this.followUps.sendWaiting();
  }

  /** EXEC with follow-ups waiting was answered. */
  answered(executed: boolean): void {
    if (executed) this.followUps.sendWaiting();
    else this.followUps.forget();
  }
}
