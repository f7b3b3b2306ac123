// The advice for a server that refuses writes although part of its keys can be recreated. Pure.
import { bytesText, countText, percentText } from '../../core/words.js';
import type { Advice } from './advice.js';
import type { AdviceFacts, Holder } from './facts.js';
import { mustStay, rulesToStay } from './outlook.js';
import { evictSteps, type Step } from './steps.js';
import { some } from './words.js';

/** Whether keys of a lower priority expire earlier. */
export type LifeSpan = 'by priority' | 'alike';

const FEW_KEYS = 100;
/** A server counts as a cache if this share of its keys expires; a cache with this share of the limit is worth evicting. */
const MOSTLY = 0.8;
const WORTH = 0.05;
const NEAR = 0.7;
/** Keys that hold a smaller share of the memory are no reason to treat a server as mixed. */
const SIDE = 0.01;

/** undefined: the server evicts, Spillway does, or there is nothing to evict. */
export function makeRoom(facts: AdviceFacts, ttls: LifeSpan): Advice | undefined {
  const { policy, keys, expires, holders = [], rules, usedBytes, limitBytes } = facts;
  if (policy !== 'noeviction' || keys < FEW_KEYS || rules.some(({ evict }) => evict === true))
    return undefined;
  const caches = holders.filter((holder) => holder.cache && !mustStay(holder));
  const bytes = caches.reduce((sum, holder) => sum + (Number.isFinite(holder.bytes) ? holder.bytes : 0), 0);
  const mostly = expires >= MOSTLY * keys;
  if (!mostly && bytes < WORTH * limitBytes) return undefined;
  const standing = holders.filter((holder) => !caches.includes(holder) && stands(holder, usedBytes));
  // A sample may miss a queue that is one key, so the rules count even if none of their keys was seen.
  const beside = new Set([...standing, ...rulesToStay(rules)].map(({ name }) => name));
  const steps = evictSteps(facts);
  const mixed = beside.size > 0 && steps.length > 0;
  const withTtl = `${percentText(expires / keys)} of ${countText(keys)} keys have a TTL`;
  const size = bytes > 0 ? `: ${bytesText(bytes)} of ${bytesText(limitBytes)}` : '';
  const besideText = beside.size === 0 ? '' : `, beside ${some([...beside])}`;
  const what =
    caches.length === 0 || (mostly && !mixed)
      ? withTtl
      : `${some(caches.map(({ name }) => name))}${size}${besideText}`;
  return {
    id: 'noeviction-cache',
    severity: mostly || usedBytes >= NEAR * limitBytes ? 'warning' : 'notice',
    title: mixed
      ? 'A cache shares this server; once it fills the memory, Redis refuses every write'
      : 'The server is used as a cache, but refuses writes when it is full',
    evidence: `noeviction; ${what}`,
    reason: mixed
      ? 'With noeviction a full Redis refuses writes to every key, jobs and locks included. A volatile policy would evict locks along with the cache.'
      : `Redis could evict the keys ${mostly ? 'that have a TTL' : 'of the cache'} when memory is short. With noeviction it refuses writes instead.`,
    steps: mixed
      ? [...steps, KEEP]
      : mostly
        ? expiring(ttls, steps)
        : beside.size > 0
          ? steps
          : [...steps, ONLY_CACHE],
  };
}

const KEEP: Step = {
  kind: 'note',
  text: 'Spillway then removes the oldest cache keys before memory is full; leave the policy at noeviction',
};

/** Without TTLs a volatile policy finds nothing to evict. */
const ONLY_CACHE: Step = {
  kind: 'policy',
  policy: 'allkeys-lru',
  why: 'instead, but only if this server holds nothing but caches: Redis may then evict any key',
};

/** Redis can evict the keys itself, since they have a TTL. */
function expiring(ttls: LifeSpan, evict: readonly Step[]): Step[] {
  const policy: Step =
    ttls === 'by priority'
      ? {
          kind: 'policy',
          policy: 'volatile-ttl',
          why: 'evicts the keys that expire soonest, which are the least important ones by your rules',
        }
      : { kind: 'policy', policy: 'volatile-lru', why: 'volatile-lfu where a few hot keys matter most' };
  return [
    policy,
    {
      kind: 'note',
      text: 'volatile policies also evict locks and rate limits, if the server has any; "evict" does not',
    },
    ...evict,
  ];
}

function stands(holder: Holder, usedBytes: number): boolean {
  if (holder.shortLived !== undefined || mustStay(holder)) return true;
  return holder.bytes >= SIDE * usedBytes;
}
