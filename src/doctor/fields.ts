// Fields that have a key each, such as `user:17:name` and `user:17:email`: of small strings, which words stand behind
// the id. Bounded: so many patterns, of each so many words.
import { PATTERN_SCRATCH, writePattern } from '../stats/prefix.js';

/** By pattern (`user:*:*`): how often each word was last in a key. */
export type Fields = ReadonlyMap<string, ReadonlyMap<string, number>>;

const MOST_PATTERNS = 1000;
/** More different words than that are no fields. */
const MOST_FIELDS = 32;
const BEHIND_ID = /\*[:/|]\*$/;
const FIELD = /[:/|]([A-Za-z][A-Za-z_-]{0,31})$/;

export class FieldTally {
  /** null: what stands there are no fields. */
  private readonly words = new Map<string, Map<string, number> | null>();
  private readonly scratch = Buffer.allocUnsafe(PATTERN_SCRATCH);

  note(key: Buffer): void {
    const pattern = this.scratch.toString('latin1', 0, writePattern(key, 0, key.length, this.scratch));
    if (!BEHIND_ID.test(pattern)) return;
    const known = this.words.get(pattern);
    if (known === null || (known === undefined && this.words.size >= MOST_PATTERNS)) return;
    const words = known ?? new Map<string, number>();
    const word = FIELD.exec(key.toString('latin1'))?.[1];
    if (word !== undefined) words.set(word, (words.get(word) ?? 0) + 1);
    this.words.set(pattern, word === undefined || words.size > MOST_FIELDS ? null : words);
  }

  get fields(): Fields {
    return new Map([...this.words].flatMap(([pattern, words]) => (words ? [[pattern, words] as const] : [])));
  }
}
