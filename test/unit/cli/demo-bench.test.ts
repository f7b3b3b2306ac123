// The parts of the benchmarks that decide what their figures mean.
import t from 'tap';
import type { ReserveFigures } from '../../../bench/reserve/run.js';
import { judgeReserve } from '../../../bench/reserve/verdict.js';
import { PATTERNS } from '../../../bench/scenario/patterns.js';
import { ReplyLines } from '../../../bench/scenario/reply-lines.js';
import { parseFigures } from '../../../bench/scenario/server-figures.js';
import { STREAK, Tally, type TallyFigures } from '../../../bench/scenario/tally.js';
import { encodeValues, meanBytes, parseSizes } from '../../../bench/scenario/values.js';
import { judge, overshoot, type ScenarioFigures } from '../../../bench/scenario/verdict.js';
import { parseCpuTicks } from '../../../bench/throughput/cpu.js';
import { commandFor, parseCsv } from '../../../bench/throughput/redis-benchmark.js';
import { median } from '../../support/median.js';
import { wholeNumber } from '../../support/options.js';

const MAXMEMORY = 100 * 2 ** 20;

function figures(oom: number, first: number | null, refused: number | null): TallyFigures {
  return {
    ok: 100,
    oom,
    otherErrors: 0,
    firstOtherError: null,
    firstOomMs: first,
    fullyRefusedMs: refused,
    lastOomMs: first,
  };
}

/** Figures with which everything passes. */
function good(): ScenarioFigures {
  const server = { oomErrors: 0, rejectedCalls: 0, usedMemory: 1, maxmemory: MAXMEMORY };
  const memory = { maximum: 0.982 * MAXMEMORY, samples: 10 };
  return {
    direct: {
      patterns: {
        low: figures(1, 1, 1),
        normal: figures(1, 1, 1),
        high: figures(1, 1, 1),
        critical: figures(1, 1, 1),
      },
      server: { ...server, oomErrors: 4 },
      memory,
      seconds: 5,
    },
    proxied: {
      patterns: {
        low: figures(9, 100, 200),
        normal: figures(9, 210, 300),
        high: figures(9, 310, 400),
        critical: figures(0, null, null),
      },
      server,
      memory,
      seconds: 5,
    },
    readmission: {
      usedMemory: 1,
      patterns: {
        low: figures(5, 50, null),
        normal: figures(5, 60, null),
        high: figures(0, null, null),
        critical: figures(0, null, null),
      },
      levels: { changes: { low: 1, normal: 1, high: 1, critical: 0 }, levelChanges: 3, longestGapMs: 30 },
      freedMs: 100,
    },
  };
}

function failing(figures: ScenarioFigures): string[] {
  return judge(figures)
    .filter(({ pass }) => !pass)
    .map(({ requirement }) => requirement);
}

t.test('each requirement fails by its own figure, and by no other', async (t) => {
  t.same(failing(good()), []);
  const cases: [RegExp, (figures: ScenarioFigures) => void][] = [
    [/^direct: every pattern/, ({ direct }) => (direct.patterns.critical.oom = 0)],
    [/no OOM from Redis/, ({ proxied }) => (proxied.server.oomErrors = 1)],
    [/no OOM from Redis/, ({ proxied }) => (proxied.server.rejectedCalls = 1)],
    [/no error on critical/, ({ proxied }) => (proxied.patterns.critical.oom = 1)],
    [/no error on critical/, ({ proxied }) => (proxied.patterns.critical.ok = 0)],
    [/no errors but OOM/, ({ proxied }) => (proxied.patterns.low.otherErrors = 1)],
    [/first refusal of low/, ({ proxied }) => (proxied.patterns.low.firstOomMs = 211)],
    [/first refusal of low/, ({ proxied }) => (proxied.patterns.high.firstOomMs = null)],
    [/refused altogether/, ({ proxied }) => (proxied.patterns.high.fullyRefusedMs = 299)],
    [/accepted again within/, ({ readmission }) => (readmission.patterns.high.lastOomMs = 2101)],
    [/accepted again within/, ({ readmission }) => (readmission.patterns.low.oom = 0)],
    [/no flapping/, ({ readmission }) => (readmission.levels.changes.low = 2)],
    [/never above maxmemory/, ({ proxied }) => (proxied.memory.samples = 0)],
  ];
  for (const [requirement, spoil] of cases) {
    const spoilt = good();
    spoil(spoilt);
    t.match(failing(spoilt), [requirement]);
    t.equal(failing(spoilt).length, 1, String(requirement));
  }
  const over = good();
  over.proxied.memory = { maximum: MAXMEMORY + 1, samples: 10 };
  t.match(failing(over), [/never above maxmemory/, /overshoot/]);
});

t.test('each promise of the reserve fails by its own figure, and by no other', async (t) => {
  const kept = (): ReserveFigures => {
    const { proxied, readmission } = good();
    const level = { shedShare: 0, band: null, reservedBytes: 0, growthBytesPerSecond: 0 };
    return {
      ...proxied,
      ...{ freedMs: 100, modest: readmission.patterns, levels: readmission.levels },
      reserved: { low: level, normal: level, high: level, critical: level },
    };
  };
  const failing = (figures: ReserveFigures) =>
    judgeReserve(figures)
      .filter(({ pass }) => !pass)
      .map(({ requirement }) => requirement);
  t.same(failing(kept()), []);
  const cases: [RegExp, (figures: ReserveFigures) => void][] = [
    [/no write of critical/, ({ patterns }) => (patterns.critical.oom = 1)],
    [/no write of critical/, ({ patterns }) => (patterns.critical.ok = 0)],
    [/Redis itself refuses nothing/, ({ server }) => (server.oomErrors = 1)],
    [/low is refused before/, ({ patterns }) => (patterns.low.firstOomMs = null)],
    [/low is refused before/, ({ patterns }) => (patterns.normal.firstOomMs = 500)],
    [/never fuller/, ({ memory }) => (memory.maximum = 0.991 * MAXMEMORY)],
    [/never fuller/, ({ memory }) => (memory.samples = 0)],
    [/admits again/, ({ modest }) => (modest.high.lastOomMs = 3101)],
    [/do not flap/, ({ levels }) => (levels.changes.low = 2)],
  ];
  for (const [requirement, spoil] of cases) {
    const spoilt = kept();
    spoil(spoilt);
    t.match(failing(spoilt), [requirement]);
    t.equal(failing(spoilt).length, 1, String(requirement));
  }
});

t.test('overshoot counts from the ceiling', async (t) => {
  const { proxied } = good();
  t.ok(Math.abs(overshoot(proxied) - 0.002) < 1e-9);
  t.equal(overshoot({ ...proxied, memory: { maximum: 5, samples: 1 } }), 0);
});

t.test('a tally keeps first, last and the first whole streak', async (t) => {
  let now = 0;
  const tally = new Tally(() => now);
  const refuse = (times: number): void => {
    for (let i = 0; i < times; i++) {
      now++;
      tally.refused();
    }
  };
  tally.accepted();
  refuse(STREAK - 1);
  t.equal(tally.figures().fullyRefusedMs, null);
  tally.accepted();
  refuse(STREAK);
  tally.failed('ERR one');
  tally.failed('ERR two');
  t.same(tally.figures(), {
    ok: 2,
    oom: 2 * STREAK - 1,
    otherErrors: 2,
    firstOtherError: 'ERR one',
    firstOomMs: 1,
    fullyRefusedMs: STREAK,
    lastOomMs: 2 * STREAK - 1,
  });
});

t.test('reply lines, cut anywhere', async (t) => {
  const bytes = Buffer.from('+OK\r\n-OOM no\r\n+OK\r\n-ERR bad\r\n');
  for (let cut = 0; cut <= bytes.length; cut++) {
    const seen: string[] = [];
    const lines = new ReplyLines({ ok: () => seen.push('ok'), error: (line) => seen.push(line) });
    const count = lines.push(bytes.subarray(0, cut)) + lines.push(bytes.subarray(cut));
    t.same([count, ...seen], [4, 'ok', 'OOM no', 'ok', 'ERR bad'], `cut at ${cut}`);
  }
});

t.test('--sizes: numbers, and mixed values around their median', async (t) => {
  t.same(parseSizes('mixed,100'), ['mixed', 100]);
  t.throws(() => parseSizes('big'), /--sizes big/);
  const mixed = encodeValues('mixed').map((value) => Number(/^\$(\d+)/.exec(String(value))?.[1]));
  t.ok(Math.min(...mixed) >= 100 && Math.max(...mixed) <= 8192);
  t.ok(median(mixed) > 600 && median(mixed) < 1300, `median ${median(mixed)}`);
  t.equal(meanBytes([Buffer.alloc(2), Buffer.alloc(4)]), 3);
});

t.test("Redis's own counts", async (t) => {
  const info =
    'used_memory:7\r\nmaxmemory:9\r\nerrorstat_OOM:count=3\r\ncmdstat_set:calls=1,rejected_calls=2,failed_calls=0\r\n' +
    'cmdstat_get:calls=1,rejected_calls=4,failed_calls=1\r\n';
  t.same(parseFigures(info), { oomErrors: 3, rejectedCalls: 6, usedMemory: 7, maxmemory: 9 });
});

t.test('redis-benchmark', async (t) => {
  const csv =
    '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"\n' +
    '"SET key:__rand_int__ xx","71428.57","0.4","0.1","0.351","0.6","1.007","3.1"\n';
  t.same(parseCsv(`WARNING: something\n${csv}`), { requestsPerSecond: 71428.57, p50Ms: 0.351, p99Ms: 1.007 });
  t.throws(() => parseCsv('Could not connect\n'), /no rps/);
  t.same(commandFor('get', true), ['GET', 'key:__rand_int__']);
  t.same(commandFor('set', true).slice(-2), ['EX', '3600']);
  t.equal(commandFor('set', false).length, 3);
});

t.test('CPU ticks stand behind a name that may hold anything', async (t) => {
  t.equal(parseCpuTicks('42 (a) b (c)) R 1 1 1 0 -1 4194304 100 0 0 0 70 30 5 6 20 0 1 0 141130'), 100);
});

t.test('an option that is no whole number is refused by its name', async (t) => {
  t.equal(wholeNumber('rounds', '3'), 3);
  for (const bad of ['0', '-1', '1.5', 'x', '']) t.throws(() => wholeNumber('rounds', bad), /--rounds/);
  t.same(PATTERNS, ['low', 'normal', 'high', 'critical']);
});
