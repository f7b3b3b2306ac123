// Which rules init proposes: what is put together and what is not, which TTL, and what the comments say; pure.
import t from 'tap';
import type { Analysis, GroupAnalysis } from '../../../src/tools/analyze/analysis.js';
import { bandOf, TTL_BANDS } from '../../../src/tools/analyze/bands.js';
import { proposeRules } from '../../../src/tools/init/propose.js';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

interface Told {
  readonly keys?: number;
  /** Seconds that all have which have one. */
  readonly ttl?: number;
  readonly db?: number | null;
  readonly withTtl?: number;
  readonly type?: string;
}

function groupOf(
  name: string,
  { db = null, keys = 1000, ttl, withTtl = ttl === undefined ? 0 : 1, type = 'string' }: Told,
): GroupAnalysis {
  const exactly = (estimate: number) => ({ estimate, low: estimate, high: estimate });
  const band = ttl === undefined ? -1 : bandOf(ttl, TTL_BANDS);
  return {
    ...{
      name,
      by: name === '(others)' ? 'others' : 'pattern',
      db,
      keys: exactly(keys),
      bytes: exactly(100 * keys),
    },
    ...{ share: 0, averageBytes: 100, largestBytes: 100, encodings: {}, idle: [], types: { [type]: 1 } },
    ...{ withoutTtl: exactly(keys * (1 - withTtl)), withoutTtlBytes: 0, longestTtlSeconds: ttl ?? null },
    ttl: TTL_BANDS.map((_, i) => ({ band: '', seconds: 1, keys: i === band ? keys * withTtl : 0, bytes: 0 })),
  };
}

function propose(groups: Record<string, Told>) {
  const made = Object.entries(groups).map(([name, told]) => groupOf(name, told));
  const total = made.reduce((sum, { keys }) => sum + keys.estimate, 0);
  const shared = made.map((group) => ({ ...group, share: group.keys.estimate / total }));
  const proposals = proposeRules({
    groups: shared,
    keys: { total },
    memory: { ttlBytes: 0 },
  } as unknown as Analysis);
  const rules = proposals.rules.map(({ rule, comment }) => ({ ...rule, comment: comment.join(' ') }));
  return { ...proposals, rules, ruleOf: (match: string) => rules.find((rule) => rule.match === match) };
}

const many = (names: string, told: Told): Record<string, Told> =>
  Object.fromEntries(names.split(' ').map((name) => [name, told]));

t.test('kinds below the name of an app stay apart', async (t) => {
  const { rules, ruleOf } = propose({
    ...many('shop:otp:*', { keys: 8000, ttl: 5 * MINUTE }),
    ...many('shop:cache:*', { keys: 8000, ttl: 10 * MINUTE }),
    ...many('shop:session:*', { keys: 8000, ttl: DAY }),
    ...many('shop:order:*', { keys: 8000 }),
  });
  t.equal(rules.length, 4);
  t.match(ruleOf('shop:otp:*'), { ttl: '10m' });
  t.match(ruleOf('shop:session:*'), { ttl: '24h', priority: 'high' });
  t.match(ruleOf('shop:order:*'), {
    ttl: undefined,
    durable: true,
    priority: 'normal',
    comment: /No key has a TTL\. No sign says/,
  });
});

t.test('evict is proposed in a comment, for caches alone', async (t) => {
  const { rules, ruleOf } = propose({
    ...many('cache:* pagecache:*', { ttl: HOUR }),
    ...many('cache:lock:* lock:* session:* order:* rate:*', { ttl: HOUR }),
    ...many('cache-index:*', { type: 'hash' }),
    ...many('bull:cache:*', { ttl: HOUR }),
  });
  t.match(ruleOf('cache:*')?.comment, /add "evict": true/);
  t.match(ruleOf('pagecache:*')?.comment, /add "evict": true/);
  const proposed = rules.filter(({ comment }) => comment.includes('evict'));
  t.equal(proposed.length, 2, proposed.map(({ match }) => match).join());
  t.notOk(
    rules.some((rule) => 'evict' in rule),
    'nothing is set',
  );
});

t.test('small patterns that are alike become one rule; others stay apart', async (t) => {
  const most = { 'other:*': { keys: 1_000_000, type: 'hash' } };
  const small = {
    ...many('shop:a:* shop:b:* shop:c:* shop:d:* shop:e:* shop:f:*', { ttl: HOUR, keys: 5000 }),
  };
  t.ok(propose({ ...most, ...small }).ruleOf('shop:*'));
  for (const unlike of [
    many('shop:order:*', {}),
    many('shop:order:*', { ttl: 7 * DAY }),
    many('shop:order:*', { ttl: HOUR, type: 'hash' }),
    many('shop:order:*', { ttl: HOUR, withTtl: 0.5 }),
    many('shop:session:*', { ttl: HOUR }),
    many('shop:order:*', { keys: 300_000 }),
    many('shop:*', {}),
  ]) {
    t.equal(propose({ ...most, ...small, ...unlike }).ruleOf('shop:e:*')?.ttl, '1h', JSON.stringify(unlike));
  }
  t.equal(
    propose({ ...most, ...many('shop:a:* shop:b:*', { ttl: HOUR, keys: 5000 }) }).rules.length,
    3,
    'too few',
  );
});

t.test('queues, languages and tenants are one; what weighs something stays by itself', async (t) => {
  const most = { 'other:*': { keys: 1_000_000, type: 'hash' } };
  const queues = propose({
    ...most,
    ...many('queue:amber:* queue:basil:* queue:cedar:* queue:delta:* queue:ember:*', {
      type: 'list',
      keys: 400,
    }),
    ...many('queue:mail:*', { type: 'list', keys: 100_000 }),
    ...many('queue:*', { type: 'list', keys: 10 }),
  });
  t.same(
    queues.rules.map(({ match }) => match),
    ['queue:mail:*', 'other:*', 'queue:*'],
  );
  t.match(queues.ruleOf('queue:*'), { durable: true, priority: 'critical', comment: /^2,010 keys/ });
  const pages = propose({
    ...most,
    ...many('page:en:* page:de:* page:fr:* page:it:*', { ttl: HOUR, keys: 10_000 }),
    ...many('page:pt-BR:*', { ttl: 2 * HOUR, keys: 500 }),
  });
  t.match(
    pages.ruleOf('page:*'),
    { ttl: '6h', comment: /90% of the keys with a TTL expire within 6h/ },
    'no shorter than of any',
  );
  const tenants = propose({
    ...most,
    ...many('app:acme:cart:* app:bolt:cart:* app:coil:cart:* app:dune:cart:* app:echo:cart:*', { ttl: HOUR }),
    ...many('app:acme:user:* app:bolt:user:* app:coil:user:* app:dune:user:* app:echo:user:*', {
      type: 'hash',
    }),
  });
  t.match(tenants.ruleOf('app:*:cart:*'), { ttl: '1h' });
  t.match(tenants.ruleOf('app:*:user:*'), { durable: true });
});

t.test('a TTL is no shorter than what is seen, and comments are true', async (t) => {
  const of = (told: Told, match = 'thing:*') => propose({ [match]: told }).ruleOf(match);
  t.match(of({ ttl: 364 * DAY }), {
    ttl: '365d',
    comment: /90% of the keys with a TTL expire within 365d\.$/,
  });
  t.match(of({ ttl: 60 * DAY }), { ttl: '90d' });
  t.match(of({ ttl: 400 * DAY }), { ttl: '730d' });
  t.match(of({ ttl: 90_000 * DAY }), { durable: true, ttl: undefined, comment: /longer than ten years/ });
  t.match(of({ ttl: 30 * DAY }), { ttl: '30d' });
  const few = of({ ttl: 7 * DAY, withTtl: 0.025 });
  t.match(few, {
    ttl: undefined,
    durable: true,
    comment: /98% without a TTL;.* 90% of the keys with a TTL expire within 7d\. No sign says/,
  });
  t.notMatch(few?.comment, 'No key has');
  t.match(of({ ttl: MINUTE, withTtl: 0.3 }), { ttl: undefined, durable: true, priority: 'normal' });
  t.match(of({ ttl: MINUTE, withTtl: 0.3 }, 'tmp-cache:*'), {
    comment: /within 1m\. Check: is 5m long enough/,
  });
  t.match(of({ ttl: MINUTE, withTtl: 0.3 }, 'page-cache:*'), { ttl: '1h' });
  t.match(of({ ttl: MINUTE, withTtl: 0.999 }), { ttl: '1m', comment: /0\.1% without a TTL/ });
  t.match(of({}, 'token:*'), {
    ttl: '24h',
    comment: /100% without a TTL.*No key has a TTL\. Check: is 24h/,
  });
  t.match(of({ ttl: DAY, withTtl: 0.001 }), {
    comment: /over 99% without a TTL; string 90% of the keys with a TTL/,
  });
});

t.test('names that begin with a separator, as of Django, have a rule', async (t) => {
  t.match(propose({ ':*:*': { ttl: HOUR }, '*:*': {} }), {
    rules: [{ name: 'no-prefix', match: ':*:*', ttl: '1h', mode: 'observe' }],
    wordless: ['*:* (1,000 keys)'],
  });
});

t.test('a letter before a star is no word; keys without a rule are counted', async (t) => {
  const { rules, wordless, left } = propose({
    't*:*': { keys: 600 },
    't*:cart:*': { keys: 10_000 },
    '(others)': { keys: 3000 },
    'small:*': { keys: 5 },
    'cart:*': { keys: 100 },
    'cart:small:*': { keys: 3 },
  });
  t.same(
    rules.map(({ match }) => match),
    ['t*:cart:*', 'cart:*'],
  );
  t.same(wordless, ['t*:* (600 keys)']);
  t.equal(left.keys, 3005);
  t.equal(left.beyond, 3000);
});

t.test('a job system gets one rule, however few its keys are', async (t) => {
  const group = (name: string, by: 'rule' | 'pattern', keys: number, type = 'list') =>
    ({ ...groupOf(name, { keys, type }), by }) as GroupAnalysis;
  const groups = [
    group('family:sidekiq', 'rule', 3, 'set'),
    group('queue:*', 'pattern', 10_000),
    group('user:*', 'pattern', 1_000_000, 'hash'),
  ];
  const analysis = { groups, keys: { total: 1_010_003 }, memory: { ttlBytes: 0 } } as unknown as Analysis;
  const { rules, left } = proposeRules(analysis);
  t.same(rules[0]?.rule, { name: 'sidekiq', family: 'sidekiq', priority: 'critical' });
  t.match(rules[0]?.comment, [/^Sidekiq: 3 keys/, /jobs would be lost/]);
  t.same(
    rules.slice(1).map(({ rule }) => rule.match),
    ['user:*'],
    'queue:* is one of its keys',
  );
  t.equal(left.keys, 0);
  const alone = proposeRules({ ...analysis, groups: groups.slice(1) });
  t.match(
    alone.rules.map(({ rule }) => rule),
    [{ match: 'queue:*', durable: true, priority: 'critical' }, { match: 'user:*' }],
  );
});

t.test('hashes that may expire: what to write instead', async (t) => {
  const { ruleOf } = propose({ ...many('cart:*', { type: 'hash' }), ...many('feed:*', { type: 'list' }) });
  t.match(ruleOf('cart:*'), { durable: true, comment: /"applyTo": "all" and "renew": true/ });
  t.notMatch(ruleOf('feed:*')?.comment, /renew/, 'a list may be a queue');
});

t.test(
  'a comment says what TTLs take where that is much, and that hashes are cheaper for small keys',
  async (t) => {
    const costOf = (ttlBytes: number, share: number) => {
      const group = { ...groupOf('cache:*', { keys: 1_000_000 }), share: 1, withoutTtlBytes: 1e8 };
      const analysis = {
        groups: [group],
        keys: { total: 1_000_000 },
        memory: { ttlBytes: ttlBytes * 1e6 * share },
      };
      return proposeRules(analysis as unknown as Analysis).rules[0]?.comment.find((line) =>
        /take up to/.test(line),
      );
    };
    t.match(
      costOf(40, 1),
      /take up to 38\.1 MB more \(40 bytes a key, 40% of what they hold\)\. Such small keys are cheaper/,
    );
    t.match(costOf(10, 1), /10 bytes a key, 10% of what they hold\)\.$/);
    t.equal(costOf(1, 1), undefined);
  },
);

t.test('where several databases have keys, a rule is for the one that has its pattern', (t) => {
  const { rules, ruleOf, left } = propose({
    'cache:page:*': { db: 1, withTtl: 1, ttl: DAY },
    'order:*': { db: 0 },
    'session:*': { db: null, withTtl: 1, ttl: DAY },
  });
  t.match(ruleOf('cache:page:*'), { db: 1, ttl: '24h' });
  t.match(ruleOf('order:*'), { db: 0, durable: true });
  t.equal(ruleOf('session:*')?.db, undefined, 'it is in both');
  t.equal(left.keys, 0);
  t.same(Object.keys(rules[0] ?? {}).slice(0, 3), ['name', 'match', 'db'], 'where an operator looks for it');
  t.end();
});

t.test('a bundle of patterns of several databases is for all of them', (t) => {
  const queue = (db: number) => ({ db, type: 'list', keys: 100 });
  const names = ['amber', 'black', 'coral', 'dusty', 'ebony', 'fawny'];
  const apart = Object.fromEntries(names.map((name, i) => [`queue:${name}:*`, queue(i % 2)]));
  const alike = Object.fromEntries(names.map((name) => [`queue:${name}:*`, queue(1)]));
  const others = { 'order:*': { db: 0, keys: 50_000 } };
  t.equal(propose({ ...apart, ...others }).ruleOf('queue:*')?.db, undefined);
  t.equal(propose({ ...alike, ...others }).ruleOf('queue:*')?.db, 1);
  t.end();
});
