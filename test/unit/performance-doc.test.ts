// docs/PERFORMANCE.md and its plots: what is said of figures, and that nothing is said without them. The figures here
// are made up.
import { mkdirSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import {
  type Circumstances,
  type CostsResults,
  type HttpResults,
  type LatencyResults,
  MICRO_STEPS,
  type MicroResults,
  type ScenarioResults,
  SETTINGS,
  TARGETS,
  type Target,
  type ThroughputResults,
  type ThroughputRow,
} from '../../bench/report/types.js';
import { ofPeer } from '../../bench/throughput/results.js';
import { performanceDocument } from '../../scripts/performance/document.js';
import { lost, size, worse } from '../../scripts/performance/format.js';
import { drawBars, drawLines } from '../../scripts/performance/plot.js';
import { plots } from '../../scripts/performance/plots.js';
import { type Results, readResults } from '../../scripts/performance/results.js';
import { type Outcome, outcomes } from '../../scripts/performance/targets.js';
import { xmlFault } from '../support/xml.js';

const MB = 2 ** 20;
const circumstances: Circumstances = {
  date: '2026-01-02',
  commit: 'abc1234',
  machine: { cpu: 'A <fast> | CPU', cores: 2, memoryGiB: 8, kernel: 'Linux 6.1' },
  versions: { node: '24.0.0', haproxy: '2.6.12', 'redis-server': '7.0.15', twemproxy: '0.5.0' },
  rounds: 3,
};

const KB = 2 ** 10;
/** Exactly at each limit at 1 / 16 / 64 in flight, as parts of haproxy's. */
const LIMITS = { 'command pooling': [1.1, 0.97, 0.97], 'session pooling': [0.92, 0.92, 0.95] } as const;
/** Of direct; a power of two, so that parts of it are exact. */
const HAPROXY = 0.5;

function ratioOf(target: Target, bytes: number, depth: number): number {
  if (target === 'direct') return 1;
  if (target === 'haproxy') return HAPROXY;
  if (target === 'twemproxy' || target === 'relay') return HAPROXY * 0.9;
  if (bytes === MB) return 0.9 * HAPROXY;
  return (bytes === 64 ? (LIMITS[target][depth] as number) : 0.97) * HAPROXY;
}

const throughput: ThroughputResults = {
  ...circumstances,
  connections: 50,
  rows: (['set', 'get', 'mixed'] as const).flatMap((test) =>
    [64, 16 * KB, 64 * KB, MB].flatMap((bytes) =>
      (bytes === MB ? [1] : [1, 16, 64]).flatMap((pipeline, i) =>
        TARGETS.map((target) => {
          const ratio = ratioOf(target, bytes, i);
          const peer = target === 'haproxy' || target === 'twemproxy' || target === 'relay';
          return {
            test,
            bytes,
            pipeline,
            target,
            perSecond: ratio * 100_000 * (i + 1),
            ratio,
            ratios: [ratio / 2, ratio, ratio * 2],
            p99: peer ? 1 : 1.5,
            proxyCpu: target === 'direct' ? null : peer ? 2.5 : 3.5,
            redisCpu: 1.75,
          };
        }),
      ),
    ),
  ),
};

const latency: LatencyResults = {
  ...circumstances,
  connections: 50,
  ratePerSecond: 30_000,
  rows: TARGETS.map((target) => {
    const by = target === 'direct' ? 1 : 1.5;
    return {
      target,
      achievedPerSecond: 30_000,
      p50: 0.2 * by,
      p90: 0.5 * by,
      p99: 2 * by,
      p999: 9 * by,
      max: 30 * by,
    };
  }),
};

const POOLINGS = ['command pooling', 'session pooling'] as const;
const costs: CostsResults = {
  ...circumstances,
  rules: (['prefix', 'glob'] as const).flatMap((kind) =>
    [4, 100, 1000].map((rules) => ({ rules, kind, perSecond: rules === 1000 ? 95_000 : 100_000 })),
  ),
  policy: SETTINGS.map((settings, i) => ({ settings, perSecond: 100_000 - 3000 * i })),
  statistics: { onPerSecond: 97_000, offPerSecond: 100_000 },
  connections: [1, 50, 1000, 5000].flatMap((connections) =>
    TARGETS.map((target, i) => ({ connections, target, perSecond: 90_000 - 10_000 * i })),
  ),
  values: [64, 16_384, MB, 100 * MB].flatMap((bytes) =>
    (['direct', ...POOLINGS, 'haproxy'] as const).map((target) => ({
      bytes,
      target,
      bytesPerSecond: target === 'haproxy' || target === 'direct' ? bytes * 10 : bytes * 9,
      residentGrowth: target === 'direct' ? null : 32 * MB - 1,
    })),
  ),
  idle: POOLINGS.map((target) => ({
    connections: 10_000,
    target,
    proxyResident: 400 * MB - 1,
    redisResident: 30 * MB,
  })),
  crowd: POOLINGS.map((target) => ({
    clients: 5000,
    target,
    connectedClients: 9,
    redisClientMemory: 2 * MB,
    redisCpu: 3.5,
    perSecond: 20_000,
  })),
  unix: (['tcp', 'unix'] as const).map((client) => ({
    target: 'session pooling',
    client,
    server: 'unix',
    pipeline: 16,
    perSecond: 345_000,
    ratio: 0.875,
    proxyCpu: 1.5,
  })),
};

const http: HttpResults = {
  ...circumstances,
  connections: 50,
  seconds: 4,
  rows: [
    { route: '/get', target: 'direct', perSecond: 10_000, ratio: 1, p50: 4, p99: 9 },
    { route: '/get', target: 'command pooling', perSecond: 9_000, ratio: 0.905, p50: 4.5, p99: 10 },
  ],
};

const scenario: ScenarioResults = {
  ...circumstances,
  verdicts: [
    { sizes: 'values of 100 bytes', requirement: 'no OOM | from Redis', pass: true, measured: '0' },
    { sizes: 'values of 100 bytes', requirement: 'low goes first', pass: false, measured: 'high at 3 ms' },
  ],
};

const micro: MicroResults = {
  ...circumstances,
  rows: MICRO_STEPS.map((step, i) => ({ step, what: `case of ${step}`, nanoseconds: 12.34 * (i + 1) })),
};

const everything: Results = { throughput, latency, costs, http, scenario, micro };

function document(results: Results, notes?: string): string {
  return performanceDocument(results, plots(results), notes);
}

/** The outcomes whose aim says all of `words`. */
function about(results: Results, ...words: string[]): Outcome[] {
  const found = outcomes(results).filter(({ aim }) => words.every((word) => aim.includes(word)));
  if (found.length === 0) throw new Error(`no target speaks of ${words.join(' and ')}`);
  return found;
}

const verdicts = (found: readonly Outcome[]): string[] => found.map(({ verdict }) => verdict);
const count = (text: string, part: string): number => text.split(part).length - 1;

t.test('a figure at its limit reaches the target, one just beyond does not', async (t) => {
  t.same(new Set(verdicts(outcomes(everything))), new Set(['reached']));

  /** One row by a little slower, in all rounds alike. */
  function slower(target: Target, test: string, bytes: number, pipeline: number): Results {
    const rows = throughput.rows.map((row) =>
      row.target === target && row.test === test && row.bytes === bytes && row.pipeline === pipeline
        ? { ...row, ratios: row.ratios.map((ratio) => ratio * (1 - 1e-9)) }
        : row,
    );
    return { ...everything, throughput: { ...throughput, rows } };
  }
  for (const pooling of POOLINGS) {
    for (const test of ['set', 'get', 'mixed']) {
      for (const [bytes, depth] of [
        ...[1, 16, 64].map((depth) => [64, depth] as const),
        ...[16 * KB, 64 * KB, MB].map((bytes) => [bytes, 1] as const),
      ]) {
        const found = outcomes(slower(pooling, test, bytes, depth)).filter(
          ({ verdict }) => verdict !== 'reached',
        );
        t.match(found, [{ aim: pooling, verdict: 'not reached' }], `${test} ${bytes} ${depth}`);
        t.match(found, [{ aim: 'of haproxy' }]);
        t.equal(found.length, 1);
      }
    }
  }
  const shown = about(
    slower('command pooling', 'get', 64, 1),
    'command pooling, 64 bytes, 1 in flight',
    '1.1',
  );
  t.equal(shown[0]?.measured, 'set 1.10, get **1.09**, mixed 1.10', 'a miss is never rounded to its limit');

  /** What Spillway's own rows are made. */
  function changedRows(change: (row: ThroughputRow) => ThroughputRow): Partial<Results> {
    const rows = throughput.rows.map((row) =>
      POOLINGS.some((pooling) => pooling === row.target) ? change(row) : row,
    );
    return { throughput: { ...throughput, rows } };
  }
  const cases: [change: Partial<Results>, ...words: string[]][] = [
    [
      {
        latency: {
          ...latency,
          rows: latency.rows.map((row) => (row.target === 'direct' ? { ...row, p99: 1.999 } : row)),
        },
      },
      'p99 at a fixed rate',
    ],
    [changedRows((row) => ({ ...row, proxyCpu: (row.proxyCpu ?? 0) + 1e-9 })), 'CPU a command'],
    [changedRows((row) => (row.bytes === 64 ? { ...row, p99: 1.501 } : row)), '64 bytes', 'p99'],
    [{ costs: { ...costs, statistics: { onPerSecond: 96_999, offPerSecond: 100_000 } } }, 'statistics'],
    [
      {
        costs: {
          ...costs,
          rules: costs.rules.map((row) => (row.rules === 1000 ? { ...row, perSecond: 94_999 } : row)),
        },
      },
      '1,000',
    ],
    [
      { costs: { ...costs, values: costs.values.map((row) => ({ ...row, residentGrowth: 32 * MB })) } },
      '100 MB',
      'grows',
    ],
    [
      {
        costs: {
          ...costs,
          values: costs.values.map((row) =>
            row.target === 'haproxy' ? row : { ...row, bytesPerSecond: row.bytesPerSecond - 1 },
          ),
        },
      },
      '100 MB',
      'of haproxy',
    ],
    [{ costs: { ...costs, idle: costs.idle.map((row) => ({ ...row, proxyResident: 400 * MB })) } }, 'idle'],
  ];
  for (const [change, ...words] of cases) {
    const changed = { ...everything, ...change };
    t.same(
      verdicts(about(changed, ...words)),
      ['not reached', 'not reached'].slice(words[0] === 'statistics' ? 1 : 0),
    );
    const missed = outcomes(changed).filter(({ verdict }) => verdict === 'not reached');
    t.same(missed, about(changed, ...words), `${words.join(' ')} and nothing else`);
  }
});

t.test('a peer is judged round by round', async (t) => {
  // The machine was slow in other rounds for the one than for the other: medians of the rates would say nothing of it.
  const rows = throughput.rows.map((row) =>
    row.target === 'haproxy' ? { ...row, ratios: row.ratios.toReversed() } : row,
  );
  t.equal(
    ofPeer(rows.find(({ target }) => target === 'session pooling') as ThroughputRow, 'haproxy', rows),
    0.92,
  );
  const fewer = rows.map((row) => (row.target === 'haproxy' ? { ...row, ratios: [1] } : row));
  t.equal(ofPeer(fewer[0] as ThroughputRow, 'haproxy', fewer), undefined, 'not as many rounds of both');
  t.equal(ofPeer(rows[0] as ThroughputRow, 'direct', rows), undefined, 'nothing beside itself');
});

t.test('the document says what was not measured', async (t) => {
  const rows = throughput.rows.filter(({ test }) => test !== 'mixed');
  const partly = { ...everything, throughput: { ...throughput, rows } };
  const [outcome] = about(partly, 'command pooling, 64 bytes, 1 in flight');
  t.equal(outcome?.verdict, 'not measured', 'two of three are not all');
  t.equal(outcome?.measured, 'set 1.10, get 1.10, mixed not measured');
  t.notMatch(document(partly), '### 80% GET');

  const missed = {
    throughput: {
      ...throughput,
      rows: rows.map((row) =>
        row.target === 'command pooling' ? { ...row, ratios: row.ratios.map((ratio) => ratio / 2) } : row,
      ),
    },
  };
  t.equal(
    about(missed, 'command pooling, 64 bytes, 1 in flight')[0]?.verdict,
    'not reached',
    'a miss is one, whatever is missing',
  );

  t.same(new Set(verdicts(outcomes({}))), new Set(['not measured']));
  t.same(
    verdicts(about({ costs: { ...costs, statistics: { onPerSecond: 1, offPerSecond: 0 } } }, 'statistics')),
    ['not measured'],
  );
});

t.test('a section stands where its figures do', async (t) => {
  const headings = (text: string): string[] =>
    [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading as string);
  const first = ['What was measured, where and when', 'How to read it', 'Targets'];
  const ofCosts = [
    'Cost of rules',
    'Cost of settings',
    'Cost of statistics',
    'Cost of connections',
    'Cost of values',
    'Idle connections',
    'Many clients that work a little',
    'Unix sockets',
  ];
  const last = ['An HTTP application', 'Shedding under full load', 'Single steps'];
  t.same(headings(document(everything)), [
    ...[...first, 'Throughput', 'Latency at a fixed rate'],
    ...[...ofCosts, ...last],
  ]);
  t.same(headings(document({ http })), [...first, last[0]]);
  t.same(headings(document({ scenario })), [...first, last[1]]);
  t.same(headings(document({ micro })), [...first, last[2]]);
  t.same(headings(document({ throughput })), [...first, 'Throughput']);
  t.same(headings(document({ latency })), [...first, 'Latency at a fixed rate']);
  t.same(headings(document({ costs })), [...first, ...ofCosts]);
  const empty = {
    ...costs,
    rules: [],
    policy: [],
    connections: [],
    values: [],
    idle: [],
    crowd: [],
    unix: [],
  };
  t.same(headings(document({ costs: empty })), [...first, 'Cost of statistics']);
  t.same(headings(document({})), []);
  t.match(document({}), 'Nothing was measured yet');
  t.notMatch(document(everything), 'Nothing was measured yet');
  t.equal(headings(document(everything, 'Node.\n')).at(-1), 'What stands in the way');
  t.match(document(everything, '\nIt is **so**.\n'), /## What stands in the way\n\nIt is \*\*so\*\*\.\n$/);
});

t.test('the document names every plot once, and each table row is as wide as its heading', async (t) => {
  const text = document(everything);
  for (const { file } of plots(everything)) t.equal(count(text, `(performance/${file})`), 1, file);
  t.equal(count(text, '](performance/'), plots(everything).length);
  const tables = text.split('\n\n').filter((block) => block.startsWith('| '));
  t.equal(tables.length, 16);
  t.match(text, '| 16 | session pooling | unix | unix | 345,000 | 0.88 | 1.50 |');
  for (const table of tables) {
    const widths = table
      .trim()
      .split('\n')
      .map((line) => count(line.replaceAll('\\|', ''), '|'));
    t.equal(new Set(widths).size, 1, table.split('\n')[0]);
  }
  t.match(
    text,
    '| 64 bytes | 16 | command pooling | 97,000 | 0.48 (0.24 to 0.97) | 1.08 | 0.97 | 1.08 | 1.50 | 3.50 | 1.75 |',
  );
  t.match(text, '| `/get` | command pooling | 9,000 | 9.5% | 4.50 | 10.0 |');
  t.match(text, 'Of 2 requirements\n1 hold.');
  t.match(text, '| low goes first | high at 3 ms | **does not hold** |');
  t.match(text, '| identify: the command’s row | case of identify | 24.7 |');
  t.match(text, '`abc1234`');
  t.match(text, 'haproxy 2.6.12, node 24.0.0, redis-server 7.0.15, twemproxy 0.5.0');
});

t.test('the order of the figures makes no difference', async (t) => {
  const turned: Results = {
    throughput: { ...throughput, rows: throughput.rows.toReversed() },
    latency: { ...latency, rows: latency.rows.toReversed() },
    costs: {
      ...costs,
      rules: costs.rules.toReversed(),
      connections: costs.connections.toReversed(),
      values: costs.values.toReversed(),
      idle: costs.idle.toReversed(),
      crowd: costs.crowd.toReversed(),
    },
    http,
    scenario,
    micro: { ...micro, rows: micro.rows.toReversed() },
  };
  t.equal(document(turned), document(everything));
  t.same(plots(turned), plots(everything));
});

t.test('plots are well-formed and have a mark for each datum', async (t) => {
  const expected: Record<string, number> = {
    'throughput-set.svg': 15,
    'throughput-get.svg': 15,
    'throughput-mixed.svg': 15,
    'latency.svg': 30,
    'rules.svg': 6,
    'connections.svg': 24,
    'values.svg': 16,
  };
  const drawn = plots(everything);
  t.same(
    drawn.map(({ file }) => file),
    Object.keys(expected),
  );
  for (const { file, svg } of drawn) {
    t.equal(xmlFault(svg), undefined, file);
    t.equal(count(svg, 'class="mark"'), expected[file], file);
    t.match(svg, /<title id="title">[^<]+<\/title>\n<desc id="desc">[^<]+<\/desc>/);
    t.notMatch(svg, /NaN|Infinity|undefined|<script|href/);
  }
  t.same(plots({}), []);
});

t.test('a target has one color, in every plot, and no other has it', async (t) => {
  const byTarget = new Map<string, Set<string>>();
  for (const { svg } of plots(everything)) {
    for (const [, fill, name] of svg.matchAll(/class="mark"[^>]* fill="([^"]+)"><title>([^,]+),/g)) {
      byTarget.set(name as string, (byTarget.get(name as string) ?? new Set()).add(fill as string));
    }
  }
  const colors = TARGETS.map((target) => [...(byTarget.get(target) ?? [])]);
  t.same(
    colors.map(({ length }) => length),
    TARGETS.map(() => 1),
  );
  t.equal(new Set(colors.flat()).size, TARGETS.length);
});

t.test('no two texts of a plot overlap, and none leaves it', async (t) => {
  for (const { file, svg } of plots(everything)) {
    const boxes = [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)"([^>]*)>([^<]*)</g)]
      .filter(([, , , more]) => !more?.includes('rotate'))
      .map(([, x, y, more, text]) => {
        const letter = more?.includes('bold') ? 9 : 6.5;
        const width = (text as string).replace(/&[a-z]+;/g, '.').length * letter;
        const left =
          Number(x) - (more?.includes('"middle"') ? width / 2 : more?.includes('"end"') ? width : 0);
        return { text, left, right: left + width, top: Number(y) - 11, bottom: Number(y) + 3 };
      });
    t.ok(boxes.length > 8, file);
    for (const [i, a] of boxes.entries()) {
      // 24: the title of the y axis
      if (a.left < 24 || a.right > 760) t.fail(`${file}: ${a.text} leaves the plot`);
      for (const b of boxes.slice(i + 1)) {
        const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
        if (!apart) t.fail(`${file}: ${a.text} overlaps ${b.text}`);
      }
    }
  }
});

t.test('names are escaped, and a logarithmic axis takes no zero', async (t) => {
  const plot = {
    title: `<a> & "b" 'c'`,
    description: 'x < y & z',
    x: { title: '<x>', show: (value: number) => `<${value}>` },
    y: { title: '"y"', show: String },
    series: [{ name: 'R&D <i>', look: 0, points: [{ x: 1, y: 2 }] }],
  };
  const reference = { name: '<1>', value: 1 };
  for (const svg of [drawLines(plot), drawBars({ ...plot, reference })]) {
    t.equal(xmlFault(svg), undefined);
    t.match(svg, '&lt;a&gt; &amp; &quot;b&quot; &apos;c&apos;');
    t.match(svg, 'R&amp;D &lt;i&gt;');
  }
  const zero = [{ name: 'a', look: 0, points: [{ x: 0, y: 0 }] }];
  t.throws(() => drawLines({ ...plot, y: { ...plot.y, log: true }, series: zero }), /0 has no place/);
  t.throws(() => drawLines({ ...plot, x: { ...plot.x, log: true }, series: zero }), /0 has no place/);
});

t.test('the XML check tells well-formed text from other text', async (t) => {
  for (const good of ['<a/>', '<a b="c"><d/>text &lt;</a>\n']) t.equal(xmlFault(good), undefined, good);
  for (const bad of [
    '',
    'a',
    '<a>',
    '<a></b>',
    '<a/><a/>',
    '<a>&</a>',
    '<a b=c/>',
    '<a b="1" b="2"/>',
    '<a><b></a></b>',
    '<a>]]></a>',
    '<a/>text',
    '<a b="<"/>',
    '<a>&nbsp;</a>',
    '<a>\u0001</a>',
  ]) {
    t.type(xmlFault(bad), 'string', bad);
  }
});

t.test('results are read from their files; a wrong shape is refused by name', async (t) => {
  const folder = pathToFileURL(`${t.testdir({})}/`);
  t.same(readResults(new URL('none/', folder)), {});
  t.same(readResults(folder), {});
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL('throughput.json', folder), JSON.stringify(throughput));
  t.same(readResults(folder), { throughput });
  for (const [name, results] of Object.entries(everything)) {
    writeFileSync(new URL(`${name}.json`, folder), JSON.stringify(results));
  }
  t.same(readResults(folder), everything);
  writeFileSync(new URL('latency.json', folder), JSON.stringify({ ...latency, ratePerSecond: 'fast' }));
  t.throws(() => readResults(folder), /latency\.json: .*ratePerSecond/s);
});

t.test('how figures read', async (t) => {
  t.same([0, 64, 1024, 1536, 100 * MB, -3 * MB, 2.5 * 2 ** 40].map(size), [
    '0 bytes',
    '64 bytes',
    '1 KB',
    '1.5 KB',
    '100 MB',
    '-3 MB',
    '2,560 GB',
  ]);
  t.same(
    [worse(0.95, 2, 'more'), worse(0.9499, 2, 'more'), worse(1.5, 2, 'less'), worse(1.5001, 2, 'less')],
    ['0.95', '0.94', '1.50', '1.51'],
  );
  t.same([0.97, 0.9699, 1.02].map(lost), ['3.0%', '3.1%', '-2.0%']);
});
