// Finds fields that are stored as keys, such as `user:17:name` and `user:17:email`: which words follow the id in the names of
// small strings, and how many of them one object has. Bounded in patterns, words and keys.

import { PATTERN_SCRATCH, writePattern } from '../../observe/stats/prefix.js';
import { keyCommand } from '../keyspace/batch.js';
import type { Reply } from '../keyspace/pipe.js';
import type { KeyQuestion } from '../keyspace/redirect.js';

export interface FieldNames {
  /** The field that is met most often first. */
  readonly names: readonly string[];
  /** Above 0, at most 1: then each object has only one field. An estimate. */
  readonly objectsPerKey: number;
  /** The mean of a name and its value, in bytes. */
  readonly pairBytes: number;
  /** The longest value that was met, in bytes. */
  readonly longest: number;
}

/** By pattern (`user:*:*`). */
export type Fields = ReadonlyMap<string, FieldNames>;

const MOST_PATTERNS = 1000;
/** More different words than this are not fields. */
const MOST_FIELDS = 32;
const BEHIND_ID = /\*[:/|]\*$/;
const FIELD = /[:/|]([A-Za-z][A-Za-z_-]{0,31})$/;
/** Keys of a pattern; a pattern with fewer is not examined. */
const KEYS = 20;
/** Patterns whose keys are asked about, and fields of each: the most frequent ones. */
const MOST_ASKED = 10;
const MOST_SIBLINGS = 8;
const EXISTS = keyCommand(['EXISTS']);
const STRLEN = keyCommand(['STRLEN']);

interface Noted {
  seen: number;
  readonly words: Map<string, number>;
  /** The first few. */
  readonly keys: Buffer[];
}

export class FieldTally {
  /** null: these words are not fields. */
  private readonly noted = new Map<string, Noted | null>();
  private readonly scratch = Buffer.allocUnsafe(PATTERN_SCRATCH);

  /** @param key the key of a small string */
  note(key: Buffer): void {
    const pattern = this.scratch.toString('latin1', 0, writePattern(key, 0, key.length, this.scratch));
    if (!BEHIND_ID.test(pattern)) return;
    const known = this.noted.get(pattern);
    if (known === null || (known === undefined && this.noted.size >= MOST_PATTERNS)) return;
    const noted: Noted = known ?? { seen: 0, words: new Map(), keys: [] };
    const word = wordOf(key);
    if (word !== undefined) noted.words.set(word, (noted.words.get(word) ?? 0) + 1);
    noted.seen++;
    if (noted.keys.length < KEYS) noted.keys.push(Buffer.from(key));
    this.noted.set(pattern, word === undefined || noted.words.size > MOST_FIELDS ? null : noted);
  }

  /**
   * Checks which other fields some of the keys have, and how long their values are.
   * @param ask as Follower.ask() of the database. Rejects as it does.
   */
  async fields(ask: (questions: readonly KeyQuestion[]) => Promise<readonly Reply[]>): Promise<Fields> {
    const likely = [...this.noted].filter((entry): entry is [string, Noted] => {
      const [, noted] = entry;
      return noted !== null && noted.words.size > 1 && noted.keys.length >= KEYS;
    });
    likely.sort(([, a], [, b]) => b.seen - a.seen);
    const found = new Map<string, FieldNames>();
    for (const [pattern, { words, keys }] of likely.slice(0, MOST_ASKED)) {
      const names = [...words].sort(([, a], [, b]) => b - a).map(([word]) => word);
      const siblings = keys.map((key) => siblingsOf(key, names.slice(0, MOST_SIBLINGS)));
      const replies = await ask([
        ...keys.map((key) => ({ key, command: STRLEN })),
        ...siblings.flat().map((key) => ({ key, command: EXISTS })),
      ]);
      const lengths = replies.slice(0, keys.length).map(Number);
      let [objects, at] = [0, keys.length];
      for (const { length } of siblings) {
        const there = replies.slice(at, at + length).filter((reply) => reply === 1).length;
        objects += 1 / (1 + there);
        at += length;
      }
      const pairBytes = mean(keys.map((key, i) => (wordOf(key)?.length ?? 0) + (lengths[i] as number)));
      found.set(pattern, {
        ...{ names, pairBytes, longest: Math.max(...lengths) },
        objectsPerKey: objects / keys.length,
      });
    }
    return found;
  }
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}

function wordOf(key: Buffer): string | undefined {
  return FIELD.exec(key.toString('latin1'))?.[1];
}

/** The keys of the other fields of the same object. */
function siblingsOf(key: Buffer, names: readonly string[]): Buffer[] {
  const own = wordOf(key) ?? '';
  const stem = key.subarray(0, key.length - own.length);
  return names
    .filter((name) => name !== own)
    .map((name) => Buffer.concat([stem, Buffer.from(name, 'latin1')]));
}
