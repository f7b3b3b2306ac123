// Checks for fields that are stored as keys of their own although one hash of them would take less memory.
import { countText } from '../../core/words.js';
import type { GroupAnalysis } from '../analyze/analysis.js';
import { hashValueLimit } from './checks-compact.js';
import type { Facts } from './facts.js';
import { type Check, figure, sizeText } from './finding.js';

const SMALL_BYTES = 128;
/** A hash has one TTL for all fields, so either nearly all of the keys must have a TTL or nearly none. */
const MIXED = 0.05;
/** Overhead of a name and a value in a compact hash (listpack.c), and the allocator's rounding. */
const PAIR_BYTES = 5;
const ROUNDED_UP = 1.25;
/** How much more a hash takes than the key that it replaces: on Valkey 9 a key contains its name and value. */
const HASH_BYTES = 10;
const LEAST_SHARE = 0.05;
const LEAST_BYTES = 2 ** 20;
const SHOWN = 3;

interface Candidate {
  readonly group: GroupAnalysis;
  readonly names: readonly string[];
  readonly savedBytes: number;
}

export const FIELD_CHECKS: readonly Check[] = [
  {
    id: 'fields-as-keys',
    needs: 'fields',
    run(facts) {
      const found = candidates(facts).sort((a, b) => b.savedBytes - a.savedBytes);
      const saved = found.reduce((sum, { savedBytes }) => sum + savedBytes, 0);
      const [most] = found;
      if (most === undefined || saved < Math.max(LEAST_BYTES, LEAST_SHARE * figure(facts, 'used_memory'))) {
        return undefined;
      }
      return {
        severity: 'notice',
        title: 'Fields are stored as separate keys; a hash would need less memory',
        evidence: found.slice(0, SHOWN).map(told).join('; '),
        reason:
          'Each key takes 20 to 70 bytes beside its name and value (by server and version), and repeats the common part of the name. A small hash stores its fields compactly.',
        mend: [
          `# in the application: HSET ${example(most)}, instead of one SET for each field`,
          '# all fields then share one TTL; before Redis 7.4 a field cannot have its own',
        ],
      };
    },
  },
];

function candidates(facts: Facts): Candidate[] {
  const { keys, fields } = facts;
  const longest = hashValueLimit(facts);
  return (keys?.groups ?? []).flatMap((group) => {
    const found = fields?.get(group.name);
    const withoutTtl = group.withoutTtl.estimate / group.keys.estimate;
    if (found === undefined || group.averageBytes > SMALL_BYTES || found.longest > longest) return [];
    if ((group.types.string ?? 0) < 1 || (withoutTtl > MIXED && withoutTtl < 1 - MIXED)) return [];
    const { names, objectsPerKey, pairBytes } = found;
    const inHash = (pairBytes + PAIR_BYTES) * ROUNDED_UP;
    const savedEach = (1 - objectsPerKey) * (group.averageBytes - inHash) - objectsPerKey * HASH_BYTES;
    return [{ group, names, savedBytes: group.keys.estimate * Math.max(0, savedEach) }];
  });
}

function told({ group, names, savedBytes }: Candidate): string {
  const keys = Math.round(group.keys.estimate);
  return `${group.name}: ${countText(keys)} keys of ${sizeText(group.averageBytes)} (${some(names).join(', ')}), at least ${sizeText(savedBytes)} less as hashes`;
}

/** Key, fields and values for HSET. */
function example({ group, names }: Candidate): string {
  const key = group.name.slice(0, -2).replaceAll('*', 'ID');
  const pairs = names.slice(0, SHOWN).map((name) => `${name} VALUE`);
  return [key, ...pairs].join(' ');
}

function some(names: readonly string[]): string[] {
  return names.length <= SHOWN ? [...names] : [...names.slice(0, SHOWN), `${names.length - SHOWN} more`];
}
