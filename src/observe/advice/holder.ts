// Makes a holder from a pattern's name and figures: its rule, its job system, and what its keys are. Pure.
import { familyOf } from '../../core/policy/families.js';
import type { RuleSet } from '../../core/policy/rule-set.js';
import { A_MINUTE, type Holder } from './facts.js';
import { looksLikeCache, shortLivedBy } from './meaning.js';

const MINUTE_MS = 60_000;
/** Keys that are larger are no locks, however short they live. */
const SMALL_BYTES = 1024;
const MOSTLY = 0.8;

export interface HolderFigures {
  readonly keys: number;
  readonly bytes: number;
  readonly ttlKeys: number;
  readonly ttlBytes: number;
  /** Of one key; undefined: not known. */
  readonly averageBytes?: number | undefined;
  /** Share of those with a TTL that have at most a minute left. */
  readonly minuteShare?: number | undefined;
  readonly growthBytesPerSecond?: number | undefined;
}

/** `pattern`: a glob as the analysis and the statistics name it. */
export function holderOf(pattern: string, rules: RuleSet | undefined, figures: HolderFigures): Holder {
  const key = Buffer.from(pattern.replace(/\\(.)/g, '$1'), 'latin1');
  const found = rules?.find(key, 0, key.length);
  const rule = found !== undefined && found.slot > 0 && found.builtIn !== true ? found : undefined;
  const family = rule?.family ?? found?.family ?? familyOf(Buffer.from(pattern, 'latin1'))?.name;
  const words = rule === undefined ? [pattern] : [pattern, rule.name];
  const { averageBytes = 0, minuteShare = 0, keys, bytes, ttlKeys, ttlBytes } = figures;
  const named = words.map(shortLivedBy).find((kind) => kind !== undefined);
  const evict = rule?.evict === true;
  const cache = evict || (family === undefined && named === undefined && words.some(looksLikeCache));
  const minute =
    !cache && averageBytes <= SMALL_BYTES && (minuteShare >= MOSTLY || livesAMinute(rule?.ttlMs ?? 0));
  return {
    name: rule?.name ?? pattern,
    rule,
    family,
    cache,
    shortLived: evict || family !== undefined ? undefined : (named ?? (minute ? A_MINUTE : undefined)),
    ...{ keys, bytes, ttlKeys, ttlBytes },
    growthBytesPerSecond: figures.growthBytesPerSecond,
  };
}

function livesAMinute(ttlMs: number): boolean {
  return ttlMs > 0 && ttlMs <= MINUTE_MS;
}
