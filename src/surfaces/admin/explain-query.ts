// Parses the query of /api/explain: key=KEY, and command=WORD for each word of the command, or one command=LINE. Its length
// is bounded by Node's limit for a request's head (16 KiB).

import { splitInline } from '../../core/resp/inline.js';
import type { ExplainRequest } from '../explain/types.js';

/** `query`: the part after the question mark. Returns a text if it is wrong. */
export function readExplainQuery(query: string): ExplainRequest | string {
  const params = new URLSearchParams(query);
  const stray = [...params.keys()].find((name) => name !== 'key' && name !== 'command');
  if (stray !== undefined) return 'the query may have only key=KEY and command=WORD.';
  const [key, ...more] = params.getAll('key');
  if (key === undefined || more.length > 0) return 'the query must have key=KEY once.';
  const words = params.getAll('command');
  if (words.length !== 1) return { key, command: words };
  const line = Buffer.from(words[0]);
  const split = splitInline(line, 0, line.length);
  if (split === undefined) return 'the quotes in command do not balance.';
  return { key, command: split.map((word) => Buffer.from(word).toString('utf8')) };
}
