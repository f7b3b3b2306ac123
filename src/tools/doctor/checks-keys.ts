// Checks of the keys themselves: big keys, keys that never expire or are deleted late, lists in small nodes.
import { MB } from '../../core/units.js';
import { countText, percentText } from '../../core/words.js';
import { shellQuoted } from '../keyspace/shell.js';
import { committedShare } from './committed.js';
import type { Facts } from './facts.js';
import { type Check, figure, keyspace, set, sizeText } from './finding.js';
import { sweepMend } from './room.js';

const BIG_BYTES = 10 * MB;
const STALE_BYTES = 16 * MB;
/** Of active-expire-effort. */
const MOST_EFFORT = 10;
const SHOWN_KEY = 80;
const LAZY = ['lazyfree-lazy-expire', 'lazyfree-lazy-eviction'] as const;
/** Redis's default: 8 KB in each node of a list. */
const LIST_NODE = '-2';
/** With fewer elements, a node's overhead is as large as its elements. */
const FEW_IN_NODE = 32;

/** The beginning of a command that writes. A replica refuses writes, so there it names the primary. */
function writer({ cli, info }: Facts): string {
  return info.get('role') === 'slave' ? '# on its primary: redis-cli' : `redis-cli ${cli}`;
}

/** The key quoted for a shell; KEY if it cannot be typed. */
function typed(key = ''): string {
  return /^[\x20-\x7e]{1,80}$/.test(key) && !key.includes('\\x') ? shellQuoted(key) : 'KEY';
}

export const KEY_CHECKS: readonly Check[] = [
  {
    id: 'big-keys',
    needs: 'keys',
    run(facts) {
      const all = Object.entries(facts.keys?.biggest ?? {}).flatMap(([type, list]) =>
        list.map((entry) => ({ type, ...entry })),
      );
      const big = all.filter(({ bytes }) => bytes >= BIG_BYTES).sort((a, b) => b.bytes - a.bytes);
      if (big.length === 0) return undefined;
      const shown = big
        .slice(0, 3)
        .map(
          ({ type, key, bytes }) => `${type} ${JSON.stringify(key.slice(0, SHOWN_KEY))} ${sizeText(bytes)}`,
        );
      return {
        severity: 'warning',
        title: `${big.length} big ${big.length === 1 ? 'key' : 'keys'} in the sample`,
        evidence: shown.join(', '),
        reason:
          'Reading, deleting or moving a big key blocks all clients, and Redis can neither split nor evict a part of it.',
        mend: [
          'spillway analyze --top 20   # lists all of them',
          `${writer(facts)} UNLINK ${typed(big[0]?.key)}   # deletes it without blocking other clients`,
          ...LAZY.filter((setting) => facts.config?.get(setting) === 'no').map(
            (setting) =>
              `redis-cli ${facts.cli} CONFIG SET ${setting} yes   # the same for keys that Redis itself deletes`,
          ),
        ],
      };
    },
  },
  {
    id: 'keys-without-ttl',
    primaryOnly: true,
    needs: 'keys',
    run(facts) {
      const { keys, expires } = keyspace(facts);
      if (facts.info.get('maxmemory_policy') !== 'noeviction' || !(committedShare(facts) >= 0.7))
        return undefined;
      if (keys < 100 || expires >= 0.5 * keys) return undefined;
      const most = [...(facts.keys?.groups ?? [])]
        .filter(({ withoutTtlBytes }) => withoutTtlBytes > 0)
        .sort((a, b) => b.withoutTtlBytes - a.withoutTtlBytes)
        .slice(0, 3)
        .map(({ name, withoutTtlBytes }) => `${name} ${sizeText(withoutTtlBytes)}`);
      return {
        severity: 'warning',
        title: 'Most keys never expire, and memory fills up',
        evidence: `${percentText(1 - expires / keys)} of ${countText(keys)} keys have no TTL; most memory in ${most.join(', ')}`,
        reason: 'A key without a TTL stays until somebody deletes it, so memory only grows.',
        mend: sweepMend(facts, 'shows which keys would get a TTL by the rules; --apply gives it'),
      };
    },
  },
  {
    id: 'expired-backlog',
    run(facts) {
      const stale = figure(facts, 'expired_stale_perc');
      // Some short-lived keys are always stale. Redis falls behind only if its expire cycles run out of time.
      const outOfTime = figure(facts, 'expired_time_cap_reached_count');
      const { keys, expires } = keyspace(facts);
      const used = figure(facts, 'used_memory');
      const bytes = (stale / 100) * (expires / keys) * used;
      if (!(stale > 10 && outOfTime > 0 && bytes > Math.max(0.05 * used, STALE_BYTES))) return undefined;
      return {
        severity: 'warning',
        title: 'Many expired keys are still in memory',
        evidence: `expired_stale_perc ${stale}, of ${countText(expires)} keys with a TTL: about ${sizeText(bytes)}; expired_time_cap_reached_count ${outOfTime} since the start`,
        reason: 'Redis deletes expired keys bit by bit and falls behind, because too many expire at once.',
        mend: [...moreEffort(facts), '# and spread the TTLs (jitter), so that fewer keys expire at once'],
      };
    },
  },
  {
    id: 'list-small-nodes',
    needs: 'config',
    run({ config, keys, cli }) {
      const setting = config?.has('list-max-ziplist-size')
        ? 'list-max-ziplist-size'
        : 'list-max-listpack-size';
      const most = Number(config?.get(setting) ?? LIST_NODE);
      const lists = keys?.biggest.list?.length ?? 0;
      if (!(most > 0 && most < FEW_IN_NODE) || lists === 0) return undefined;
      return {
        severity: 'notice',
        title: 'Lists are stored in small nodes',
        evidence: `${setting} ${most}: at most that many elements share a node`,
        reason: 'Each node has an overhead. With short elements it is larger than the elements.',
        mend: [
          `redis-cli ${cli} CONFIG SET ${setting} ${LIST_NODE}   # 8 KB; applies to a list when it is written again`,
        ],
      };
    },
  },
];

/** The commands that raise active-expire-effort; none if it is at its maximum. */
function moreEffort(facts: Facts): string[] {
  const setting = 'active-expire-effort';
  if (facts.config === undefined) {
    return [
      `redis-cli ${facts.cli} CONFIG GET ${setting}   # 1 to ${MOST_EFFORT}; a higher value deletes more keys in each cycle`,
    ];
  }
  const effort = Number(facts.config.get(setting));
  if (!(effort < MOST_EFFORT)) return [];
  return set(facts, setting, String(Math.min(MOST_EFFORT, effort + 4))).concat('# costs processor time');
}
