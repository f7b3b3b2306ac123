// Job systems by their own libraries, with the shipped rules, where Spillway refuses all but critical writes and memory still
// grows: each job runs once, failed ones are kept, no worker ends, as on a direct connection at the same pressure.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { withFolder } from '../support/folder.js';
import { POOLS, type TestProxy, withProxy } from '../support/proxy.js';
import { type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { integer, wipe } from '../support/twins.js';
import { until } from '../support/wait.js';
import { need } from './clients/apt.js';
import { Program } from './clients/program.js';
import { ensurePython } from './clients/python-redis.js';
import { PATIENCE } from './clients/sides.js';

const FOLDER = fileURLToPath(new URL('jobs/', import.meta.url));
const SHIPPED = JSON.parse(readFileSync(new URL('../../proxy.config.json', import.meta.url), 'utf8')) as {
  rules: object[];
  memory: object;
};
const MAXMEMORY = 128 * 2 ** 20;
const PRESSURE = 0.975;
/** Beyond this pressure it grows no more: Redis itself must refuse nothing. */
const MOST = 0.99;
const GROWTH = { bytes: 1000, everyMs: 20 };
const JOBS = 20;

interface Side {
  readonly name: string;
  readonly port: number;
  /** Two connections to Redis itself: one looks, the other makes memory grow meanwhile. */
  readonly look: RawClient;
  readonly filler: RawClient;
  readonly proxy: TestProxy | undefined;
}

interface Library {
  readonly name: string;
  /** Adds the jobs, and prints how many could not be added. Every second one fails when it runs. */
  readonly push: readonly string[];
  readonly work: readonly string[];
  /** The worker ends when there is nothing more to do, by itself. */
  readonly ends?: boolean;
  /** What is to be in Redis when all is done: questions and their answers. */
  readonly left: readonly (readonly [answer: number, ...question: string[]])[];
}

const report = (line: string) => t.comment(line);
const ruby = await need(['ruby'], 'ruby-sidekiq', report);
const sidekiq = await need(['sidekiq'], 'ruby-sidekiq', report);
const python = await ensurePython(
  ['redis', 'celery', 'rq'],
  ['celery', 'python3-rq', 'python3-redis'],
  report,
);
const node = process.execPath;

const LIBRARIES: readonly Library[] = [
  {
    name: 'Sidekiq',
    push: [ruby, 'sidekiq_app.rb', 'push'],
    work: [sidekiq, '-r', './sidekiq_app.rb', '-c', '2'],
    left: [
      [0, 'LLEN', 'queue:default'],
      [JOBS / 2, 'ZCARD', 'retry'],
      [1, 'SCARD', 'queues'],
      [1, 'SCARD', 'processes'],
    ],
  },
  {
    name: 'Celery',
    push: [python, 'celery_app.py', 'push'],
    work: [python, '-m', 'celery', '-A', 'celery_app', 'worker', '-P', 'threads', '-c', '2', '-l', 'error'],
    left: [
      [0, 'LLEN', 'celery'],
      [0, 'HLEN', 'unacked'],
      [JOBS, 'EVAL', "return #redis.call('KEYS', 'celery-task-meta-*')", '0'],
    ],
  },
  {
    name: 'RQ',
    push: [python, 'rq_app.py', 'push'],
    work: [python, 'rq_app.py', 'work'],
    ends: true,
    left: [
      [0, 'LLEN', 'rq:queue:default'],
      [JOBS / 2, 'ZCARD', 'rq:finished:default'],
      [JOBS / 2, 'ZCARD', 'rq:failed:default'],
    ],
  },
  {
    name: 'bee-queue',
    push: [node, 'bee_queue.mjs', 'push'],
    work: [node, 'bee_queue.mjs', 'work'],
    left: [
      [0, 'LLEN', 'bq:jobs:waiting'],
      [0, 'LLEN', 'bq:jobs:active'],
      [JOBS / 2, 'SCARD', 'bq:jobs:succeeded'],
      [JOBS / 2, 'SCARD', 'bq:jobs:failed'],
    ],
  },
  {
    name: 'BullMQ',
    push: [node, 'bullmq.mjs', 'push'],
    work: [node, 'bullmq.mjs', 'work'],
    left: [
      [0, 'LLEN', 'bull:jobs:wait'],
      [0, 'LLEN', 'bull:jobs:active'],
      [JOBS / 2, 'ZCARD', 'bull:jobs:completed'],
      [JOBS / 2, 'ZCARD', 'bull:jobs:failed'],
      [1, 'EXISTS', 'bull:jobs:meta'],
    ],
  },
];

const scratch = withFolder(t, 'spillway-jobs-');

async function open(name: string, pool?: string): Promise<Side> {
  const redis = await withRedis(t, ['--maxmemory', String(MAXMEMORY)]);
  const [look, filler] = [await withRaw(t, redis.port), await withRaw(t, redis.port)];
  const config = { rules: SHIPPED.rules, memory: SHIPPED.memory, upstream: { pool } };
  const proxy = pool === undefined ? undefined : await withProxy(t, { redis, config });
  return { name, port: proxy?.port ?? redis.port, look, filler, proxy };
}

async function pressureOf({ filler }: Side): Promise<number> {
  const [, used] = /used_memory:(\d+)/.exec(String(await filler.call('INFO', 'memory'))) ?? [];
  return Number(used) / MAXMEMORY;
}

/** Empties Redis, fills it up to PRESSURE, and lets it grow from there until `t` ends. */
async function press(t: Test, side: Side): Promise<void> {
  await wipe(side.look);
  let filled = 0;
  const fill = (bytes: number) => side.filler.call('SET', `fill:${filled++}`, 'x'.repeat(bytes));
  while ((await pressureOf(side)) < PRESSURE - 0.01) for (let i = 0; i < 10; i++) await fill(100_000);
  while ((await pressureOf(side)) < PRESSURE) await fill(20_000);
  const { proxy } = side;
  if (proxy !== undefined) {
    const refuses = async () => {
      const { level } = await proxy.admin('/api/memory');
      return level.normal.shedShare === 1;
    };
    await until(refuses, { ...PATIENCE, describe: 'normal writes to be refused' });
  }
  let growing = true;
  const grow = async () => {
    while (growing) {
      if ((await pressureOf(side)) < MOST) await fill(GROWTH.bytes);
      await new Promise((resolve) => setTimeout(resolve, GROWTH.everyMs));
    }
  };
  const grown = grow();
  t.teardown(async () => {
    growing = false;
    await grown;
  });
}

/** What came of the jobs of a library at one side. */
async function play(t: Test, library: Library, side: Side): Promise<object> {
  const ran = path.join(scratch, `${library.name}-${side.name}`);
  const env = {
    ...{
      REDIS_URL: `redis://127.0.0.1:${side.port}`,
      RAN: ran,
      PYTHONPATH: FOLDER,
      PYTHONDONTWRITEBYTECODE: '1',
    },
    LC_ALL: 'C.UTF-8',
  };
  const start = ([file = '', ...args]: readonly string[]) =>
    new Program(
      'sh',
      ['-c', 'cd "$0" && exec "$@"', FOLDER, file, ...args],
      (stop) => t.teardown(() => stop()),
      env,
    );
  const pushed = await start(library.push).end();
  const worker = start(library.work);
  const runs = () => (existsSync(ran) ? readFileSync(ran, 'utf8').trim().split('\n') : []);
  const left = async () => {
    const answers: number[] = [];
    for (const [, ...question] of library.left) answers.push(await integer(side.look, ...question));
    return answers;
  };
  const done = async () => {
    const now = await left();
    return runs().length >= JOBS && library.left.every(([answer], i) => now[i] === answer);
  };
  // What is wrong shows below, so this waits no longer than it must.
  await until(done, PATIENCE).catch(() => {});
  const ended = library.ends ? (await worker.end()).code : worker.over;
  return {
    notPushed: pushed.stdout.trim().split('\n').at(-1),
    runs: runs().sort(),
    left: await left(),
    ended,
  };
}

const sides = [
  await open('direct'),
  ...(await Promise.all(POOLS.map((pool) => open(`through, pool "${pool}"`, pool)))),
];

for (const library of LIBRARIES) {
  await t.test(library.name, async (t) => {
    await Promise.all(sides.map((side) => press(t, side)));
    const expected = {
      notPushed: '0',
      runs: Array.from({ length: JOBS }, (_, n) => `${n} ${n % 2 === 1}`).sort(),
      left: library.left.map(([answer]) => answer),
      ended: library.ends ? 0 : false,
    };
    const outcomes = await Promise.all(sides.map((side) => play(t, library, side)));
    for (const [i, { name }] of sides.entries()) t.same(outcomes[i], expected, name);
  });
}

t.test('a rate limiter, whose keys no rule protects, counts what it grants and nothing else', async (t) => {
  for (const side of sides) {
    await press(t, side);
    const env = { REDIS_URL: `redis://127.0.0.1:${side.port}` };
    const program = new Program(
      node,
      [path.join(FOLDER, 'rate_limiter.mjs')],
      (stop) => t.teardown(stop),
      env,
    );
    const { stdout } = await program.end();
    const { granted, errors } = JSON.parse(stdout) as { granted: number; errors: number };
    const sum =
      "local n = 0 for _, k in ipairs(redis.call('KEYS', 'limiter:*')) do n = n + redis.call('GET', k) end return n";
    t.equal(granted + errors, 200, side.name);
    t.equal(await integer(side.look, 'EVAL', sum, '0'), granted, side.name);
  }
});
