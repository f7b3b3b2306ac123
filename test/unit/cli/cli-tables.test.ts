// The tables of stats and report: what observing rules leave undone shows, what nobody counted is no 0, and idle job systems
// are left out.
import t from 'tap';
import { type Picked, ratesBetween } from '../../../src/cli/rows.js';
import { drawRates, drawReport, drawTotals } from '../../../src/cli/tables.js';
import { createPaint } from '../../../src/cli/terminal/paint.js';
import type { Report } from '../../../src/observe/history/report.js';
import type { StatsSnapshot } from '../../../src/observe/stats/snapshot.js';

const paint = createPaint({ isTTY: false } as NodeJS.WriteStream);

const row = (name: string, more: object) => ({
  ...{
    name,
    writes: 10,
    bytes: 2048,
    holds: null,
    kept: 0,
    withoutTtl: 0,
    distinctKeys: 7.4,
    shed: 0,
    wouldShed: 0,
  },
  ...{ ttlInjected: 0, ttlClamped: 0, followUpsSet: 0, wouldInject: 0, wouldClamp: 0, evicted: 0, ...more },
});

const totals = (rules: object[], discovered: object[] = []) =>
  drawTotals({ rules, discovered } as unknown as Picked, paint).split('\n');

t.test('stats: an observing rule shows what it would give, and that its keys have no TTL', async (t) => {
  t.same(
    totals([row('cache', { wouldInject: 9, wouldClamp: 1, wouldShed: 2 }), row('queue', { kept: 10 })]),
    [
      'rule   writes   bytes  holds  TTLs  would give  no TTL  keys  shed  would shed',
      'cache      10  2.0 KB      -     0          10       9     7     0           2',
      'queue      10  2.0 KB      -     0           0       -     7     0           0',
    ],
  );
});

t.test('stats: where no rule observes, there are no columns for it', async (t) => {
  t.same(totals([row('cache', { ttlInjected: 8, withoutTtl: 2 }), row('idle', { writes: 0 })]), [
    'rule   writes   bytes  holds  TTLs  no TTL  keys  shed',
    'cache      10  2.0 KB      -     8       2     7     0',
    'idle        0  2.0 KB      -     0       0     7     0',
  ]);
});

t.test('top: what observing rules would refuse is no refusal, and sorts like one', async (t) => {
  const at = (seconds: number, wouldShed: number) =>
    ({
      ...{ since: '2026-01-01T00:00:00.000Z', takenAt: `2026-01-01T00:00:0${seconds}.000Z` },
      rules: [row('busy', { writes: 20 * seconds, bytes: 0 }), row('cache', { wouldShed, bytes: 0 })],
      unregistered: row('unregistered', { writes: 0, bytes: 0 }),
    }) as unknown as StatsSnapshot;
  t.same(drawRates(ratesBetween(at(1, 10), at(2, 40), 'sheds'), 'sheds', paint).split('\n'), [
    'rule          writes/s  bytes/s  sheds/s v  would shed/s  TTLs/s  holds  writes  shed',
    'cache                0      0 B          0            30       0      -      10     0',
    'busy                20      0 B          0             0       0      -      40     0',
    'unregistered         0      0 B          0             0       0      -       0     0',
  ]);
});

t.test('stats: of hashes and lists without a rule nobody counts TTLs', async (t) => {
  const found = (pattern: string, hadTtl: number, withoutTtl: number) => ({
    ...{ pattern, db: null, writes: 10, bytes: 2048, holds: null, hadTtl, withoutTtl },
  });
  t.same(totals([], [found('order:*', 0, 0), found('user:*', 4, 6), found('session:*', 10, 0)]).slice(2), [
    'keys without a rule  writes   bytes  holds  no TTL',
    'order:*                  10  2.0 KB      -       -',
    'user:*                   10  2.0 KB      -       6',
    'session:*                10  2.0 KB      -       0',
  ]);
});

t.test('report: job systems that are not here are left out', async (t) => {
  const figures = {
    ...{ writes: 0, withoutTtl: 0, ttls: 0, wouldTtls: 0, shed: 0, wouldShed: 0, spared: 0 },
    ...{ evicted: 0, evictedBytes: 0, wouldEvict: 0, wouldEvictBytes: 0 },
  };
  const by = { shedBy: {}, wouldShedBy: {} };
  const rules = ['cache', 'family:rq', 'family:celery', 'family:bull'].map((name) => ({
    ...{ name, mode: 'observe', ...figures, ...by },
    ...(name === 'family:celery' && { writes: 3 }),
    ...(name === 'family:bull' && { wouldShed: 1 }),
  }));
  const report = { since: '', until: '', text: 'a sentence', total: { ...figures, ...by }, rules };
  const lines = drawReport(report as Report, paint).split('\n');
  t.same(
    lines.slice(4).map((line) => line.split(' ')[0]),
    ['cache', 'family:celery', 'family:bull'],
  );
  const evicting = { ...report, rules: [{ ...rules[0], evicted: 1200, evictedBytes: 3 * 1024 * 1024 }] };
  t.ok(drawReport(evicting as Report, paint).includes('\nevicted, by rule: cache 1,200 keys (3.0 MB)\n'));
});
