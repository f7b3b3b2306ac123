// The policy advisor: what it says of each case, and what it never proposes. The facts are made up.

import fc from 'fast-check';
import t from 'tap';
import { compileConfig } from '../../../src/config/compile.js';
import { ruleSchema } from '../../../src/config/rule-schema.js';
import { configSchema } from '../../../src/config/schema.js';
import { FAMILY_NAMES } from '../../../src/core/policy/families.js';
import { PRIORITY_NAMES } from '../../../src/core/policy/rule.js';
import type { RuleSet } from '../../../src/core/policy/rule-set.js';
import type { Advice } from '../../../src/observe/advice/advice.js';
import { advise } from '../../../src/observe/advice/advise.js';
import type { AdviceFacts, Holder } from '../../../src/observe/advice/facts.js';
import { type HolderFigures, holderOf } from '../../../src/observe/advice/holder.js';
import { looksLikeCache, shortLivedBy } from '../../../src/observe/advice/meaning.js';
import { type OutlookName, outlooks } from '../../../src/observe/advice/outlook.js';
import { ruleSetOf } from '../../../src/runtime/rules.js';

const MB = 2 ** 20;
const LIMIT = 100 * MB;

function rulesOf(...rules: object[]): RuleSet {
  return ruleSetOf(compileConfig(configSchema.parse({ rules })));
}

const RULES = rulesOf(
  { name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low' },
  { name: 'sessions', match: 'session:*', ttl: '24h', priority: 'high' },
  { name: 'jobs', match: 'queue:*', durable: true, priority: 'critical' },
);

/** Keys of a pattern; `ttl`: the share of them that have a TTL. */
function held(
  pattern: string,
  megabytes: number,
  ttl: number,
  rules?: RuleSet,
  more?: Partial<HolderFigures>,
) {
  const [bytes, keys] = [megabytes * MB, megabytes * 2000];
  const figures = { bytes, keys, ttlKeys: ttl * keys, ttlBytes: ttl * bytes, averageBytes: 524 };
  return holderOf(pattern, rules, { ...figures, ...more });
}

function facts(policy: string, holders: readonly Holder[], more: Partial<AdviceFacts> = {}): AdviceFacts {
  const sum = (of: (holder: Holder) => number) => holders.reduce((total, holder) => total + of(holder), 0);
  return {
    ...{ policy, limitBytes: LIMIT, holders, evicting: undefined, rules: [], refusedLastHour: undefined },
    usedBytes: sum(({ bytes }) => bytes) + MB,
    keys: sum(({ keys }) => keys),
    expires: sum(({ ttlKeys }) => ttlKeys),
    ttlBytes: (keys) => 40 * keys,
    ...more,
  };
}

const own = (rules: RuleSet) => ({ rules: rules.rules.filter(({ builtIn }) => builtIn !== true) });

function only(all: readonly Advice[]): Advice {
  if (all.length !== 1) throw new Error(`expected one advice: ${all.map(({ id }) => id)}`);
  return all[0] as Advice;
}

const texts = ({ steps }: Advice) =>
  steps.map((step) => (step.kind === 'policy' ? `${step.policy}: ${step.why}` : step.text));

t.test('a cache beside jobs and locks under noeviction: evict on the rule of the cache', async (t) => {
  const holders = [held('cache:*', 60, 1, RULES), held('queue:*', 10, 0, RULES), held('lock:*', 1, 1, RULES)];
  const advice = only(advise(facts('noeviction', holders, own(RULES))));
  t.match(advice, { id: 'noeviction-cache', severity: 'warning' });
  t.match(advice.evidence, /noeviction; cache: 60\.0 MB of 100 MB, beside jobs, lock:\*/);
  t.same(texts(advice)[0], 'add "evict": true to the rule "cache"');
  t.notOk(
    advice.steps.some(({ kind }) => kind === 'policy'),
    'the policy stays',
  );
});

t.test('a cache alone, without TTLs: no volatile policy, which would find nothing to evict', async (t) => {
  const advice = only(advise(facts('noeviction', [held('cache:*', 80, 0.01)])));
  t.equal(advice.evidence, 'noeviction; cache:*: 80.0 MB of 100 MB');
  t.match(advice.reason, /the keys of the cache/);
  t.match(advice.steps, [
    { kind: 'rule', text: /"mode": "observe", "evict": true/ },
    { kind: 'note', text: /^what is added only observes: .* remove its "mode"$/ },
    { kind: 'policy', policy: 'allkeys-lru' },
  ]);
  t.equal(advice.steps.length, 3);
});

t.test('keys that no name calls a cache: their TTLs are the evidence', async (t) => {
  const rules = rulesOf(
    { name: 'render', match: 'render:*', ttl: '30s', priority: 'low' },
    { name: 'carts', match: 'cart:*', ttl: '2d', priority: 'high' },
  );
  const holders = [held('render:*', 40, 1, rules), held('cart:*', 20, 0.7, rules)];
  const advice = only(advise(facts('noeviction', holders, own(rules))));
  t.equal(advice.evidence, 'noeviction; 90% of 120,000 keys have a TTL');
  t.same(texts(advice)[0], 'if their keys can be recreated, add "evict": true to the rule "render"');
});

t.test('keys that are written in transactions are neither evicted nor given a TTL', async (t) => {
  const parts = held('pagecache:*', 60, 0, undefined, { growthBytesPerSecond: 10_000 });
  const cache = held('cache:*', 30, 1, undefined, { growthBytesPerSecond: 500_000 });
  const rulesFor = (holder: Holder) =>
    ['noeviction', 'volatile-lru']
      .flatMap((policy) => advise(facts(policy, [cache, holder])).flatMap(texts))
      .filter((text) => text.includes('"pagecache"'));
  t.match(rulesFor(parts).join(), /"ttl": "1h"/, 'by its name alone');
  const said = rulesFor({ ...parts, cache: false, transactional: true });
  t.match(said, [/"match": "pagecache:\*", "durable": true/]);
  t.notOk(
    said.some((text) => /"ttl": "|"evict"/.test(text)),
    said.join('; '),
  );
});

t.test('without a config the advice is the whole rule', async (t) => {
  const holders = [held('pagecache:*', 60, 1), held('bull:*', 10, 0)];
  const [step] = only(advise(facts('noeviction', holders))).steps;
  t.match(step, {
    kind: 'rule',
    text: /add the rule \{ "name": "pagecache", "match": "pagecache:\*", "ttl": "1h", "priority": "low", "mode": "observe", "evict": true \}/,
  });
});

t.test('nothing but a cache: Redis can evict by itself', async (t) => {
  const cache = [held('cache:*', 60, 1, RULES)];
  t.match(only(advise(facts('noeviction', cache))).steps[0], { kind: 'policy', policy: 'volatile-lru' });
  const both = [held('cache:*', 40, 1, RULES), held('cache:hot:*', 20, 1, RULES)];
  const byTtl = rulesOf(
    { name: 'cache', match: 'cache:*', ttl: '10m', priority: 'low' },
    { name: 'sessions', match: 'session:*', ttl: '24h', priority: 'high' },
  );
  t.match(only(advise(facts('noeviction', both, own(byTtl)))).steps[0], { policy: 'volatile-ttl' });
});

t.test(
  'a rule for keys that must stay keeps allkeys-* away, even if none of its keys was seen',
  async (t) => {
    const cache = { name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low' };
    const policies = (rules: RuleSet) =>
      only(advise(facts('noeviction', [held('cache:*', 60, 0, rules)], own(rules)))).steps.filter(
        ({ kind }) => kind === 'policy',
      );
    t.match(policies(rulesOf(cache)), [{ policy: 'allkeys-lru', why: /only if .* nothing but caches/ }]);
    for (const stays of [{ durable: true }, { ttl: '1h', priority: 'critical' }]) {
      t.same(policies(rulesOf(cache, { name: 'jobs', match: 'queue:*', ...stays })), []);
    }
  },
);

t.test('evict is on: there is nothing to advise under noeviction', async (t) => {
  const rules = rulesOf({ name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low', evict: true });
  const holders = [held('cache:*', 60, 1, rules), held('lock:*', 1, 1, rules), held('bull:*', 9, 0, rules)];
  for (const policy of ['noeviction', 'volatile-lru', 'volatile-ttl']) {
    t.same(advise(facts(policy, holders, own(rules))), [], policy);
  }
  t.match(only(advise(facts('allkeys-lru', holders, own(rules)))), {
    id: 'jobs-evictable',
    severity: 'notice',
  });
});

t.test('allkeys-* with jobs, and with rules that are durable or critical', async (t) => {
  const bull = only(advise(facts('allkeys-lru', [held('cache:*', 60, 1), held('bull:*', 10, 0)])));
  t.match(bull, { id: 'jobs-evictable', severity: 'warning', evidence: /bull:\*/ });
  t.match(texts(bull).at(-1), /BullMQ asks for noeviction; its own keys have no TTL/);
  t.match(bull.steps[0], { kind: 'rule', text: /"match": "cache:\*".*"evict": true/ });
  t.match(
    bull.steps[1],
    { kind: 'note', text: /only observes/ },
    'with noeviction alone nothing would make room',
  );
  t.match(bull.steps[2], { kind: 'policy', policy: 'noeviction', why: /^only once these rules enforce: / });
  const evicting = { evicting: '12 keys evicted so far' };
  t.match(only(advise(facts('allkeys-lru', [held('bull:*', 10, 0)], evicting))), {
    severity: 'critical',
    evidence: /12 keys evicted so far/,
    steps: [{ policy: 'volatile-lru' }],
  });
  t.match(
    only(advise(facts('allkeys-lfu', [], own(RULES)))),
    { evidence: /jobs/ },
    'nobody has written them yet',
  );
  t.same(
    advise(facts('allkeys-lru', [held('cache:*', 99, 1)], { evicting: '1000000 keys evicted so far' })),
    [],
    'a full healthy cache',
  );
});

t.test('volatile-* and allkeys-* with locks, rate limits and codes', async (t) => {
  for (const policy of ['volatile-lru', 'volatile-ttl', 'volatile-random', 'allkeys-lru']) {
    const holders = [held('cache:*', 80, 1), held('app:lock:*', 1, 1), held('rate:*', 1, 1)];
    const advice = only(advise(facts(policy, holders)));
    t.match(advice, {
      id: 'locks-evictable',
      severity: 'warning',
      title: 'Redis may evict locks and rate limits',
    });
    t.match(texts(advice)[0], /"match": "cache:\*".*"evict": true/);
    t.equal(/expire soonest/.test(advice.reason), policy === 'volatile-ttl');
  }
  const early = facts('volatile-lru', [held('cache:*', 20, 1), held('otp:*', 1, 1)]);
  t.match(only(advise(early)), { severity: 'notice', title: 'Redis may evict one-time codes' });
  const unnamed = held('x:*', 1, 1, undefined, { averageBytes: 80, minuteShare: 0.95 });
  t.match(only(advise(facts('volatile-lru', [held('cache:*', 90, 1), unnamed]))), { severity: 'notice' });
  t.same(
    advise(facts('volatile-lru', [held('cache:*', 98, 1)], { evicting: '1000000 keys evicted so far' })),
    [],
    'a full healthy cache',
  );
});

t.test('volatile-* and keys that nobody gives a TTL: which, until when, the rule', async (t) => {
  const growing = held('profile:*', 60, 0, undefined, { growthBytesPerSecond: 10_000 });
  const cache = held('cache:*', 30, 1, undefined, { growthBytesPerSecond: 500_000 });
  const advice = only(advise(facts('volatile-lru', [cache, growing])));
  t.match(advice, { id: 'volatile-without-ttl', severity: 'warning' });
  const soon = [cache, { ...growing, growthBytesPerSecond: 50_000 }];
  t.equal(only(advise(facts('volatile-lru', soon))).severity, 'critical', 'within an hour');
  t.match(
    advice.evidence,
    /33\.3% of 180,000 keys have a TTL: about 30\.0 MB of 100 MB can be evicted; without a TTL: profile:\* 60\.0 MB/,
  );
  t.match(advice.evidence, /nothing is left to evict in 68 min/, '39 MB at 10 kB a second');
  t.match(
    texts(advice)[0],
    /^no sign says that profile:\* may expire: add the rule \{ "name": "profile", "match": "profile:\*", "durable": true, .*"mode": "observe" \}, and write "ttl"/,
  );
  t.match(
    texts(advice)[1],
    /TTLs for the 120,000 keys of profile:\* take up to 4\.6 MB more, and make 60\.0 MB evictable$/,
  );
  const still = [cache, { ...growing, growthBytesPerSecond: 0 }];
  t.same(advise(facts('volatile-lru', still)), [], 'nothing that stays grows');
  const jobs = held('queue:*', 60, 0, RULES, { growthBytesPerSecond: 10_000 });
  t.match(
    texts(only(advise(facts('volatile-lru', [cache, jobs], own(RULES)))))[0],
    /jobs is meant to stay: it needs room/,
  );
});

t.test(
  'a running proxy: what can be evicted is measured, and patterns are known by their writes',
  async (t) => {
    const unknown = { bytes: Number.NaN, ttlBytes: Number.NaN };
    const holders = [
      held('cache:*', 30, 1, undefined, unknown),
      held('profile:*', 10, 0, undefined, { ...unknown, growthBytesPerSecond: 20_000 }),
      held('settings:*', 1, 0, undefined, { ...unknown, growthBytesPerSecond: 0 }),
    ];
    const live = { usedBytes: 99 * MB, keys: 100_000, expires: 60_000 };
    const measured = { evictableBytes: 30 * MB, lastsSeconds: 1500 };
    const advice = only(advise(facts('volatile-lru', holders, { ...live, measured })));
    t.match(advice, { id: 'volatile-without-ttl', severity: 'critical' });
    t.match(
      advice.evidence,
      /30\.0 MB of 100 MB can be evicted; without a TTL: profile:\* \(19\.5 KB a second\); .* left to evict in 25 min/,
    );
    t.match(texts(advice)[0], /no sign says that profile:\* may expire: add the rule/);
    const lasting = { evictableBytes: 60 * MB, lastsSeconds: null };
    t.same(advise(facts('volatile-lru', holders, { ...live, measured: lasting })), []);
  },
);

t.test('small keys: their TTLs take much of what they make evictable', async (t) => {
  const small = { keys: 1_000_000, bytes: 88 * MB, ttlKeys: 0, ttlBytes: 0, averageBytes: 92 };
  const advice = only(advise(facts('volatile-lru', [held('flag:*', 0, 0, undefined, small)])));
  t.match(
    texts(advice).join('\n'),
    /38\.1 MB more, and make 88\.0 MB evictable; keep such small keys in hashes/,
  );
});

t.test('volatile-ttl and TTLs that do not go by priority', async (t) => {
  const rules = rulesOf(
    { name: 'pages', match: 'page:*', ttl: '24h', priority: 'low' },
    { name: 'carts', match: 'cart:*', ttl: '1h', priority: 'high' },
    { name: 'temp', match: 'temp:*', ttl: '5m', priority: 'low' },
  );
  const advice = only(advise(facts('volatile-ttl', [held('page:*', 20, 1)], own(rules))));
  t.match(advice, { id: 'eviction-order', severity: 'warning' });
  t.equal(advice.evidence, 'evicted first: "carts" (high, 60 min) before "pages" (low, 24 h)');
  t.match(texts(advice)[0], 'give "pages" a TTL of at most 60 min, or "carts" one of at least 24 h');
  t.same(
    advise(facts('volatile-lru', [held('page:*', 20, 1)], own(rules))),
    [],
    'another policy has another order',
  );
  t.same(advise(facts('volatile-ttl', [held('cache:*', 20, 1)], own(RULES))), []);
});

t.test('no limit: nothing is evicted or refused', async (t) => {
  t.same(advise(facts('allkeys-lru', [held('bull:*', 10, 0)], { limitBytes: 0 })), []);
});

t.test('how much each policy could evict, and whose keys', async (t) => {
  const holders = [
    held('cache:*', 40, 1, RULES, { growthBytesPerSecond: 1e6 }),
    held('session:*', 20, 0.5, RULES, { growthBytesPerSecond: 0 }),
    held('queue:*', 30, 0, RULES, { growthBytesPerSecond: 10_000 }),
    held('lock:*', 1, 1, RULES, { growthBytesPerSecond: 0 }),
  ];
  const known = facts('noeviction', holders, { ...own(RULES), refusedLastHour: 500 });
  const rows = new Map(outlooks(known).map((row) => [row.policy, row]));
  const row = (name: OutlookName) => rows.get(name) as NonNullable<ReturnType<typeof rows.get>>;
  t.match(row('noeviction'), { current: true, evictableBytes: 0, refusedLastHour: 500, whose: [] });
  t.match(row('volatile-ttl'), {
    current: false,
    evictableBytes: 51 * MB,
    whose: ['cache', 'sessions', 'lock:*'],
  });
  t.same([row('volatile-lru').takes, row('volatile-lru').loses], [['lock:*'], []]);
  t.same([row('allkeys-lru').takes, row('allkeys-lru').loses], [['lock:*'], ['jobs']]);
  t.match(row('evict'), {
    evictableBytes: 40 * MB,
    whose: ['cache'],
    takes: [],
    loses: [],
    refusedLastHour: 0,
  });
  t.equal(row('volatile-ttl').refusedLastHour, 0);
  t.equal(
    Math.round(row('volatile-ttl').lastsSeconds ?? 0),
    Math.round((59 * MB) / 10_000),
    'jobs alone cannot go',
  );
  t.equal(row('allkeys-lru').lastsSeconds, null);
  t.same(
    outlooks({ ...known, holders: undefined }).map(({ evictableBytes }) => evictableBytes),
    [null, null, null, null, null, null],
  );
});

t.test('only whole words of a pattern make it a cache, a lock, a rate limit or a code', async (t) => {
  for (const [pattern, kind] of [
    ['lock:*', 'locks'],
    ['app:lock:*', 'locks'],
    ['redlock-*', 'locks'],
    ['rate:*', 'rate limits'],
    ['api:rate_limit:*', 'rate limits'],
    ['login-attempts:*', 'rate limits'],
    ['otp:*', 'one-time codes'],
    ['idempotency:*', 'one-time codes'],
  ] as const) {
    t.equal(shortLivedBy(pattern), kind, pattern);
    t.notOk(looksLikeCache(pattern), pattern);
  }
  for (const pattern of ['clock:*', 'blocks:*', 'exchange:rate:*', 'locksmith:*', 'nonceless:*']) {
    t.equal(shortLivedBy(pattern), undefined, pattern);
  }
  for (const pattern of ['cache:*', 'laravel_cache:*', 'pagecache:*', 'app:Cache:*', 'view-fragment:*']) {
    t.ok(looksLikeCache(pattern), pattern);
  }
  t.notOk(looksLikeCache('cache:lock:*'), 'a lock of a cache is a lock');
});

interface Drawn {
  readonly pattern: string;
  readonly megabytes: number;
  readonly ttl: number;
  readonly growth: number | undefined;
}

const PATTERNS = [
  'cache:*',
  'session:*',
  'queue:*',
  'lock:*',
  'rate:*',
  'bull:*',
  'x:*',
  'celery',
  'pagecache:*',
  'temp:*',
];

t.test(
  'for any server: figures in bounds, and nothing that must stay is proposed for eviction',
  async (t) => {
    const rule = fc
      .record({
        match: fc.constantFrom(...PATTERNS),
        kind: fc.constantFrom('ttl', 'durable', 'evict', 'family'),
        priority: fc.constantFrom(...PRIORITY_NAMES),
        ttl: fc.constantFrom('30s', '5m', '1h', '24h'),
        family: fc.constantFrom(...FAMILY_NAMES),
      })
      .map(
        ({ match, kind, priority, ttl, family }) =>
          ({
            ttl: { match, priority, ttl },
            evict: { match, priority, ttl, evict: true },
            durable: { match, priority, durable: true },
            family: { family, priority },
          })[kind],
      );
    const holder = fc.record({
      pattern: fc.constantFrom(...PATTERNS),
      megabytes: fc.integer({ min: 0, max: 60 }),
      ttl: fc.constantFrom(0, 0.05, 0.5, 1),
      growth: fc.constantFrom(undefined, -1000, 0, 5000, 1e6),
    });
    const policies = fc.constantFrom(
      'noeviction',
      'volatile-lru',
      'volatile-ttl',
      'volatile-random',
      'allkeys-lru',
      '',
    );
    // Compiling a config is what takes time here.
    const ruleSets = fc
      .sample(fc.array(rule, { maxLength: 5 }), { numRuns: 25, seed: 7 })
      .map((list) => rulesOf(...list.map((each, i) => ({ name: `rule-${i}`, ...each }))));
    const check = (
      set: number,
      list: readonly Drawn[],
      policy: string,
      refusedLastHour: number | undefined,
    ) => {
      const rules = ruleSets[set] as RuleSet;
      const holders = list.map(({ pattern, megabytes, ttl, growth }) =>
        held(pattern, megabytes, ttl, rules, { growthBytesPerSecond: growth }),
      );
      const known = facts(policy, holders, { ...own(rules), refusedLastHour });
      const rows = new Map(outlooks(known).map((row) => [row.policy, row.evictableBytes ?? 0]));
      const bytes = (name: OutlookName) => rows.get(name) ?? Number.NaN;
      if (bytes('noeviction') !== 0) throw new Error('noeviction evicts');
      for (const each of rows.values())
        if (!(each >= 0 && each <= known.usedBytes)) throw new Error(`${each} bytes`);
      for (const name of ['volatile-lru', 'evict'] as const) {
        if (bytes(name) > bytes('allkeys-lru')) throw new Error(`${name} evicts more than all`);
      }
      for (const { text } of advise(known).flatMap(({ steps }) =>
        steps.filter((step) => step.kind === 'rule'),
      )) {
        for (const [name] of text.startsWith('give') ? [] : text.matchAll(/rule-\d/g)) {
          const named = rules.rules.find((each) => each.name === name);
          if (named === undefined || named.durable || named.family !== undefined || named.priority === 3)
            throw new Error(text);
        }
        const whole = /add the rule (\{.*\})/.exec(text)?.[1];
        if (whole === undefined) continue;
        ruleSchema.parse(JSON.parse(whole));
        if (/"evict"/.test(whole) && /lock|rate|queue|bull|celery/.test(whole)) throw new Error(text);
      }
    };
    const any = fc.property(
      fc.nat(ruleSets.length - 1),
      fc.array(holder, { maxLength: 6 }),
      policies,
      fc.constantFrom(undefined, 0, 7),
      check,
    );
    t.doesNotThrow(() => fc.assert(any, { numRuns: 500 }));
  },
);
