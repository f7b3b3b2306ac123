// What is made of samples: rates and growth by rule, series, sums; and the list of events.
import t from 'tap';
import { EventLog } from '../../../src/observe/history/event-log.js';
import { History } from '../../../src/observe/history/history.js';
import { freshBytes, type RuleTotals } from '../../../src/observe/history/rule-track.js';

const NOTHING: RuleTotals = {
  name: 'a',
  writes: 0,
  bytes: 0,
  shed: 0,
  distinctKeys: 0,
  ttlInjected: 0,
  ttlClamped: 0,
  hadTtl: 0,
  followUpsSet: 0,
  commands: {},
};

/** A rule whose counters grow by `each` with every second. */
function after(seconds: number, each: Partial<RuleTotals>, name = 'a'): RuleTotals {
  const grown = Object.entries(each).map(([field, value]) => [
    field,
    typeof value === 'number' ? value * seconds : value,
  ]);
  const commands = Object.entries(each.commands ?? {}).map(([command, n]) => [command, n * seconds]);
  return { ...NOTHING, ...Object.fromEntries(grown), name, commands: Object.fromEntries(commands) };
}

/** A server that evicts nothing. */
function used(countedBytes: number | null) {
  return {
    ...{ countedBytes, committedBytes: countedBytes, flowBytes: countedBytes },
    ...{ errorBytes: 0, evictsAll: false },
  };
}

function run(history: History, from: number, to: number, rules: (second: number) => RuleTotals[]): void {
  for (let second = from; second <= to; second++) {
    const countedBytes = 1_000_000 + second * 1000;
    history.take({ at: second * 1000, ...used(countedBytes), limitBytes: 2_000_000, rules: rules(second) });
  }
}

t.test('fresh: new keys of plain writes, everything of writes that add, and what keys cost', async (t) => {
  const fresh = (each: Partial<RuleTotals>) => freshBytes(NOTHING, after(1, each));
  t.same(fresh({ writes: 10, bytes: 1000, distinctKeys: 10 }), { fresh: 2000, expiring: 0 }, 'all keys new');
  t.same(fresh({ writes: 10, bytes: 1000, distinctKeys: 0 }), { fresh: 0, expiring: 0 }, 'all overwritten');
  t.same(fresh({ writes: 10, bytes: 1000, distinctKeys: 4 }), { fresh: 800, expiring: 0 }, 'four of ten');
  t.same(fresh({ writes: 10, bytes: 1000, commands: { lpush: 10 } }), { fresh: 1000, expiring: 0 }, 'a list');
  t.same(fresh({ writes: 10, bytes: 1000, distinctKeys: 10, hadTtl: 5 }), { fresh: 2000, expiring: 1000 });
  t.same(fresh({ writes: 10, bytes: 1000, distinctKeys: 99, ttlInjected: 50 }), {
    fresh: 2000,
    expiring: 2000,
  });
  t.same(fresh({}), { fresh: 0, expiring: 0 }, 'nothing');
});

t.test('keys that live as long as their TTL stop growing one TTL later; others go on', async (t) => {
  const history = new History((rule) => (rule === 'cache' ? 120_000 : 0));
  const each = { writes: 10, bytes: 900, distinctKeys: 10, ttlInjected: 10 };
  const rules = (s: number) => [after(s, each, 'cache'), after(s, each, 'sessions')];
  const growthOf = (name: string) => history.growth([]).rules.find((rule) => rule.name === name);
  run(history, 0, 100, rules);
  t.equal(Math.round(growthOf('cache')?.growthBytesPerSecond ?? 0), 1900);
  t.equal(growthOf('cache')?.growthShare, 0.5);
  run(history, 101, 300, rules);
  t.equal(Math.round(growthOf('cache')?.growthBytesPerSecond ?? -1), 0, 'as much expires as is written');
  t.equal(growthOf('sessions')?.growthShare, 1);
  t.equal(Math.round(growthOf('sessions')?.writesPerSecond ?? 0), 10);
  t.equal(Math.round(growthOf('sessions')?.bytesPerSecond ?? 0), 900);
});

t.test('a TTL beyond what is kept goes by the mean, never below nothing', async (t) => {
  const history = new History(() => 900_000);
  const rules = (s: number) => [after(s, { writes: 10, bytes: 900, distinctKeys: 10, hadTtl: 10 })];
  run(history, 0, 800, rules);
  t.equal(Math.round(history.growth([]).rules[0].growthBytesPerSecond), 1900);
  run(history, 801, 1700, rules);
  t.equal(Math.round(history.growth([]).rules[0].growthBytesPerSecond), 0);
  run(history, 1701, 1800, () => [after(1700, { writes: 10, bytes: 900, distinctKeys: 10, hadTtl: 10 })]);
  t.equal(history.growth([]).rules[0].growthBytesPerSecond, 0, 'nothing is written, much expires');
  t.equal(history.growth([]).rules[0].growthShare, null);
});

t.test('series: bounded, of equal length, in wall time', async (t) => {
  const history = new History(() => 0);
  run(history, 1, 8000, (s) => [after(s, { writes: 7, shed: 2 })]);
  for (const [span, step, rows] of [
    ['10m', 1000, 600],
    ['2h', 10_000, 720],
  ] as const) {
    const series = history.series(span, 8_000_000, 1_700_000_000_000);
    const { intervalSeconds, rules, ...columns } = series;
    t.equal(intervalSeconds * 1000, step);
    for (const [name, values] of Object.entries(columns)) t.equal(values.length, rows, `${span} ${name}`);
    t.equal(series.at.at(-1), span === '10m' ? 1_700_000_000_000 : 1_699_999_991_000);
    t.equal((series.at.at(-1) ?? 0) - (series.at.at(-2) ?? 0), step);
    t.same(new Set(series.writesPerSecond.slice(1)), new Set([7]));
    t.same(new Set(series.shedPerSecond.slice(1)), new Set([2]));
    t.equal(rules[0].writesPerSecond.length, 119);
    t.same(new Set(rules[0].writesPerSecond), new Set([7]));
  }
});

t.test('rules come and go: sums go on, tracks do not pile up', async (t) => {
  const history = new History(() => 0);
  run(history, 1, 10, (s) => [after(s, { writes: 5 }, 'old')]);
  run(history, 11, 20, (s) => [after(s - 10, { writes: 3 }, 'new')]);
  t.same(
    history.growth([]).rules.map(({ name }) => name),
    ['new'],
  );
  t.same(history.series('10m', 0, 0).writesPerSecond, [0, ...Array(9).fill(5), ...Array(10).fill(3)]);
});

t.test('a sample that is not later is left out, and an unknown one is a gap', async (t) => {
  const history = new History(() => 0);
  const take = (at: number, countedBytes: number | null) =>
    history.take({ at, ...used(countedBytes), limitBytes: null, rules: [] });
  for (const at of [1000, 1000, 500]) take(at, 5);
  take(2000, null);
  t.same(history.series('10m', 0, 0).countedBytes, [5, null]);
  t.same(history.growth([{ name: 'limit', pressure: 1 }]), {
    memory: null,
    timeToFull: null,
    timeToFullUnrefused: null,
    marks: [],
    writesPerSecond: 0,
    shedPerSecond: 0,
    estimatedBytesPerSecond: 0,
    rules: [],
  });
});

t.test('marks are reached in the order of their pressure', async (t) => {
  const history = new History(() => 0);
  run(history, 1, 60, () => []);
  const report = history.growth([
    { name: 'low begins', pressure: 0.8 },
    { name: 'limit', pressure: 1 },
  ]);
  t.equal(report.memory?.bytesPerSecond, 1000);
  t.match(report.marks, [
    { name: 'low begins', seconds: 540 },
    { name: 'limit', seconds: 940 },
  ]);
  t.equal(report.timeToFull?.seconds, 940);
});

t.test('events: one that repeats itself stands once, with its number and since when', async (t) => {
  let now = 0;
  const log = new EventLog(() => now);
  log.record('config', 'reloaded');
  for (; now < 100_000; now += 1000) {
    log.record('upstream', 'gone');
    log.record('upstream', 'back');
  }
  log.record('level', 'gone');
  t.match(log.list(), [
    { number: 202, kind: 'level', times: undefined },
    {
      number: 201,
      text: 'back',
      times: 100,
      firstAt: new Date(0).toISOString(),
      at: new Date(99_000).toISOString(),
    },
    { number: 200, text: 'gone', times: 100 },
    { number: 1, text: 'reloaded', times: undefined },
  ]);
  for (let i = 0; i < 10; i++) log.record('level', `other ${i}`);
  log.record('upstream', 'gone');
  t.match(log.list(1), [{ text: 'gone', times: undefined }], 'one of long ago is another one');
});

t.test('events: the newest, bounded in number and length', async (t) => {
  const log = new EventLog(() => 0);
  for (let i = 1; i <= 500; i++) log.record('level', i === 500 ? 'x'.repeat(5000) : `event ${i}`);
  const events = log.list();
  t.equal(events.length, 200);
  t.match(events[0], { number: 500, at: '1970-01-01T00:00:00.000Z', kind: 'level' });
  t.equal(events[0].text.length, 300);
  t.equal(events[199].number, 301);
  t.equal(log.list(1000).length, 200, 'the others are gone');
  t.same(
    log.list(2).map(({ number }) => number),
    [500, 499],
  );
});
