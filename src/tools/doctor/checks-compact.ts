// Checks of collections that are just past a limit of being stored compactly: of how many elements, or of how long one.
// A key counts only where the mend would do: past both limits it stays as it is.
import type { Facts, Setting } from './facts.js';
import { type Check, type Finding, share } from './finding.js';
import type { Collection, Roomy } from './shapes.js';

/** Fewer say nothing of a type. */
const FEW = 20;
const PART = 0.05;

interface Limit {
  /** Since 7.0, and before. */
  readonly names: readonly [Setting, ...Setting[]];
  /** Redis's own default; undefined: the limit is there only where the server tells it. */
  readonly usual?: number;
}

interface Limits {
  readonly entries: Limit;
  /** undefined: of numbers, which have none. */
  readonly value?: Limit;
}

const HASH_VALUE: Limit = { names: ['hash-max-listpack-value', 'hash-max-ziplist-value'], usual: 64 };

const LIMITS: Readonly<Record<Collection, readonly Limits[]>> = {
  hash: [
    {
      entries: { names: ['hash-max-listpack-entries', 'hash-max-ziplist-entries'], usual: 512 },
      value: HASH_VALUE,
    },
  ],
  zset: [
    {
      entries: { names: ['zset-max-listpack-entries', 'zset-max-ziplist-entries'], usual: 128 },
      value: { names: ['zset-max-listpack-value', 'zset-max-ziplist-value'], usual: 64 },
    },
  ],
  // The second: since 7.2.
  set: [
    { entries: { names: ['set-max-intset-entries'], usual: 512 } },
    {
      entries: { names: ['set-max-listpack-entries'] },
      value: { names: ['set-max-listpack-value'], usual: 64 },
    },
  ],
};

export const COMPACT_CHECKS: readonly Check[] = (['hash', 'zset', 'set'] as const).map((type) => ({
  id: `${type}-just-past-compact`,
  needs: 'shapes',
  run(facts) {
    for (const limits of LIMITS[type]) {
      const found = justPast(type, limits, facts);
      if (found !== undefined) return found;
    }
    return undefined;
  },
}));

/** A hash with a longer value is not stored compactly; bytes. */
export function hashValueLimit(facts: Facts): number {
  return told(HASH_VALUE, facts).limit;
}

/** By whichever of the two limits more of them are held up. */
function justPast(type: Collection, limits: Limits, facts: Facts): Finding | undefined {
  const { keys = 0, roomy = [] } = facts.shapes?.[type] ?? {};
  const entries = told(limits.entries, facts);
  const value = limits.value && told(limits.value, facts);
  const short = ({ longest, numbers }: Roomy): boolean =>
    value === undefined ? numbers : longest <= value.limit;
  const many = roomy.filter((each) => isJustPast(each.count, entries.limit) && short(each)).length;
  const wide =
    value === undefined
      ? 0
      : roomy.filter(({ count, longest }) => count <= entries.limit && isJustPast(longest, value.limit))
          .length;
  const past = Math.max(many, wide);
  if (past < FEW || past < PART * keys) return undefined;
  const [{ setting, limit, known }, what, of] =
    value === undefined || many >= wide
      ? ([entries, 'are just too long', 'elements'] as const)
      : ([value, 'have an element just too long', 'bytes in their longest element'] as const);
  return {
    severity: 'notice',
    title: `Many keys of type ${type} ${what} to be stored compactly`,
    evidence: `${past} of ${keys} in the sample (${share(past / keys)}) have ${limit + 1} to ${2 * limit} ${of} (${setting} ${limit}${known})`,
    reason:
      'Stored compactly they take less memory, the shorter their elements the less, for a little processor time.',
    mend: [
      `redis-cli ${facts.cli} CONFIG SET ${setting} ${2 * limit}   # counts for keys that are written anew, or read in at a start`,
    ],
  };
}

function isJustPast(size: number, limit: number): boolean {
  return size > limit && size <= 2 * limit;
}

/** What the server says, else Redis's default; NaN where there is none. */
function told({ names, usual }: Limit, { config }: Facts) {
  const setting = names.find((name) => config?.has(name)) ?? names[0];
  const known = config === undefined ? ', the default, as CONFIG may not be read' : '';
  return { setting, limit: Number(config?.get(setting) ?? usual), known };
}
