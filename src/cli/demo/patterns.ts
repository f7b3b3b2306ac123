// The writes of the demo's application: five kinds of keys that share many a Redis. None of the writes carries a TTL, which
// is the problem that the demo shows. Pages in the cache and temporary files can be recreated, so their rules have `evict`.
// Invariant: sessions, reports and queues are bounded and fit into memory; cache and temp grow without end.
import type { PriorityName } from '../../core/policy/rule.js';
import { pick, type Random } from './random.js';

export const PATTERN_NAMES = ['session', 'cache', 'temp', 'queue', 'report'] as const;
export type PatternName = (typeof PATTERN_NAMES)[number];

export interface Pattern {
  readonly name: PatternName;
  readonly glob: string;
  /** Name of its rule; undefined: it has none. */
  readonly rule: string | undefined;
  readonly priority: PriorityName;
  /** As in the rule: "24h" or "durable"; "-": no rule. */
  readonly ttl: string;
  readonly writesPerSecond: number;
  readonly valueBytes: number;
  /** Its memory grows with every write, so this is what fills Redis. Its rule has `evict`. */
  readonly unbounded: boolean;
  /** `sequence` counts this pattern's writes. */
  key(random: Random, sequence: number): string;
}

const SESSIONS = 6000;
const MONTHS = 12;
const DAYS = 28;

export const PATTERNS: readonly Pattern[] = [
  {
    name: 'session',
    glob: 'session:*',
    rule: 'sessions',
    priority: 'high',
    ttl: '24h',
    writesPerSecond: 900,
    valueBytes: 1024,
    unbounded: false,
    key: (random) => `session:${pick(random, SESSIONS)}`,
  },
  {
    name: 'cache',
    glob: 'cache:*',
    rule: 'cache',
    priority: 'low',
    ttl: '1h',
    writesPerSecond: 700,
    valueBytes: 4096,
    unbounded: true,
    key: (_, sequence) => `cache:page:${sequence}`,
  },
  {
    name: 'temp',
    glob: 'temp:*',
    rule: 'temp',
    priority: 'low',
    ttl: '5m',
    writesPerSecond: 500,
    valueBytes: 2048,
    unbounded: true,
    key: (_, sequence) => `temp:upload:${sequence}`,
  },
  {
    name: 'queue',
    glob: 'queue:*',
    rule: 'jobs',
    priority: 'critical',
    ttl: 'durable',
    writesPerSecond: 400,
    valueBytes: 512,
    unbounded: false,
    key: (_, sequence) => QUEUES[sequence % QUEUES.length] as string,
  },
  {
    name: 'report',
    glob: 'report:*',
    rule: undefined,
    priority: 'normal',
    ttl: '-',
    writesPerSecond: 120,
    valueBytes: 2048,
    unbounded: false,
    key: (random) => `report:2026:${pick(random, MONTHS) + 1}:${pick(random, DAYS) + 1}`,
  },
];

/** Lists that a consumer empties as fast as they fill. */
export const QUEUES = ['queue:mail', 'queue:thumbnails'] as const;

/** The rules for the patterns, as in a config file. */
export const DEMO_RULES = PATTERNS.filter((pattern) => pattern.rule !== undefined).map((pattern) => ({
  name: pattern.rule,
  match: pattern.glob,
  priority: pattern.priority,
  ...(pattern.ttl === 'durable' ? { durable: true } : { ttl: pattern.ttl }),
  evict: pattern.unbounded,
}));
