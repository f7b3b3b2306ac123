// The query of /api/explain: key=KEY, and command=WORD for each word of the command, or command=LINE for all of them.
// Owns reading it; its length is bounded by that of a request's head (16 KiB, Node's own limit).

import { splitInline } from '../../core/resp/inline.js';
import type { ExplainRequest } from '../explain/types.js';

/** `query`: what stands behind the question mark. A text instead of a request: what is wrong with it. */
export function readExplainQuery(query: string): ExplainRequest | string {
  const params = new URLSearchParams(query);
  const stray = [...params.keys()].find((name) => name !== 'key' && name !== 'command');
  if (stray !== undefined) return 'only key=KEY and command=WORD stand in the query.';
  const [key, ...more] = params.getAll('key');
  if (key === undefined || more.length > 0) return 'key=KEY must stand in the query, once.';
  const words = params.getAll('command');
  if (words.length !== 1) return { key, command: words };
  const line = Buffer.from(words[0]);
  const split = splitInline(line, 0, line.length);
  if (split === undefined) return 'the quotes in command do not balance.';
  return { key, command: split.map((word) => Buffer.from(word).toString('utf8')) };
}
