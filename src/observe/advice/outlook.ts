// What each eviction policy would do with the keys of this server: how much it could evict and of which patterns, how long that
// lasts, how many writes it would have refused, and which keys it would evict that must stay. Pure.
import { Priority } from '../../core/policy/rule.js';
import type { AdviceFacts, Holder } from './facts.js';

/** The policies that are compared. "evict": Spillway makes room by rule, under any policy. */
export const OUTLOOKS = [
  'noeviction',
  'volatile-ttl',
  'volatile-lru',
  'volatile-lfu',
  'allkeys-lru',
  'evict',
] as const;
export type OutlookName = (typeof OUTLOOKS)[number];

export interface PolicyOutlook {
  policy: OutlookName;
  /** The server has it now; for "evict": a rule has it. */
  current: boolean;
  /** null: nobody has examined the keys. */
  evictableBytes: number | null;
  /** The rules and patterns with most of these bytes, the largest first. */
  whose: string[];
  /** Seconds until nothing is left to evict and writes are refused; null: never at the present growth, or growth is unknown. */
  lastsSeconds: number | null;
  /** How many of the writes that were refused in the last hour it would have refused; null: unknown. */
  refusedLastHour: number | null;
  /** Rules and patterns of locks, rate limits and the like that it evicts too. */
  takes: string[];
  /** Rules and patterns of jobs and other keys that must stay, and that it evicts too. */
  loses: string[];
}

const SHOWN = 3;
/** With less than this share of the limit left to evict, writes are refused. */
const ENOUGH = 0.02;

/** One row for each of OUTLOOKS. */
export function outlooks(facts: AdviceFacts): PolicyOutlook[] {
  return OUTLOOKS.map((policy) => outlook(policy, facts));
}

function outlook(policy: OutlookName, facts: AdviceFacts): PolicyOutlook {
  const holders = facts.holders ?? [];
  const evictable = (holder: Holder) => evictableOf(policy, holder);
  const known = facts.holders !== undefined && holders.every((holder) => Number.isFinite(evictable(holder)));
  const current = isCurrent(policy, facts);
  const measured = current && policy !== 'evict' ? facts.measured : undefined;
  const counted = known ? Math.min(facts.usedBytes, sum(holders, evictable)) : null;
  const bytes = measured?.evictableBytes ?? counted;
  const whose = [...holders].filter((holder) => evictable(holder) > 0);
  whose.sort((a, b) => evictable(b) - evictable(a));
  const touched = holders.filter((holder) => takes(policy, holder));
  const names = (some: readonly Holder[]) => [...new Set(some.map(({ name }) => name))].slice(0, SHOWN);
  const lastsSeconds = measured?.lastsSeconds ?? (counted === null ? null : lasts(policy, facts, counted));
  return {
    policy,
    current,
    evictableBytes: bytes === null ? null : Math.round(bytes),
    whose: names(whose),
    lastsSeconds,
    refusedLastHour: refused(policy, facts, bytes, lastsSeconds),
    takes: names(touched.filter(({ shortLived }) => shortLived !== undefined)),
    loses: loses(policy, touched, facts),
  };
}

/**
 * For keys that must stay. A sample may miss a queue that is one key, so the rules count even if none of their keys was seen.
 */
function loses(policy: OutlookName, touched: readonly Holder[], { rules }: AdviceFacts): string[] {
  const seen = touched.filter(mustStay).map(({ name }) => name);
  const ruled = policy === 'allkeys-lru' ? rulesToStay(rules).map(({ name }) => name) : [];
  return [...new Set([...seen, ...ruled])].slice(0, SHOWN);
}

/** Keys whose eviction loses data: jobs, and keys of durable or critical rules. */
export function mustStay({ family, rule }: Holder): boolean {
  return family !== undefined || (rule !== undefined && rulesToStay([rule]).length > 0);
}

/** The rules whose keys must stay. */
export function rulesToStay<R extends { durable: boolean; priority: Priority; family?: unknown }>(
  rules: readonly R[],
): R[] {
  return rules.filter(
    ({ durable, priority, family }) => durable || priority === Priority.CRITICAL || family !== undefined,
  );
}

function takes(policy: OutlookName, { bytes, ttlKeys, cache, rule }: Holder): boolean {
  if (policy === 'noeviction') return false;
  if (policy === 'allkeys-lru') return bytes > 0 || Number.isNaN(bytes);
  if (policy === 'evict') return rule?.evict === true || cache;
  return ttlKeys > 0;
}

function evictableOf(policy: OutlookName, holder: Holder): number {
  if (!takes(policy, holder)) return 0;
  return policy.startsWith('volatile-') ? holder.ttlBytes : holder.bytes;
}

/** At the growth of the memory that it cannot evict. */
function lasts(policy: OutlookName, facts: AdviceFacts, evictableBytes: number): number | null {
  const { holders = [], limitBytes, usedBytes } = facts;
  if (policy === 'allkeys-lru' || limitBytes <= 0) return null;
  if (holders.some(({ growthBytesPerSecond }) => growthBytesPerSecond === undefined)) return null;
  const growth = sum(holders, (holder) => {
    const { growthBytesPerSecond = 0, bytes } = holder;
    const stays = bytes > 0 ? 1 - evictableOf(policy, holder) / bytes : 1;
    return Math.max(0, growthBytesPerSecond) * Math.max(0, stays);
  });
  if (growth <= 0) return null;
  return Math.max(0, limitBytes - (usedBytes - evictableBytes)) / growth;
}

function refused(
  policy: OutlookName,
  facts: AdviceFacts,
  evictableBytes: number | null,
  lastsSeconds: number | null,
): number | null {
  const { refusedLastHour = null, limitBytes } = facts;
  if (refusedLastHour === null || isCurrent(policy, facts)) return refusedLastHour;
  if (policy === 'noeviction') return null;
  if (policy === 'allkeys-lru') return 0;
  if (evictableBytes === null) return null;
  const enough = evictableBytes >= ENOUGH * limitBytes && lastsSeconds !== 0;
  return enough ? 0 : refusedLastHour;
}

function isCurrent(policy: OutlookName, { policy: current, rules }: AdviceFacts): boolean {
  return policy === 'evict' ? rules.some(({ evict }) => evict === true) : policy === current;
}

function sum(holders: readonly Holder[], of: (holder: Holder) => number): number {
  return holders.reduce((total, holder) => total + of(holder), 0);
}
