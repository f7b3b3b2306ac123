// Ends the wait of a client's PROXY question, at whose place among the replies the client then gets an error. A held question
// is refused when it is scanned again; of one that has gone up, the server's answer is hidden when it comes.
import { SILENT } from '../reply/reply-sequencer.js';
import type { ProtocolState } from './protocol-state.js';

/** What of CommandRouter this needs. */
interface Refuser {
  readonly stops: { readonly forbidsRest: boolean };
  refuse(reply: Uint8Array): void;
}

export class QuestionEnd {
  constructor(
    private readonly protocol: ProtocolState,
    private readonly router: Refuser,
  ) {}

  /** While another reply is due before it, nothing happens. Returns whether to go on with held bytes, if there are some. */
  giveUp(): boolean {
    return this.protocol.console.isHeld ? this.refuseHeld() : this.answerSent();
  }

  private refuseHeld(): boolean {
    if (!this.protocol.replies.owesNothing || this.protocol.inMulti) return false;
    this.router.refuse(SILENT);
    return true;
  }

  private answerSent(): boolean {
    if (!this.protocol.replies.giveUpQuestion()) return false;
    this.protocol.console.settle();
    return !this.router.stops.forbidsRest;
  }
}
