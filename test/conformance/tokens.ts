// A reply as a flat row of its parts, in RESP2 and RESP3: what comparisons that are looser than byte for byte look at.
// Never used to find out where a reply ends: that is resp-framing's part. Only for whole, well-formed replies.
import { frameReply } from '../support/resp-framing.js';

export interface Token {
  /** The type byte; nil bulks and arrays, which have no content, are `$-` and `*-`. */
  readonly type: string;
  /** A scalar's text as latin1; the number of elements of an aggregate. */
  readonly text: string;
}

/** A reply's content without its types: what a RESP2 reply holds. */
export type Nested = string | readonly Nested[];

/** Cuts what a server sent into replies; pushes are replies of their own. @throws Error when it ends within one. */
export function splitReplies(bytes: Buffer): Buffer[] {
  const replies: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const framing = frameReply(bytes, at);
    if (!('end' in framing)) throw new Error(`a reply that does not end, at ${at} of ${bytes.length} bytes`);
    replies.push(bytes.subarray(at, framing.end));
    at = framing.end;
  }
  return replies;
}

export function tokens(reply: Buffer): Token[] {
  const found: Token[] = [];
  for (let at = 0; at < reply.length; ) {
    const type = String.fromCharCode(reply[at]);
    const lineEnd = reply.indexOf('\r\n', at);
    const text = reply.toString('latin1', at + 1, lineEnd);
    at = lineEnd + 2;
    if (text === '-1' && (type === '$' || type === '*')) {
      found.push({ type: `${type}-`, text: '' });
    } else if (type === '$' || type === '=' || type === '!') {
      found.push({ type, text: reply.toString('latin1', at, at + Number(text)) });
      at += Number(text) + 2;
    } else {
      found.push({ type, text });
    }
  }
  return found;
}

/** The content of a RESP2 reply. */
export function nested(reply: Buffer): Nested {
  const left = tokens(reply).reverse();
  const take = (): Nested => {
    const token = left.pop();
    if (token?.type === '*') return Array.from({ length: Number(token.text) }, take);
    return token?.text ?? '';
  };
  return take();
}
