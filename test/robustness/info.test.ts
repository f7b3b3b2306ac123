// What a server may answer to INFO, at random: cut, empty, huge, with fields missing, repeated, negative or no numbers, a limit
// that goes, comes and is smaller than what is used, jumps, errors, answers that are late. Whatever it is, clients get the
// replies of the server itself but for refusals of the priority that may be refused, the figures stay numbers, the log is
// short, and the first good readings put all right. SPILLWAY_SEED repeats a run.
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { createRandom, pick, type Random } from '../../src/cli/demo/random.js';
import { withInfoRelay } from '../support/info-relay.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';
import { runSeed } from './fuzz/random.js';

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
/** Of each change. */
const TIMES = 3;
const FIELDS = [
  'used_memory',
  'maxmemory',
  'mem_not_counted_for_evict',
  'lazyfree_pending_objects',
  'used_memory_startup',
];
const VALUES = ['', '-1', '0', '1', 'NaN', '1e9', 'inf', ' 12 ', '9007199254740993', '١٢'];
const ERRORS = [
  '-ERR unknown command',
  '-LOADING Redis is loading the dataset in memory',
  "-NOPERM this user has no permissions to run the 'info' command",
  '-BUSY Redis is busy running a script',
  '-OOM command not allowed',
];

const PATHS = ['/api/memory', '/api/state', '/api/stats', '/api/report', '/readyz', '/api/history'];
/** These are readings of a server that is full, or has no limit. */
const LIES = ['limit below', 'jumps', 'without a limit', 'spoiled'];

type Change = (text: string) => string | Buffer | undefined;

const field =
  (name: string, value: string): Change =>
  (text) =>
    text.replace(new RegExp(`^${name}:.*$`, 'm'), `${name}:${value}`);
const bytes = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1] ?? 0);

const CHANGES: Readonly<Record<string, (random: Random) => Change>> = {
  cut: (random) => {
    const share = random();
    return (text) => text.slice(0, Math.floor(text.length * share));
  },
  empty: () => () => '',
  null: () => () => Buffer.from('$-1\r\n'),
  'no bulk': (random) => () =>
    Buffer.from(['*0\r\n', ':12\r\n', '+OK\r\n', '*1\r\n$3\r\nabc\r\n'][pick(random, 4)] ?? ''),
  huge: () => (text) => text + 'x_field:1\r\n'.repeat(50_000),
  'long line': () => (text) => `${text}x_field:${'9'.repeat(1_000_000)}\r\n`,
  spoiled: (random) =>
    field(FIELDS[pick(random, FIELDS.length)] ?? '', VALUES[pick(random, VALUES.length)] ?? ''),
  missing: (random) => {
    const name = FIELDS[pick(random, FIELDS.length)];
    return (text) => text.replace(new RegExp(`^${name}:.*\r\n`, 'm'), '');
  },
  repeated: () => (text) => text + text,
  'without a limit': () => field('maxmemory', '0'),
  'limit below': () => (text) => field('maxmemory', String(Math.floor(bytes(text, 'used_memory') / 2)))(text),
  jumps: (random) => (text) =>
    field('used_memory', String(Math.floor(bytes(text, 'used_memory') * random() * 12)))(text),
  error: (random) => () => Buffer.from(`${ERRORS[pick(random, ERRORS.length)]}\r\n`),
  unanswered: () => () => undefined,
};

async function misled(t: Test, pool: string, workers: number, seed: number): Promise<void> {
  const random = createRandom(seed);
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  const relay = await withInfoRelay(t, redis.port);
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const proxy = await withProxy(t, {
    redis: relay,
    log,
    config: {
      upstream: { pool },
      workers,
      rules: [
        { name: 'low', match: 'low:*', ttl: '1h', priority: 'low' },
        { name: 'kept', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all', priority: 'critical' },
      ],
      memory: { pollInterval: '50ms', staleAfter: '1s', reserve: 'off' },
    },
  });
  const client = await withRaw(t, proxy.port);
  const memory = async () =>
    (await proxy.admin('/api/memory')) as {
      polls: number;
      pollErrors: number;
      level: Record<string, { shedShare: number }>;
    };
  const good = async (): Promise<void> => {
    relay.change = undefined;
    relay.lateMs = 0;
    const { polls } = await memory();
    await until(
      async () => {
        const now = await memory();
        return now.polls > polls + 1 && now.level.low?.shedShare === 0;
      },
      { describe: 'good readings, and low to be admitted' },
    );
  };
  const names = Object.keys(CHANGES);
  for (let round = 0; round < TIMES * names.length; round++) {
    const name = names[round % names.length] ?? '';
    await good();
    const before = await memory();
    relay.change = CHANGES[name]?.(random);
    relay.lateMs = pick(random, 4) === 0 ? pick(random, 300) : 0;
    if (name !== 'unanswered')
      await until(
        async () => {
          const now = await memory();
          return now.polls + now.pollErrors >= before.polls + before.pollErrors + 3;
        },
        { describe: `round ${round}, ${name}: more readings, good or bad` },
      );
    for (let i = 0; i < 20; i++) {
      const replies = [
        await client.call('SET', `kept:${i}`, i),
        await client.call('GET', `kept:${i}`),
        await client.call('SET', `low:${i}`, i),
      ].map(String);
      const right = ['+OK\r\n', `$${String(i).length}\r\n${i}\r\n`, '+OK\r\n'];
      if (LIES.includes(name) && replies[2] === OOM) right[2] = OOM;
      t.strictSame(replies, right, `round ${round}, ${name}`);
    }
    for (const path of PATHS) await proxy.admin(path);
  }
  await good();
  t.equal(String(await client.call('SET', 'low:x', 'v')), '+OK\r\n');
  t.ok(lines.length < 25, `${lines.length} lines of warnings:\n${lines.join('')}`);
  t.notMatch(lines.join(''), /Cannot read|is not a function|undefined/, 'no words of the program');
}

const seed = runSeed();
t.setTimeout(450_000);
for (const [i, pool] of POOLS.entries()) {
  t.test(`${pool} pooling, workers ${i + 1}: SPILLWAY_SEED=${seed}`, { timeout: 200_000 }, (t) =>
    misled(t, pool, i + 1, seed),
  );
}
