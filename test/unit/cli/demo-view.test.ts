// What the demo draws, from frames made up here.
import t from 'tap';
import type { Frame, Side } from '../../../src/cli/demo/frame.js';
import { PATTERN_NAMES, PATTERNS } from '../../../src/cli/demo/patterns.js';
import { createRandom, pick } from '../../../src/cli/demo/random.js';
import { parseReading } from '../../../src/cli/demo/server-reading.js';
import { drawSummary, summarize } from '../../../src/cli/demo/summary.js';
import { drawLine, drawScreen } from '../../../src/cli/demo/view.js';
import type { MemorySnapshot } from '../../../src/memory/snapshot.js';
import type { RuleStats, StatsSnapshot } from '../../../src/observe/stats/snapshot.js';

const MEGABYTE = 2 ** 20;

function side(usedMb: number, oom: number): Side {
  return {
    tallies: Object.fromEntries(
      PATTERN_NAMES.map((name) => [name, { accepted: 1000, oom, failed: 0 }]),
    ) as Side['tallies'],
    server: {
      usedBytes: usedMb * MEGABYTE,
      peakBytes: usedMb * MEGABYTE,
      limitBytes: 64 * MEGABYTE,
      keys: 500,
      keysWithoutTtl: 20,
      ownOom: oom * PATTERN_NAMES.length,
    },
  };
}

function rule(name: string, shed: number, evicted = 0): RuleStats {
  return { name, ttlInjected: 700, followUpsSet: 0, shed, evicted } as RuleStats;
}

function frame(straightOom: number): Frame {
  return {
    elapsedSeconds: 12.34,
    totalSeconds: 20,
    straight: side(64, straightOom),
    spillway: {
      ...side(58, 0),
      tallies: { ...side(58, 0).tallies, cache: { accepted: 9, oom: 1234, failed: 0 } },
    },
    memory: {
      level: {
        low: { shedShare: 1, band: [0.8, 0.9] },
        normal: { shedShare: 0.25, band: [0.9, 0.97] },
        high: { shedShare: 0, band: [0.95, 0.99] },
        critical: { shedShare: 0, band: null },
      },
    } as unknown as MemorySnapshot,
    stats: {
      rules: [rule('sessions', 0), rule('cache', 1234, 567), rule('temp', 0, 8), rule('jobs', 0)],
      unregistered: rule('unregistered', 7),
      discovered: [{ pattern: 'report:*', writes: 120 }],
    } as StatsSnapshot,
  };
}

const plain = (_: unknown, text: string): string => text;

t.test('the screen fits a terminal and shows the story', async (t) => {
  const lines = drawScreen(frame(55), plain);
  for (const line of lines) t.ok(line.length <= 100, line);
  const text = lines.join('\n');
  t.match(text, /through Spillway +█+░+ 58\.0 MB \(90\.6%\)/);
  t.match(text, /directly to Redis +█{50} 64\.0 MB \(100%\)/);
  t.match(text, /refusing: low \(all\), normal \(25%\)\n/);
  t.match(text, /cache:\* +low +1h +9 +567 +1,234 +\| +1,000 +55/);
  t.match(text, /report:\* +normal +- +1,000 +0 +7 /);
  t.match(text, /TTLs added by Spillway: 2,800 /);
  t.match(text, /patterns without a rule: report:\* \(120 writes\)/);
});

t.test('the bands stand below the cells that they cover', async (t) => {
  const [, , bar = '', marks = ''] = drawScreen(frame(0), plain);
  t.equal(marks.indexOf('l'), bar.indexOf('█') + 40, 'low starts at 80% of 50 cells');
  t.match(marks, / {2}lllllnn\+h {2}/);
});

t.test('colors mark what is lost', async (t) => {
  const marked = drawScreen(frame(55), (style, text) => `<${style}>${text}</>`).join('\n');
  t.match(marked, /<red> +55<\/>/);
  t.notMatch(drawScreen(frame(0), (style, text) => `<${style}>${text}</>`).join('\n'), /<red> +0</);
});

t.test('one line for logs', async (t) => {
  const line = drawLine(frame(55));
  t.notMatch(line, /\n/);
  t.match(
    line,
    /^12 s \| Spillway: 58\.0 MB \(90\.6%\), 2,800 TTLs added, evicted cache 567, temp 8, refused cache 1,234, report 7 \| directly: .*275 OOM/,
  );
});

t.test('the summary has both sides, and its verdict follows the figures', async (t) => {
  const summary = summarize(frame(55));
  t.match(summary, {
    seconds: 12.3,
    straight: { refused: { queue: 55, session: 55 }, redisOom: 275, keysWithoutTtl: 20 },
    spillway: {
      refused: { queue: 0, cache: 1234 },
      redisOom: 0,
      ttlsGiven: 2800,
      shed: { cache: 1234, report: 7 },
      evicted: { cache: 567, temp: 8, report: 0 },
    },
  });
  const text = drawSummary(summary, plain);
  t.match(text, /critical writes lost \(queue\) +│ +55 │ +0 │/);
  t.match(text, /cache:\* \(low\) +│ +55 of 1,055 │ +1,234 of 1,243 │/);
  t.match(text, /cache and temp keys evicted by Spillway +│ +- │ +575 │/);
  t.match(text, /110 session and queue writes got OOM errors\. Through Spillway none did/);
  t.notMatch(text, /other errors/);
  t.match(drawSummary(summarize(frame(0)), plain), /did not fill up/);
});

t.test('readings of INFO', async (t) => {
  const info =
    'used_memory:1000\r\nused_memory_peak:2000\r\nmaxmemory:67108864\r\nerrorstat_OOM:count=12\r\ndb0:keys=10,expires=7,avg_ttl=0\r\n';
  t.same(parseReading(info), {
    usedBytes: 1000,
    peakBytes: 2000,
    limitBytes: 67108864,
    keys: 10,
    keysWithoutTtl: 3,
    ownOom: 12,
  });
  t.match(parseReading('# Memory\r\n'), { keys: 0, keysWithoutTtl: 0, ownOom: 0 });
});

t.test('the workload repeats itself, and its bounded patterns are bounded and fit', async (t) => {
  const [one, two] = [createRandom(5), createRandom(5)];
  for (let i = 0; i < 100; i++) t.equal(pick(one, 1000), pick(two, 1000));
  let bounded = 0;
  for (const pattern of PATTERNS) {
    const random = createRandom(1);
    const keys = new Set(Array.from({ length: 50_000 }, (_, i) => pattern.key(random, i)));
    t.notOk([...keys].find((key) => !key.startsWith(pattern.glob.slice(0, -1))));
    if (pattern.unbounded) t.equal(keys.size, 50_000, pattern.name);
    else if (pattern.name !== 'queue') bounded += keys.size * pattern.valueBytes;
  }
  t.ok(bounded < 10 * MEGABYTE, 'everything but cache and temp takes less than 10 MB');
});
