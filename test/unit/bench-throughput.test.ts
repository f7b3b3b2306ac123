// What the figures of the throughput benchmarks mean: medians, ratios within a round, and what is asked for.
import t from 'tap';
import type { Target } from '../../bench/report/types.js';
import { fits, parsePipelines, parseSizes, parseTests, requestsAt } from '../../bench/throughput/options.js';
import { drawTable, medianOfKnown, ratios, type Sample, summarize } from '../../bench/throughput/results.js';
import { median } from '../support/median.js';

function sample(target: Target, round: number, requestsPerSecond: number, pipeline = 16): Sample {
  return {
    round,
    test: 'set',
    bytes: 64,
    pipeline,
    target,
    requestsPerSecond,
    p99Ms: round,
    proxyCpuUs: target === 'direct' ? undefined : 3,
    redisCpuUs: 4,
  };
}

t.test('a ratio compares runs of one round, whatever the order of the samples', async (t) => {
  const samples = [
    sample('direct', 0, 100),
    sample('haproxy', 0, 90),
    // A round in which the machine was slow: the ratio is as good as any.
    sample('haproxy', 2, 8),
    sample('direct', 2, 10),
    sample('direct', 1, 200),
    sample('haproxy', 1, 100),
  ];
  const rows = summarize(samples);
  t.match(rows, [
    { target: 'direct', perSecond: 100, ratio: 1, ratios: [1, 1, 1], p99: 1, proxyCpu: null, redisCpu: 4 },
    { target: 'haproxy', perSecond: 90, ratio: 0.8, ratios: [0.9, 0.5, 0.8], proxyCpu: 3, redisCpu: 4 },
  ]);
  t.match(
    drawTable(rows),
    /16 │ haproxy │ +90 │ +0\.80 │ +0\.50 │ +0\.90 │ +- │ +- │ +- │ +1\.00 │ +3\.00 │ +4\.00 │/,
  );
  t.match(drawTable(rows), /direct .* - │ +4\.00 │/);
});

t.test('pipelines are kept apart', async (t) => {
  const rows = summarize([1, 16].flatMap((pipeline) => [sample('direct', 0, pipeline * 10, pipeline)]));
  t.same(
    rows.map((row) => [row.pipeline, row.perSecond]),
    [
      [1, 10],
      [16, 160],
    ],
  );
});

t.test('a target without direct beside it has no ratio', async (t) => {
  t.throws(() => summarize([sample('haproxy', 0, 1)]), RangeError);
  t.throws(() => ratios([1, 2], [1]), /2 rounds of one, 1 of the other/);
});

t.test('medians', async (t) => {
  t.equal(median([1, 2, 3, 10]), 2.5);
  t.equal(median([10, 1, 2]), 2);
  t.throws(() => median([]), RangeError);
  t.equal(medianOfKnown([undefined, 5, 1, 3]), 3);
  t.equal(medianOfKnown([undefined]), undefined);
});

t.test('options', async (t) => {
  t.same(parsePipelines('1,64,1'), [1, 64]);
  for (const bad of ['', '1,', '1,x', '0']) t.throws(() => parsePipelines(bad), /--pipelines/);
  t.same(parseTests('get,mixed,get'), ['get', 'mixed']);
  for (const bad of ['', 'set,', 'del']) t.throws(() => parseTests(bad), /--tests .*set, get, mixed/);
  t.same(parseSizes('64,16384,64'), [64, 16384]);
  for (const bad of ['', '64,', '64,x', '0']) t.throws(() => parseSizes(bad), /--sizes/);
  t.same([requestsAt(1, 64, 10), requestsAt(2, 64, 10)], [10, 50]);
  t.ok(requestsAt(16, 2 ** 20, 60_000) < 2000, 'large values take no longer than small ones');
  t.ok(fits(50, 64, 65_536) && fits(50, 1, 2 ** 20));
  t.notOk(fits(50, 16, 2 ** 20), 'nobody has memory for all that at once');
});
