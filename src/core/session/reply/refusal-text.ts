// The error that a client gets in place of a reply when Spillway refuses its command.
import { errorReply } from '../../resp/client-errors.js';
import { refusalReply } from '../../resp/refusal-replies.js';
import { Refusal } from './pending-kind.js';

const REFUSALS: Readonly<Record<Refusal, Buffer>> = {
  [Refusal.OOM]: errorReply('OOM'),
  [Refusal.IN_TRANSACTION]: errorReply('IN_TRANSACTION'),
};
/** `refusal`: a Refusal, or the number of a rule's own error. */
export function replyOf(refusal: number): Buffer {
  return refusalReply(refusal) ?? REFUSALS[refusal as Refusal];
}
