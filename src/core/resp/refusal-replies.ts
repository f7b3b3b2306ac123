// The error replies that rules give to refused writes, by number: replies that wait for their turn are kept as numbers.
// Invariants: a number stands for the same text as long as the process lives, so that a reload changes no waiting reply; at
// most MOST texts are kept, and further ones become Redis's OOM.

/** Redis's OOM; see client-errors.ts. */
export const OOM_REPLY = 0;
/** The session itself uses the numbers below this. */
const FIRST = 2;
/** Twice the most rules that a config may have. */
const MOST = 20_000;

const replies: Buffer[] = [];
const numbers = new Map<string, number>();

/** The number of the error with this line, which has neither `-` nor line end. */
export function refusalReplyNumber(text: string): number {
  const known = numbers.get(text);
  if (known !== undefined) return known;
  if (replies.length === MOST) return OOM_REPLY;
  numbers.set(text, FIRST + replies.length);
  replies.push(Buffer.from(`-${text}\r\n`, 'latin1'));
  return FIRST + replies.length - 1;
}

/** The whole reply; undefined: no rule's error has this number. */
export function refusalReply(number: number): Buffer | undefined {
  // A negative index would be looked up as the name of a property.
  return number < FIRST ? undefined : replies[number - FIRST];
}
