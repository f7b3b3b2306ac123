// Parses the query of /api/explain: key=KEY, command=WORD for each word of the command, or one command=LINE, and db=NUMBER and
// user=NAME of the client. Node's limit for a request's head (16 KB) bounds its length.

import { splitInline } from '../../core/resp/inline.js';
import type { ExplainRequest } from '../explain/types.js';

const NAMES: ReadonlySet<string> = new Set(['key', 'command', 'db', 'user']);

/** `query`: the part after the question mark. Returns a text if it is wrong. */
export function readExplainQuery(query: string): ExplainRequest | string {
  const params = new URLSearchParams(query);
  const stray = [...params.keys()].find((name) => !NAMES.has(name));
  if (stray !== undefined) return 'the query may have only key=KEY, command=WORD, db=NUMBER and user=NAME.';
  const [key, ...more] = params.getAll('key');
  if (key === undefined || more.length > 0) return 'the query must have key=KEY once.';
  const number = params.get('db') ?? undefined;
  if (number !== undefined && !/^\d{1,6}$/.test(number)) return 'db must be the number of a database.';
  const client = {
    ...(number !== undefined && { db: Number(number) }),
    ...(params.get('user') && { user: params.get('user') ?? undefined }),
  };
  const words = params.getAll('command');
  if (words.length !== 1) return { key, command: words, ...client };
  const line = Buffer.from(words[0]);
  const split = splitInline(line, 0, line.length);
  if (split === undefined) return 'the quotes in command do not balance.';
  return { key, command: split.map((word) => Buffer.from(word).toString('utf8')), ...client };
}
