// The tables of stats and report: what observing rules leave undone shows, what nobody counted is no 0, and idle job systems
// are left out.
import t from 'tap';
import type { Picked } from '../../../src/cli/rows.js';
import { drawReport, drawTotals } from '../../../src/cli/tables.js';
import { createPaint } from '../../../src/cli/terminal/paint.js';
import type { Report } from '../../../src/observe/history/report.js';

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
