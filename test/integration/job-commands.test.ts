// What belongs together is refused together: the commands of one job, as its library sends them, against a real server that is
// nearly full, with the shipped rules. Job systems that Spillway knows have no command refused; of other units all growing
// commands are refused or none. The same while the fullness is rehearsed only, and in observe mode nothing is refused.
// Libraries that Debian and npm have run themselves in conformance/jobs.test.ts; these are the others.
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { POOLS, type TestProxy, withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { integer } from '../support/twins.js';
import { until } from '../support/wait.js';

const { rules } = JSON.parse(readFileSync(new URL('../../proxy.config.json', import.meta.url), 'utf8')) as {
  rules: object[];
};
const MAXMEMORY = 128 * 2 ** 20;
const UNITS = 40;
const JOB = JSON.stringify({ class: 'Mail', args: ['a'.repeat(300)] });
const NOW = '1900000000';

type Unit = (n: number) => readonly (readonly string[])[];
const inMulti = (...commands: string[][]) => [['MULTI'], ...commands, ['EXEC']];
/** Pops all members up to a score. */
const POP = `local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if #due > 0 then redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1]) end return due`;

/** By library, each step of a job; a step is one pipeline. */
const JOBS: Readonly<Record<string, readonly Unit[]>> = {
  'Resque, with its scheduler': [
    (n) => [
      ['SADD', 'resque:workers', `web:${n}:default`],
      ['SET', `resque:worker:web:${n}:default:started`, NOW],
      ['HSET', 'resque:workers:heartbeat', `web:${n}:default`, NOW],
    ],
    () => [
      ['SADD', 'resque:queues', 'default'],
      ['RPUSH', 'resque:queue:default', JOB],
    ],
    (n) => [
      ['LPOP', 'resque:queue:default'],
      ['SET', `resque:worker:web:${n}:default`, JOB],
    ],
    (n) => [
      ['UNLINK', `resque:worker:web:${n}:default`],
      ['INCRBY', 'resque:stat:processed', '1'],
      ['INCRBY', `resque:stat:processed:web:${n}:default`, '1'],
    ],
    () => [
      ['RPUSH', 'resque:failed', JOB],
      ['INCRBY', 'resque:stat:failed', '1'],
    ],
    (n) => [
      ['RPUSH', `resque:delayed:${n}`, JOB],
      ['SADD', `resque:timestamps:${JOB}`, `delayed:${n}`],
      ['ZADD', 'resque:delayed_queue_schedule', `${n}`, `${n}`],
    ],
    (n) => [
      ['LPOP', `resque:delayed:${n}`],
      ['SREM', `resque:timestamps:${JOB}`, `delayed:${n}`],
      ['ZREM', 'resque:delayed_queue_schedule', `${n}`],
    ],
  ],
  Huey: [
    () => [['LPUSH', 'huey.redis.app', JOB]],
    () => [['RPOP', 'huey.redis.app']],
    (n) => [['HSET', 'huey.results.app', `task-${n}`, JOB]],
    (n) =>
      inMulti(
        ['HEXISTS', 'huey.results.app', `task-${n}`],
        ['HGET', 'huey.results.app', `task-${n}`],
        ['HDEL', 'huey.results.app', `task-${n}`],
      ),
    (n) => [['HSETNX', 'huey.results.app', `lock-${n}`, '1']],
    (n) => [['ZADD', 'huey.schedule.app', `${n}`, `${JOB}${n}`]],
    (n) => [['EVAL', POP, '1', 'huey.schedule.app', `${n}`]],
    () => [
      ['LPUSH', 'huey.errors.app', JOB],
      ['LTRIM', 'huey.errors.app', '0', '900'],
    ],
  ],
  arq: [
    (n) => [
      ['WATCH', `arq:job:${n}`],
      ['EXISTS', `arq:job:${n}`],
      ['EXISTS', `arq:result:${n}`],
      ...inMulti(['PSETEX', `arq:job:${n}`, '86400000', JOB], ['ZADD', 'arq:queue', NOW, `${n}`]),
    ],
    (n) => [
      ['WATCH', `arq:in-progress:${n}`],
      ['EXISTS', `arq:in-progress:${n}`],
      ['ZSCORE', 'arq:queue', `${n}`],
      ...inMulti(['PSETEX', `arq:in-progress:${n}`, '310000', '1']),
    ],
    (n) =>
      inMulti(['GET', `arq:job:${n}`], ['INCR', `arq:retry:${n}`], ['EXPIRE', `arq:retry:${n}`, '88400']),
    (n) => inMulti(['ZINCRBY', 'arq:queue', '5000', `${n}`], ['DEL', `arq:in-progress:${n}`]),
    (n) =>
      inMulti(
        ['SET', `arq:result:${n}`, JOB, 'PX', '3600000'],
        ['ZREM', 'arq:abort', `${n}`],
        ['ZREM', 'arq:queue', `${n}`],
        ['DEL', `arq:in-progress:${n}`, `arq:retry:${n}`, `arq:job:${n}`],
      ),
    () => [['PSETEX', 'arq:queue:health-check', '3601000', 'j_complete=1']],
  ],
};

/** Of no job system that Spillway knows: what is one unit here has one key, or one {tag}, or is a transaction. */
const OTHERS: Readonly<Record<string, readonly Unit[]>> = {
  "Rails' cache": [
    (n) => [['SET', `cache:views/${n}`, JOB, 'PX', '60000']],
    (n) => [
      ['INCRBY', `cache:hits/${n}`, '1'],
      ['EXPIRE', `cache:hits/${n}`, '60', 'NX'],
    ],
    (n) => inMulti(['INCRBY', `cache:hits/${n}`, '1'], ['EXPIRE', `cache:hits/${n}`, '60', 'NX']),
    (n) => inMulti(['SET', `cache:a/${n}`, JOB], ['SET', `views/${n}`, JOB]),
  ],
  'an own queue': [
    (n) => [
      ['HSET', `{job${n}}:data`, 'payload', JOB],
      ['ZADD', `{job${n}}:due`, NOW, 'x'],
      ['RPUSH', `{job${n}}:log`, 'enqueued'],
    ],
    (n) => inMulti(['LPUSH', 'mine:todo', JOB], ['HSET', 'mine:jobs', `${n}`, JOB]),
  ],
};

/** What is no growing write: with these a unit is not torn. */
const OTHER =
  /^(MULTI|EXEC|WATCH|EXISTS|Z?SCORE|GET|HGET|HEXISTS|DEL|HDEL|UNLINK|EXPIRE|[SZ]REM|[LR]POP|LTRIM)$/;

/** Of each unit: how many of its growing commands there are, and how many of them were refused. */
async function play(client: RawClient, unit: Unit): Promise<{ growing: number; refused: number }[]> {
  const all: { growing: number; refused: number }[] = [];
  for (let n = 0; n < UNITS; n++) {
    const commands = unit(n);
    void client.write(Buffer.concat(commands.map((words) => command(...words))));
    const replies = (await client.readReplies(commands.length)).map(String);
    const strange = replies.find((reply) => reply.startsWith('-') && !/^-(OOM|EXECABORT)/.test(reply));
    if (strange !== undefined) throw new Error(`${JSON.stringify(commands)}: ${strange}`);
    const grows = commands.flatMap(([name], i) => (OTHER.test(name) ? [] : [i]));
    const aborted = replies.at(-1)?.startsWith('-EXECABORT') === true;
    const refused = aborted ? grows : grows.filter((i) => replies[i].startsWith('-OOM'));
    all.push({ growing: grows.length, refused: refused.length });
  }
  return all;
}

async function judge(t: Test, client: RawClient, when: string): Promise<void> {
  for (const [library, units] of Object.entries(JOBS)) {
    for (const [i, unit] of units.entries()) {
      const outcomes = await play(client, unit);
      t.ok(
        outcomes.every(({ refused }) => refused === 0),
        `${when}, ${library}, step ${i}: none is refused`,
      );
    }
  }
  for (const [library, units] of Object.entries(OTHERS)) {
    for (const [i, unit] of units.entries()) {
      const torn = (await play(client, unit)).filter(({ growing, refused }) => refused % growing !== 0);
      t.same(torn, [], `${when}, ${library}, step ${i}: none is torn`);
    }
  }
}

const redis = await withRedis(t, ['--maxmemory', String(MAXMEMORY), '--enable-debug-command', 'yes']);
const direct = await withRaw(t, redis.port, 30_000);

async function fill(share: number): Promise<void> {
  const used = async () => Number(/used_memory:(\d+)/.exec(String(await direct.call('INFO', 'memory')))?.[1]);
  for (let i = 0; (await used()) < share * MAXMEMORY; i++) {
    const missing = Math.ceil((share * MAXMEMORY - (await used())) / 4300);
    await direct.call('DEBUG', 'POPULATE', String(missing), `fill:${share}:${i}`, '4000');
  }
}

const stats = (proxy: TestProxy) => proxy.admin('/api/stats');
const normal = async (proxy: TestProxy) => (await proxy.admin('/api/memory')).level.normal.shedShare;

await fill(0.912);
for (const pool of POOLS) {
  t.test(`a share of the normal keys is refused, and no job command: ${pool} pooling`, async (t) => {
    const config = { rules, upstream: { pool }, memory: { reserve: 'off', pollInterval: '50ms' } };
    const proxy = await withProxy(t, { redis, config });
    const client = await withRaw(t, proxy.port, 30_000);
    await until(async () => (await normal(proxy)) > 0.3, { describe: 'some normal writes to be refused' });
    await judge(t, client, `at ${(await normal(proxy)).toFixed(2)} of the normal keys`);
    t.ok((await normal(proxy)) < 1, 'it was a share of them');
    const { unregistered } = await stats(proxy);
    t.ok(unregistered.shed > 0, `${unregistered.shed} of others were refused`);
    t.same(
      (await stats(proxy)).rules.filter(({ name, shed }) => name.startsWith('family:') && shed > 0),
      [],
    );
  });
}

t.test('at 95% no job command is refused', async (t) => {
  await fill(0.95);
  for (const pool of POOLS) {
    const config = { rules, upstream: { pool }, memory: { pollInterval: '50ms' } };
    const proxy = await withProxy(t, { redis, config });
    const client = await withRaw(t, proxy.port, 30_000);
    await until(async () => (await normal(proxy)) === 1, { describe: 'normal writes to be refused' });
    await judge(t, client, `${pool} pooling`);
  }
  t.notMatch(String(await direct.call('INFO', 'errorstats')), /errorstat_OOM/, 'Redis refused nothing');
});

t.test('observed: what would be refused is counted, and no key of a job system is in it', async (t) => {
  const proxy = await withProxy(t, { redis, config: { rules, mode: 'observe' } });
  const client = await withRaw(t, proxy.port, 30_000);
  const would = async () => (await stats(proxy)).unregistered.wouldShed;
  await until(async () => {
    await client.call('HSET', 'plain', 'f', 'v');
    return (await would()) > 0;
  });
  for (const units of Object.values(JOBS)) for (const unit of units) await play(client, unit);
  const { rules: rows } = await stats(proxy);
  const families = rows.filter(({ name }) => name.startsWith('family:'));
  t.same(families.map(({ name }) => name).sort(), ['family:arq', 'family:huey', 'family:resque']);
  t.ok(families.every(({ wouldShed, shed, writes }) => wouldShed === 0 && shed === 0 && writes > 0));
  t.equal(await integer(direct, 'PTTL', 'resque:failed'), -1);
});

t.test('rehearsed: job systems pass at every pressure', async (t) => {
  await direct.call('FLUSHALL');
  const TOKEN = 'a-token-of-this-test';
  const proxy = await withProxy(t, { redis, config: { rules }, secrets: { adminToken: TOKEN } });
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  const client = await withRaw(t, proxy.port, 30_000);
  for (const pressure of [0.91, 1]) {
    const response = await fetch(`http://127.0.0.1:${proxy.adminPort}/api/simulate`, {
      ...{ method: 'POST', headers, body: JSON.stringify({ pressure, seconds: 600 }) },
    });
    t.equal(response.status, 200);
    const sets = Array.from({ length: 20 }, (_, i) => command('HSET', `plain:${i}`, 'f', 'v'));
    await until(async () => {
      void client.write(Buffer.concat(sets));
      return (await client.readReplies(sets.length)).some((reply) => String(reply).startsWith('-OOM'));
    });
    await judge(t, client, `rehearsed at ${pressure}`);
  }
});
