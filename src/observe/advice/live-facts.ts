// The facts that the policy advisor gets from a running proxy: statistics, readings, and refusals. Pure.
import type { Rule } from '../../core/policy/rule.js';
import type { MemorySnapshot } from '../../memory/snapshot.js';
import type { TtlCost } from '../../memory/ttl-cost.js';
import type { GrowthReport } from '../history/history.js';
import type { Holding } from '../holders/snapshot.js';
import type { DiscoveredPattern, RuleStats, StatsSnapshot } from '../stats/snapshot.js';
import { isTransactional } from '../stats/suggest.js';
import type { AdviceFacts, Holder } from './facts.js';
import { type HolderFigures, holderOf, holderOfRule } from './holder.js';

export interface LiveSources {
  readonly memory: Pick<
    MemorySnapshot,
    | 'policy'
    | 'maxmemoryBytes'
    | 'usedBytes'
    | 'notCountedBytes'
    | 'evictableBytes'
    | 'evictedKeysPerSecond'
    | 'serverEvicts'
  >;
  /** Keys, and those with a TTL; undefined: there is no reading yet. */
  readonly keyspace: { readonly keys: number; readonly expires: number } | undefined;
  readonly stats: Pick<StatsSnapshot, 'rules' | 'discovered' | 'holds'>;
  readonly growth: Pick<GrowthReport, 'rules' | 'timeToFullUnrefused'>;
  /** The rules of the config, and the built-in ones. */
  readonly rules: readonly Rule[];
  /** By enforced rules, and what observing rules would have refused. */
  readonly refusedLastHour: number;
  /** The memory that TTLs take on this server; undefined: unknown yet. */
  readonly ttlCost: Pick<TtlCost, 'bytes'> | undefined;
}

/** undefined: the server's memory or its keys have not been read yet. */
export function liveFacts(sources: LiveSources): AdviceFacts | undefined {
  const { memory, keyspace, rules, refusedLastHour, ttlCost } = sources;
  const { policy, maxmemoryBytes, usedBytes, notCountedBytes, evictedKeysPerSecond } = memory;
  if (policy === null || usedBytes === null || keyspace === undefined) return undefined;
  return {
    policy,
    limitBytes: maxmemoryBytes ?? 0,
    usedBytes: Math.max(0, usedBytes - (notCountedBytes ?? 0)),
    keys: keyspace.keys,
    expires: keyspace.expires,
    evicting:
      evictedKeysPerSecond > 0 ? `evicting ${Math.ceil(evictedKeysPerSecond)} keys a second` : undefined,
    measured: measuredOf(sources),
    rules: rules.filter(({ builtIn }) => builtIn !== true),
    holders: holdersOf(sources),
    refusedLastHour,
    ttlBytes: (more) => ttlCost?.bytes(keyspace.expires, more) ?? Number.NaN,
  };
}

/** The time to full is the time until the memory that cannot be evicted reaches the limit. */
function measuredOf({ memory, growth }: LiveSources): AdviceFacts['measured'] {
  if (memory.serverEvicts !== 'volatile' || memory.evictableBytes === null) return undefined;
  return { evictableBytes: memory.evictableBytes, lastsSeconds: growth.timeToFullUnrefused?.seconds ?? null };
}

function holdersOf({ stats, growth, rules }: LiveSources): Holder[] {
  const growthOf = new Map(growth.rules.map((rule) => [rule.name, rule.growthBytesPerSecond]));
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  const ruled = stats.rules.flatMap((row) => {
    const rule = row.writes === 0 ? undefined : byName.get(row.name);
    if (rule === undefined) return [];
    return [holderOfRule(rule, figuresOf(row, row.distinctKeys, growthOf.get(row.name)))];
  });
  const found = stats.discovered.map((row): Holder => {
    const holder = holderOf(row.pattern, undefined, { ...figuresOf(row, row.writes, undefined), db: row.db });
    return isTransactional(row) ? { ...holder, cache: false, transactional: true } : holder;
  });
  const named = new Set(stats.discovered.map(({ pattern }) => pattern));
  const silent = (stats.holds?.patterns ?? []).filter(({ pattern }) => !named.has(pattern));
  return [
    ...ruled,
    ...found,
    ...silent.map((row) => holderOf(row.pattern, undefined, heldBy(row, undefined))),
  ];
}

function heldBy(held: Holding, growthBytesPerSecond: number | undefined): HolderFigures {
  const { keys, bytes, expiringKeys, expiringBytes } = held;
  const averageBytes = keys > 0 ? bytes / keys : undefined;
  return {
    ...{ keys, bytes, averageBytes, growthBytesPerSecond },
    ttlKeys: expiringKeys,
    ttlBytes: expiringBytes,
  };
}

/** If nobody has examined these keys, their memory is unknown; only their writes are known. */
function figuresOf(
  row: RuleStats | DiscoveredPattern,
  keys: number,
  growthBytesPerSecond: number | undefined,
): HolderFigures {
  if (row.holds !== null && row.holds.keys > 0) return heldBy(row.holds, growthBytesPerSecond);
  const given = 'ttlInjected' in row ? row.ttlInjected + row.ttlClamped + row.followUpsSet : 0;
  const [withTtl, withoutTtl] = [row.hadTtl + given, row.withoutTtl];
  const share = withTtl + withoutTtl > 0 ? withTtl / (withTtl + withoutTtl) : 0;
  const unknown = Number.NaN;
  return { keys, bytes: unknown, ttlKeys: share * keys, ttlBytes: unknown, growthBytesPerSecond };
}
