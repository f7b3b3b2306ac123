// CLIENT REPLY OFF and SKIP: which commands get no reply. Only silence shows that one took effect. So Spillway sends CLIENT
// REPLY ON after each, which gets an OK only if the first took effect (then OFF once more). If the user may not run them, all
// are refused, and the client gets the one refusal that it waits for.
// Invariant: during such a check the client is stalled, so no other reply can become due after it.
import { equalsIgnoreCase } from '../../resp/bytes.js';
import { encodeCommand } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import { Pending } from '../reply/pending-kind.js';
import type { ReplySequencer } from '../reply/reply-sequencer.js';
import type { Intake } from '../request/intake.js';
import type { UpstreamWriter } from '../request/upstream-writer.js';

const REPLY_ON = encodeCommand('CLIENT', 'REPLY', 'ON');
const REPLY_OFF = encodeCommand('CLIENT', 'REPLY', 'OFF');
const REPLY_SKIP = encodeCommand('CLIENT', 'REPLY', 'SKIP');

/** Whether the whole command in `args` is CLIENT REPLY `how`, lower or upper case. */
export function isReply({ buf, starts, ends, argc, parsed }: RequestScanner, how: string): boolean {
  const is = (i: number, word: string) => equalsIgnoreCase(buf, starts[i], ends[i], word);
  return argc === 3 && parsed === 3 && is(0, 'CLIENT') && is(1, 'REPLY') && is(2, how);
}

export class ReplySilence {
  /** CLIENT REPLY OFF is in effect. */
  off = false;
  /** The next command gets no reply. */
  skipNext = false;
  /** The current check is for OFF; otherwise for SKIP. */
  private checkingOff = false;

  constructor(
    private readonly upstream: UpstreamWriter,
    private readonly intake: Intake,
    private readonly replies: ReplySequencer,
  ) {}

  get any(): boolean {
    return this.off || this.skipNext;
  }

  /** Whether the command now forwarded gets no reply. Uses up a SKIP. */
  takes(): boolean {
    const taken = this.off || this.skipNext;
    this.skipNext = false;
    return taken;
  }

  /** CLIENT REPLY ON, which always gets a reply. */
  end(): void {
    this.off = false;
    this.skipNext = false;
  }

  /** CLIENT REPLY OFF is under scan. */
  begin(): void {
    if (this.any) {
      // An earlier SKIP took effect, so OFF will too; either way no reply comes.
      this.off = true;
      this.skipNext = false;
    } else {
      this.check(true, REPLY_ON, REPLY_OFF);
    }
  }

  /** CLIENT REPLY SKIP is under scan. */
  skip(): void {
    // If the client is silent already, SKIP gets no reply that could show a refusal.
    if (!this.any) this.check(false, REPLY_ON);
  }

  /** The check's first reply has come. */
  checked(taken: boolean): void {
    if (!taken) this.replies.owe(Pending.SWALLOW, 0, this.checkingOff ? 2 : 1);
    else if (this.checkingOff) this.off = true;
    else {
      // The injected ON has used up the client's SKIP.
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
