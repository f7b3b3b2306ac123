// The client's transaction, judged by the commands that went up, and the follow-ups that wait for its EXEC. Whether the server
// accepted MULTI shows only in its reply: a refusal ends here a transaction that never began there.
import { DETAIL_LIMIT } from '../reply/pending-queue.js';
import type { FollowUps } from '../request/follow-ups.js';
import type { UpstreamWriter } from '../request/upstream-writer.js';

export class Transaction {
  /** MULTI has gone up, and nothing has ended it since. */
  open = false;
  /** MULTI gets no reply (CLIENT REPLY OFF), so whether it was accepted will never be known. */
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

  /** EXEC goes up. Returns whether a transaction was open. */
  execute(): boolean {
    const { open } = this;
    this.open = false;
    return open;
  }

  /** It has failed, by DISCARD, RESET, or an EXEC that is refused (server.c, rejectCommand). */
  end(): void {
    this.open = false;
    this.followUps.forget();
  }

  /** MULTI was refused, so the commands after it were executed at once. Their follow-ups are due, even if EXEC has gone up. */
  refused(number: number): void {
    if (number !== this.number) return;
    this.open = false;
    // Nothing may be inserted into a streaming command.
    if (this.upstream.midCommand) this.followUps.fail();
    else this.followUps.sendWaiting();
  }

  /** EXEC with waiting follow-ups was answered. */
  answered(executed: boolean): void {
    if (executed) this.followUps.sendWaiting();
    else this.followUps.forget();
  }
}
