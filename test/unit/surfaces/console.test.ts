// What the console answers, as bytes of both protocols and in Redis's own manner.
import RedisParser from 'redis-parser';
import t from 'tap';
import { PRIORITY_NAMES } from '../../../src/core/policy/rule.js';
import { answerQuestions, type ConsoleSources } from '../../../src/surfaces/console/console.js';
import { type Answer, encodeReply, Json, Lines } from '../../../src/surfaces/console/encode.js';
import { infoSection } from '../../../src/surfaces/console/info.js';
import { table, wrap } from '../../../src/surfaces/console/layout.js';
import type { ExplainRequest } from '../../../src/surfaces/explain/types.js';
import { Failure, Text } from '../../../src/surfaces/reply-text.js';

t.test('lines, text, JSON and errors in both protocols', async (t) => {
  const cases: readonly (readonly [value: Answer, resp2: string, resp3: string])[] = [
    ['äb', '$3\r\näb\r\n', '$3\r\näb\r\n'],
    [new Lines(['a  b', '', 'é']), '*3\r\n+a  b\r\n+\r\n+é\r\n', '=12\r\ntxt:a  b\n\né\r\n'],
    [new Lines(['two\r\nlines']), '*1\r\n+two  lines\r\n', '=14\r\ntxt:two\r\nlines\r\n'],
    [new Json({ a: 1, b: undefined }), '$7\r\n{"a":1}\r\n', '$7\r\n{"a":1}\r\n'],
    [new Failure('ERR two\r\nlines'), '-ERR two  lines\r\n', '-ERR two  lines\r\n'],
    [new Text('é\r\n'), '$4\r\né\r\n\r\n', '=8\r\ntxt:é\r\n\r\n'],
  ];
  for (const [value, resp2, resp3] of cases) {
    t.equal(encodeReply(value, 2).toString(), resp2);
    t.equal(encodeReply(value, 3).toString(), resp3);
  }
});

t.test('a screen is 75 columns wide', async (t) => {
  const long = 'x'.repeat(90);
  const rows = table(
    ['NAME', 'N'],
    [
      [long, '7'],
      ['b', '12'],
    ],
  );
  t.same(
    rows.map(({ length }) => length),
    [75, 75, 75],
  );
  t.match(rows[1], /^x{70}… {3}7$/);
  t.same(table(['A', 'B'], [['x', 'y']], 2), ['A  B', 'x  y']);
  const words = 'word '.repeat(40).trim();
  const wrapped = wrap(`  label  ${words}`, 9);
  t.ok(wrapped.length > 1 && wrapped.every(({ length }) => length <= 75));
  t.equal(wrapped.map((line) => line.trim()).join(' '), `label  ${words}`, 'no word is lost');
  t.same(wrap(`  ${long}`), [`  ${long}`], 'a long word stays whole');
  t.same(wrap(`  ${long} ${long}`), [`  ${long}`, `  ${long}`]);
  t.same(wrap(''), ['']);
});

t.test('a section is lines that whoever reads INFO can read', async (t) => {
  const values = {
    bytesFromClients: 7,
    reason: 'two\r\nlines',
    limitBytes: null,
    active: true,
    level: { shedShare: 0.5, band: [1, 2], none: null },
    workers: [{ pid: 1 }],
  };
  t.equal(
    infoSection('Of it', values),
    '# Of it\r\nbytes_from_clients:7\r\nreason:two  lines\r\nlimit_bytes:\r\nactive:1\r\nlevel:shed_share=0.5,none=\r\n',
  );
});

const rule = (name: string) => ({
  ...{
    name,
    writes: 3,
    bytes: 2048,
    holds: null,
    commands: { set: 3 },
    withoutTtl: 0,
    kept: 0,
    wouldInject: 5,
    wouldClamp: 1,
    shed: 1,
    wouldShed: 0,
  },
  ...{ ttlInjected: 1200, ttlClamped: 30, followUpsSet: 4 },
});
const failures: unknown[] = [];
const sources = {
  version: '1.2.3',
  mode: () => 'observe',
  stats: () => ({
    rules: [rule('cache'), rule('a:b')],
    unregistered: rule('unregistered'),
    discovered: [
      { pattern: 'x:*', db: null, writes: 1, bytes: 9, holds: { bytes: 64 }, hadTtl: 0, withoutTtl: 1 },
      { pattern: 'h\x1b:*', db: null, writes: 1, bytes: 9, holds: null, hadTtl: 0, withoutTtl: 0 },
    ],
    since: '2026-01-01T00:00:00.000Z',
    takenAt: '2026-01-01T00:01:30.500Z',
    upstreamOom: 0,
    latency: { samples: 0, buckets: [] },
  }),
  rules: () => [
    { name: 'cache', match: ['cache:*', 'c:*'], ttl: '1h', priority: 'low' },
    {
      name: 'users',
      match: 'user:*',
      durable: true,
      priority: 'high',
      mode: 'enforce',
      budget: '50mb',
      evict: true,
    },
  ],
  explain: ({ key, command, db }: ExplainRequest) => ({
    ...{
      command: command.length === 0 ? ['SET', key] : command,
      db: db ?? 0,
      why: 'because '.repeat(20).trim(),
    },
    ...{ keys: [], sends: [], changed: false, now: null },
  }),
  state: () => ({
    ...{
      state: 'observing',
      severity: 'warn',
      since: '2026-01-01T00:00:00.000Z',
      text: 'nothing is refused',
    },
    also: [],
  }),
  memory: () => ({
    ...{ usedBytes: 5, limitBytes: 10, pressure: 0.5, stale: false, rehearsal: null, reason: 'on: it may' },
    level: Object.fromEntries(
      PRIORITY_NAMES.map((name) => [
        name,
        { shedShare: 0, band: name === 'low' ? [0.8, 0.88] : null, reservedBytes: 0 },
      ]),
    ),
  }),
  growth: () => ({
    memory: null,
    timeToFull: { seconds: 9 },
    timeToFullUnrefused: { seconds: 8 },
    marks: [],
    writesPerSecond: 1,
    shedPerSecond: 0,
  }),
  connections: async () => ({ clients: 2 }),
  workers: async () => ({ configured: 1, workers: [] }),
  clients: () => Array.from({ length: 50 }, (_, i) => ({ address: `h:${i}`, name: '', bytes: 50 - i })),
  failed: (error: unknown) => failures.push(error),
} as unknown as ConsoleSources;

async function ask(words: readonly string[], from = sources): Promise<unknown> {
  const [bytes] = await answerQuestions([{ number: 1, words, resp: 2 }], from);
  let said: unknown;
  const parser = new RedisParser({
    returnReply: (reply) => {
      said = reply;
    },
    returnError: (error) => {
      said = error.message;
    },
  });
  parser.execute(Buffer.from(bytes));
  return said;
}

t.test('each subcommand, in upper and lower case, is a table', async (t) => {
  t.equal(await ask(['version']), '1.2.3');
  t.same(await ask(['RULES']), [
    'RULE     MATCH        TTL      PRIORITY  MODE     BUDGET  EVICT',
    '1 cache  cache:* c:*  1h       low       observe       -      -',
    '2 users  user:*       durable  high      enforce    50mb    yes',
  ]);
  t.same(await ask(['Prefixes']), [
    'KEYS WITHOUT A RULE  WRITES  BYTES  HOLDS  WITH TTL  NO TTL',
    'x:*                       1    9 B   64 B         0       1',
    'h\\u001b:*                 1    9 B      -         -       -',
    'A rule for each, and why: PROXY PREFIXES JSON, or the dashboard.',
  ]);
  const clients = (await ask(['CLIENTS'])) as string[];
  t.equal(clients.length, 21);
  t.same(clients.slice(0, 2), ['CLIENT  NAME  SENT', 'h:0     -     50 B']);
  t.same(await ask(['MEMORY']), [
    'state     observing: nothing is refused',
    'memory    5 B of 10 B, pressure 50%',
    'growth    -',
    'full      in 9 s',
    'shedding  armed: it may',
    '',
    'PRIORITY  REFUSED   FROM  ALL FROM  KEPT FROM IT',
    'low            0%    80%       88%           0 B',
    'normal         0%  never         -           0 B',
    'high           0%  never         -           0 B',
    'critical       0%  never         -           0 B',
  ]);
  const [head, row] = [
    'RULE          WRITES   BYTES  HOLDS   TTLS  TTLS?  NO TTL  SHED  SHED?',
    'cache              3  2.0 KB      -  1,234      6       5     1      0',
  ];
  const stats = (await ask(['STATS'])) as string[];
  t.same(stats.slice(0, 2), [head, row]);
  t.match(stats.at(-1), /^TTLS\? and SHED\?: what rules in observe mode would/);
  t.match(await ask(['stats', 'a*']), [/^RULE/, /^a:b +3 /]);
  t.same(await ask(['stats', '[']), ['no rule has such a name; PROXY STATS shows all']);
  const [said, why, ...more] = (await ask(['Explain', Buffer.from('kä').toString('latin1')])) as string[];
  t.same([said, why.length <= 75], ['SET kä', true]);
  t.ok(more.every((line) => line.length <= 75));
  t.match(await ask(['EXPLAIN', 'HSET', 'h', 'f', 'v']), ['HSET h f v']);
  t.match(await ask(['EXPLAIN', '']), ['SET ""']);
});

t.test('JSON at the end is for programs', async (t) => {
  const json = async (...words: string[]) => JSON.parse((await ask(words)) as string) as unknown;
  t.match(await json('RULES', 'json'), [{ name: 'cache' }, { evict: true }]);
  t.match(await json('PREFIXES', 'JSON'), [{ pattern: 'x:*' }, {}]);
  t.match(await json('STATS', 'a*', 'JSON'), { 'a:b': { writes: 3 } });
  t.match(Object.keys((await json('STATS', 'JSON')) as object), ['cache', 'a:b', 'unregistered']);
  t.match(await json('MEMORY', 'JSON'), { usedBytes: 5, timeToFull: { seconds: 9 }, marks: [] });
  t.equal(((await json('CLIENTS', 'JSON')) as unknown[]).length, 20);
  t.match(await json('EXPLAIN', 'DB', '3', 'k', 'JSON'), { command: ['SET', 'k'], db: 3 });
  t.match(await json('EXPLAIN', 'SET', 'k', 'JSON'), { command: ['SET', 'k'] });
  t.match(await ask(['EXPLAIN', 'JSON']), ['SET JSON'], 'a key of that name');
});

t.test('INFO tells the sums of all', async (t) => {
  const text = (await ask(['INFO'])) as string;
  for (const line of [
    '# Spillway',
    'spillway_version:1.2.3',
    'mode:observe',
    'state:observing',
    'state_text:nothing is refused',
    'state_also:',
    'uptime_in_seconds:90',
    'clients:2',
    'used_bytes:5',
    'low:shed_share=0,reserved_bytes=0',
    'time_to_full:seconds=9',
    'time_to_full_unrefused:seconds=8',
    'rule1:name=a:b,writes=3,bytes=2048',
    'unregistered:name=unregistered,writes=3,bytes=2048',
  ]) {
    t.ok(text.includes(`\r\n${line}`) || text.startsWith(line), line);
  }
});

t.test('HELP names every subcommand, in the form of Redis’s own', async (t) => {
  const lines = (await ask(['HELP'])) as string[];
  t.equal(lines[0], 'PROXY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:');
  t.same(lines.slice(-2), ['HELP', '    Print this help.']);
  t.same(
    lines.slice(1).filter((line) => !line.startsWith('  ')),
    [
      'CLIENTS [JSON]',
      'EXPLAIN [DB <number>] <key> | <command> <arg> ... [JSON]',
      'INFO',
      'MEMORY [JSON]',
      'PREFIXES [JSON]',
      'RULES [JSON]',
      'STATS [<pattern>] [JSON]',
      'VERSION',
      'HELP',
    ],
  );
});

t.test('errors are Redis’s own words', async (t) => {
  t.equal(await ask([]), "ERR wrong number of arguments for 'proxy' command");
  t.equal(await ask(['nope']), "ERR unknown subcommand 'nope'. Try PROXY HELP.");
  t.equal(await ask(['no\r\npe']), "ERR unknown subcommand 'no  pe'. Try PROXY HELP.");
  t.equal(await ask(['toString']), "ERR unknown subcommand 'toString'. Try PROXY HELP.");
  t.equal(await ask(['x'.repeat(200)]), `ERR unknown subcommand '${'x'.repeat(128)}'. Try PROXY HELP.`);
  t.equal(await ask(['Stats', 'a', 'b']), "ERR wrong number of arguments for 'proxy|stats' command");
  t.equal(await ask(['HELP', 'me']), "ERR wrong number of arguments for 'proxy|help' command");
  t.equal(await ask(['STATS', '*'.repeat(1025)]), 'ERR an argument is longer than 1024 bytes');
  t.equal(await ask(['EXPLAIN']), "ERR wrong number of arguments for 'proxy|explain' command");
  t.equal(await ask(['EXPLAIN', 'DB', 'x', 'k']), 'ERR the database must be a number');
  t.equal(await ask(['EXPLAIN', 'DB', '1']), "ERR wrong number of arguments for 'proxy|explain' command");
  t.match(await ask(['EXPLAIN', ...'123456789ab']), /wrong number/);
  t.same(failures, []);
});

t.test('a failing source is an error to the client, and logged', async (t) => {
  const broken = {
    ...sources,
    stats: () => {
      throw new Error('gone');
    },
  };
  t.equal(await ask(['STATS'], broken), "ERR this could not be read; Spillway's log says why");
  t.match(failures, [{ message: 'gone' }]);
});
