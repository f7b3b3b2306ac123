// One judgement on every surface: what a running proxy suggests for a pattern (`discovered`), what init proposes for it, and
// the rule in the advice agree on whether its keys may get a TTL, and with which priority.
import t from 'tap';
import { familyOf } from '../../../src/core/policy/families.js';
import { shortLivedBy } from '../../../src/observe/advice/meaning.js';
import { ruleFor } from '../../../src/observe/advice/steps.js';
import { type RuleSuggestion, suggestRule } from '../../../src/observe/stats/suggest.js';
import type { Analysis, GroupAnalysis } from '../../../src/tools/analyze/analysis.js';
import { bandOf, TTL_BANDS } from '../../../src/tools/analyze/bands.js';
import { proposeRules } from '../../../src/tools/init/propose.js';

const KEYS = 1000;
const HOUR = 3600;

/** What init proposes for a keyspace of these keys alone, all strings. */
function init(pattern: string, withTtl: number): RuleSuggestion | undefined {
  const exactly = (estimate: number) => ({ estimate, low: estimate, high: estimate });
  const band = bandOf(HOUR, TTL_BANDS);
  const family = familyOf(Buffer.from(pattern, 'latin1'));
  const named: Pick<GroupAnalysis, 'name' | 'by'> =
    family === undefined ? { name: pattern, by: 'pattern' } : { name: `family:${family.name}`, by: 'rule' };
  const group: GroupAnalysis = {
    ...named,
    db: null,
    ...{ keys: exactly(KEYS), bytes: exactly(100 * KEYS), withoutTtl: exactly(KEYS - withTtl) },
    ...{ share: 1, averageBytes: 100, largestBytes: 100, withoutTtlBytes: 0, encodings: {}, idle: [] },
    ...{ longestTtlSeconds: HOUR, types: { string: 1 } },
    ttl: TTL_BANDS.map((_, i) => ({ band: '', seconds: 1, keys: i === band ? withTtl : 0, bytes: 0 })),
  };
  const analysis = { groups: [group], keys: { total: KEYS }, memory: { ttlBytes: 0 } };
  return proposeRules(analysis as unknown as Analysis).rules[0]?.rule;
}

function discovered(pattern: string, withTtl: number): RuleSuggestion | null {
  const hitter = { pattern, writes: KEYS, hadTtl: withTtl, withoutTtl: KEYS - withTtl, bytes: 0, error: 0 };
  return suggestRule(hitter, new Set()).suggestion;
}

function advised(pattern: string, withTtl: number): object | undefined {
  const holder = {
    ...{ name: pattern, keys: KEYS, ttlKeys: withTtl, bytes: 100 * KEYS, ttlBytes: 0 },
    ...{ rule: undefined, family: undefined, db: null, cache: true, growthBytesPerSecond: undefined },
    shortLived: shortLivedBy(pattern),
  };
  return ruleFor(holder, []);
}

const EXPIRING = { durable: undefined };
const STAYING = { ttl: undefined, durable: true, priority: 'normal' };
const OF_JOBS = { ttl: undefined, family: String, priority: 'critical' };

/** By pattern: what a rule for it must be while few, and while nearly all of its keys have a TTL. */
const PATTERNS: Readonly<Record<string, readonly [few: object, nearlyAll: object]>> = {
  'order:*': [STAYING, { ...EXPIRING, ttl: String, priority: 'normal' }],
  'queue:mail': [STAYING, { ...EXPIRING, ttl: String, priority: 'normal' }],
  'counter:*': [STAYING, { ...EXPIRING, ttl: String, priority: 'normal' }],
  'lock:x:*': [STAYING, { ...EXPIRING, ttl: String, priority: 'normal' }],
  'session-lock:*': [STAYING, { ...EXPIRING, ttl: String, priority: 'normal' }],
  'user:*:session:*': [
    { ...EXPIRING, ttl: String, priority: 'high' },
    { ...EXPIRING, ttl: String, priority: 'high' },
  ],
  'cache:page:*': [
    { ...EXPIRING, ttl: String, priority: 'low' },
    { ...EXPIRING, ttl: String, priority: 'low' },
  ],
  'thumb:*': [
    { ...EXPIRING, ttl: String, priority: 'low' },
    { ...EXPIRING, ttl: String, priority: 'low' },
  ],
  'tmp:*': [
    { ...EXPIRING, ttl: String, priority: 'low' },
    { ...EXPIRING, ttl: String, priority: 'low' },
  ],
  'bull:mail:*': [OF_JOBS, OF_JOBS],
  'celery-task-meta-*': [OF_JOBS, OF_JOBS],
  'rq:job:*': [OF_JOBS, OF_JOBS],
};

for (const [pattern, [few, nearlyAll]] of Object.entries(PATTERNS)) {
  t.test(pattern, async (t) => {
    for (const [withTtl, wanted] of [
      [0, few],
      [60, few],
      [600, few],
      [949, few],
      [950, nearlyAll],
      [1000, nearlyAll],
    ] as const) {
      t.match(discovered(pattern, withTtl), wanted, `discovered, ${withTtl} with a TTL`);
      t.match(init(pattern, withTtl), wanted, `init, ${withTtl} with a TTL`);
      t.match(advised(pattern, withTtl), wanted, `advice, ${withTtl} with a TTL`);
    }
  });
}
