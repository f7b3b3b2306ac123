// What the console answers, as bytes of both protocols and in Redis's own manner.
import RedisParser from 'redis-parser';
import t from 'tap';
import { answerQuestions, type ConsoleSources } from '../../../src/surfaces/console/console.js';
import { encodeReply, Failure, Status, Text } from '../../../src/surfaces/console/encode.js';
import { infoSection } from '../../../src/surfaces/console/info.js';
import type { ExplainRequest } from '../../../src/surfaces/explain/types.js';

t.test('values become what Redis makes of such values', async (t) => {
  const cases: readonly (readonly [value: unknown, resp2: string, resp3: string])[] = [
    ['äb', '$3\r\näb\r\n', '$3\r\näb\r\n'],
    ['', '$0\r\n\r\n', '$0\r\n\r\n'],
    [42, ':42\r\n', ':42\r\n'],
    [-1, ':-1\r\n', ':-1\r\n'],
    [0.25, '$4\r\n0.25\r\n', ',0.25\r\n'],
    [2 ** 60, '$19\r\n1152921504606847000\r\n', ',1152921504606847000\r\n'],
    [true, ':1\r\n', '#t\r\n'],
    [false, ':0\r\n', '#f\r\n'],
    [null, '$-1\r\n', '_\r\n'],
    [[1, ['a']], '*2\r\n:1\r\n*1\r\n$1\r\na\r\n', '*2\r\n:1\r\n*1\r\n$1\r\na\r\n'],
    [{ a: 1, b: undefined }, '*2\r\n$1\r\na\r\n:1\r\n', '%1\r\n$1\r\na\r\n:1\r\n'],
    [{}, '*0\r\n', '%0\r\n'],
    [new Status('OK'), '+OK\r\n', '+OK\r\n'],
    [new Failure('ERR two\r\nlines'), '-ERR two  lines\r\n', '-ERR two  lines\r\n'],
    [new Text('é\r\n'), '$4\r\né\r\n\r\n', '=8\r\ntxt:é\r\n\r\n'],
  ];
  for (const [value, resp2, resp3] of cases) {
    t.equal(encodeReply(value, 2).toString(), resp2);
    t.equal(encodeReply(value, 3).toString(), resp3);
  }
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

const rule = (name: string) => ({ name, writes: 3, commands: { set: 3 } });
const failures: unknown[] = [];
const sources = {
  version: '1.2.3',
  mode: () => 'observe',
  stats: () => ({
    rules: [rule('cache'), rule('a:b')],
    unregistered: rule('unregistered'),
    discovered: [{ pattern: 'x:*', writes: 1 }],
    since: '2026-01-01T00:00:00.000Z',
    takenAt: '2026-01-01T00:01:30.500Z',
    upstreamOom: 0,
    latency: { samples: 0, buckets: [] },
  }),
  rules: () => [{ name: 'cache', match: 'cache:*' }],
  explain: ({ key, command }: ExplainRequest) => ({ explained: key, words: command.length }),
  state: () => ({
    ...{
      state: 'observing',
      severity: 'warn',
      since: '2026-01-01T00:00:00.000Z',
      text: 'nothing is refused',
    },
    also: [],
  }),
  memory: () => ({ usedBytes: 5, level: { low: { shedShare: 0, band: null } } }),
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

t.test('each subcommand, in any case', async (t) => {
  t.equal(await ask(['version']), '1.2.3');
  t.same(await ask(['RULES']), [['name', 'cache', 'match', 'cache:*']]);
  t.same(await ask(['Prefixes']), [['pattern', 'x:*', 'writes', 1]]);
  const clients = (await ask(['CLIENTS'])) as unknown[];
  t.equal(clients.length, 20);
  t.same(clients[0], ['address', 'h:0', 'name', '', 'bytes', 50]);
  t.same(
    await ask(['MEMORY']),
    ['usedBytes', 5, 'level', ['low', ['shedShare', 0, 'band', null]], 'growth', null].concat([
      'timeToFull',
      ['seconds', 9],
      'timeToFullUnrefused',
      ['seconds', 8],
      'marks',
      [],
    ] as never[]),
  );
  const row = (name: string) => [name, ['name', name, 'writes', 3, 'commands', ['set', 3]]];
  t.same(await ask(['STATS']), [row('cache'), row('a:b'), row('unregistered')].flat());
  t.same(await ask(['stats', 'a*']), row('a:b'));
  t.same(await ask(['stats', '[']), []);
  t.same(await ask(['Explain', Buffer.from('kä').toString('latin1')]), ['explained', 'kä', 'words', 0]);
  t.same(await ask(['EXPLAIN', '']), ['explained', '', 'words', 0]);
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
    'low:shed_share=0,band=',
    'time_to_full:seconds=9',
    'time_to_full_unrefused:seconds=8',
    'rule1:name=a:b,writes=3',
    'unregistered:name=unregistered,writes=3',
  ]) {
    t.ok(text.includes(`${line}\r\n`), line);
  }
});

t.test('HELP names every subcommand, in the form of Redis’s own', async (t) => {
  const lines = (await ask(['HELP'])) as string[];
  t.equal(lines[0], 'PROXY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:');
  t.same(lines.slice(-2), ['HELP', '    Print this help.']);
  t.same(
    lines.slice(1).filter((line) => !line.startsWith('  ')),
    [
      'CLIENTS',
      'EXPLAIN <key> [<db>]',
      'INFO',
      'MEMORY',
      'PREFIXES',
      'RULES',
      'STATS [<pattern>]',
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
  t.equal(await ask(['STATS', '*'.repeat(1025)]), 'ERR the pattern is longer than 1024 bytes');
  t.same(failures, []);
});

t.test('what cannot be read is an error, and told', async (t) => {
  const broken = {
    ...sources,
    stats: () => {
      throw new Error('gone');
    },
  };
  t.equal(await ask(['STATS'], broken), "ERR this could not be read; Spillway's log says why");
  t.match(failures, [{ message: 'gone' }]);
});
