// Checks of collections that are just past one of the two limits of compact storage: number of elements, and length of an
// element. A key counts only if raising that one limit makes it compact: a key past both limits does not count.
import { percentText } from '../../core/words.js';
import type { Facts, Setting } from './facts.js';
import type { Check, Finding } from './finding.js';
import type { Collection, Roomy } from './shapes.js';

/** With fewer keys just past a limit there is no finding. */
const FEW = 20;
const PART = 0.05;

interface Limit {
  /** Its name since Redis 7.0, and the one before. */
  readonly names: readonly [Setting, ...Setting[]];
  /** Redis's own default; undefined: the limit exists only if the server knows the setting. */
  readonly usual?: number;
}

interface Limits {
  readonly entries: Limit;
  /** undefined: a set of numbers, which has no limit of length. */
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
  // The second since Redis 7.2.
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

/** A finding for the limit that more keys are just past. */
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
      ? ([entries, 'have just too many elements', 'elements'] as const)
      : ([value, 'have an element that is just too long', 'bytes in their longest element'] as const);
  return {
    severity: 'notice',
    title: `Many keys of type ${type} ${what} to be stored compactly`,
    evidence: `${past} of ${keys} in the sample (${percentText(past / keys)}) have ${limit + 1} to ${2 * limit} ${of} (${setting} ${limit}${known})`,
    reason:
      'Compact storage takes less memory, above all with short elements, and a little more processor time.',
    mend: [
      `redis-cli ${facts.cli} CONFIG SET ${setting} ${2 * limit}   # applies to a key when it is written again, or when a restart loads it`,
    ],
  };
}

function isJustPast(size: number, limit: number): boolean {
  return size > limit && size <= 2 * limit;
}

/** The server's setting, or else Redis's default; NaN: the server has no such limit. */
function told({ names, usual }: Limit, { config }: Facts) {
  const setting = names.find((name) => config?.has(name)) ?? names[0];
  const known = config === undefined ? ', the default: CONFIG GET is not allowed' : '';
  return { setting, limit: Number(config?.get(setting) ?? usual), known };
}
