// CLIENT REPLY OFF and SKIP: which commands get no answer. Whether the server took them shows by no answer at all,
// so each is sent with an ON behind it, which answers only if the first took (and OFF once more). If it did not,
// because of the user's rights, each is refused, and the client gets the one refusal that it waits for.
// Invariant: while a check is under way the client is stalled, so nothing else can be owed behind it.
import { encodeCommand } from '../../resp/encode.js';
import { Pending } from '../reply/pending-kind.js';
import type { ReplySequencer } from '../reply/reply-sequencer.js';
import type { Intake } from '../request/intake.js';
import type { UpstreamWriter } from '../request/upstream-writer.js';

const REPLY_ON = encodeCommand('CLIENT', 'REPLY', 'ON');
const REPLY_OFF = encodeCommand('CLIENT', 'REPLY', 'OFF');
const REPLY_SKIP = encodeCommand('CLIENT', 'REPLY', 'SKIP');

export class ReplySilence {
  /** Nothing but pushes comes back. */
  off = false;
  /** The next command gets no reply. */
  skipNext = false;
  /** The check under way is for OFF; else for SKIP. */
  private checkingOff = false;

  constructor(
    private readonly upstream: UpstreamWriter,
    private readonly intake: Intake,
    private readonly replies: ReplySequencer,
  ) {}

  get any(): boolean {
    return this.off || this.skipNext;
  }

  /** Whether the command now forwarded goes unanswered; uses a SKIP up. */
  takes(): boolean {
    const taken = this.off || this.skipNext;
    this.skipNext = false;
    return taken;
  }

  /** CLIENT REPLY ON, which is always answered. */
  end(): void {
    this.off = false;
    this.skipNext = false;
  }

  /** CLIENT REPLY OFF is under scan. */
  begin(): void {
    if (this.any) {
      // A SKIP took before, so this one will, too; either way no answer comes.
      this.off = true;
      this.skipNext = false;
    } else {
      this.check(true, REPLY_ON, REPLY_OFF);
    }
  }

  /** CLIENT REPLY SKIP is under scan. */
  skip(): void {
    // Silent already, or itself skipped, it gets no answer that could tell of a refusal.
    if (!this.any) this.check(false, REPLY_ON);
  }

  /** The check's first reply has come. */
  checked(taken: boolean): void {
    if (!taken) this.replies.owe(Pending.SWALLOW, 0, this.checkingOff ? 2 : 1);
    else if (this.checkingOff) this.off = true;
    else {
      // The ON has used the client's SKIP up.
      this.upstream.insertBehind(REPLY_SKIP);
      this.skipNext = true;
    }
  }

  private check(off: boolean, ...behind: readonly Buffer[]): void {
    this.checkingOff = off;
    for (const command of behind) this.upstream.insertBehind(command);
    this.replies.owe(Pending.REPLY_CHECK);
    this.intake.stall();
  }
}
