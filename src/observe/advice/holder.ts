// Makes a holder from a pattern's name and figures: its rule, its job system, and the kind of its keys. Pure.
import { type FamilyName, familyOf } from '../../core/policy/families.js';
import type { Rule } from '../../core/policy/rule.js';
import type { RuleSet } from '../../core/policy/rule-set.js';
import { MINUTE_MS } from '../../core/units.js';
import { A_MINUTE, type Holder } from './facts.js';
import { looksLikeCache, shortLivedBy } from './meaning.js';

/** Larger keys are not locks, however short they live. */
const SMALL_BYTES = 1024;
const MOSTLY = 0.8;

export interface HolderFigures {
  readonly keys: number;
  readonly bytes: number;
  readonly ttlKeys: number;
  readonly ttlBytes: number;
  /** The size of one key; undefined: unknown. */
  readonly averageBytes?: number | undefined;
  /** Share of those with a TTL that have at most a minute left. */
  readonly minuteShare?: number | undefined;
  readonly growthBytesPerSecond?: number | undefined;
  /** The database of its keys; null or left out: several, or no other database has keys. */
  readonly db?: number | null;
}

/** `pattern`: a glob, as the analysis and the statistics name it. */
export function holderOf(pattern: string, rules: RuleSet | undefined, figures: HolderFigures): Holder {
  const key = Buffer.from(pattern.replace(/\\(.)/g, '$1'), 'latin1');
  const found = rules?.find(key, 0, key.length);
  if (found !== undefined && found.slot > 0) return ofRule(found, [pattern], figures);
  const family = familyOf(Buffer.from(pattern, 'latin1'))?.name;
  return whole({ name: pattern, rule: undefined, family, evict: false, ttlMs: 0 }, [pattern], figures);
}

/** The holder of a rule, or of a built-in rule for a job system. */
export function holderOfRule(rule: Rule, figures: HolderFigures): Holder {
  return ofRule(
    rule,
    rule.globs.map((glob) => Buffer.from(glob).toString('latin1')),
    figures,
  );
}

function ofRule(rule: Rule, patterns: readonly string[], figures: HolderFigures): Holder {
  const { name, family, evict = false, ttlMs } = rule;
  if (rule.builtIn !== true) return whole({ name, rule, family, evict, ttlMs }, [name, ...patterns], figures);
  return whole({ name: patterns[0] ?? name, rule: undefined, family, evict, ttlMs }, patterns, figures);
}

interface Known {
  readonly name: string;
  readonly rule: Rule | undefined;
  readonly family: FamilyName | undefined;
  readonly evict: boolean;
  readonly ttlMs: number;
}

function whole(
  { name, rule, family, evict, ttlMs }: Known,
  words: readonly string[],
  figures: HolderFigures,
): Holder {
  const { averageBytes = 0, minuteShare = 0, growthBytesPerSecond, db = null, ...sums } = figures;
  const named = words.map(shortLivedBy).find((kind) => kind !== undefined);
  const cache = evict || (family === undefined && named === undefined && words.some(looksLikeCache));
  const minute = !cache && averageBytes <= SMALL_BYTES && (minuteShare >= MOSTLY || livesAMinute(ttlMs));
  const shortLived = evict || family !== undefined ? undefined : (named ?? (minute ? A_MINUTE : undefined));
  return { name, rule, family, db, cache, shortLived, ...sums, growthBytesPerSecond };
}

function livesAMinute(ttlMs: number): boolean {
  return ttlMs > 0 && ttlMs <= MINUTE_MS;
}
