// The proxy's own sweep on a real server: exact, by the rules that are enforced, one proxy at a time, and fenced: who lost
// its lease writes nothing. Time is not waited for but for the timers' own few milliseconds; conditions are.
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { declareSweep } from '../../src/cli/sweep-command.js';
import { checkConfig } from '../../src/config/check.js';
import { compileConfig } from '../../src/config/compile.js';
import { Priority } from '../../src/core/policy/rule.js';
import { RuleSet } from '../../src/core/policy/rule-set.js';
import { connectServers, type Server, type Where } from '../../src/tools/keyspace/servers.js';
import { walk } from '../../src/tools/keyspace/walk.js';
import { FencedVisit } from '../../src/tools/sweep/fenced-visit.js';
import { SweepJob, type SweepJobParts } from '../../src/tools/sweep/job.js';
import { Lease, type LeaseOptions, SWEEP_KEY } from '../../src/tools/sweep/lease.js';
import type { SweepResult } from '../../src/tools/sweep/result.js';
import { Authority } from '../support/certificates.js';
import { runCommand } from '../support/command.js';
import { withIoredis } from '../support/ioredis.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';
import { settled, usedBytes, writeStrings } from './memory-lab.js';

const HOUR = 3_600_000;
const RULES = [
  { name: 'kept', match: 'cache:kept:*', durable: true },
  { name: 'cache', match: 'cache:*', ttl: '1h', jitter: '10%' },
  { name: 'bounded', match: 'bounded:*', ttl: '1h', maxTtl: '1h' },
  { name: 'watched', match: 'watched:*', ttl: '1h', mode: 'observe' },
  { name: 'lists', match: ['lists:*', 'spillway:*'], ttl: '2h', applyTo: 'all' },
];
const DAY = { every: '24h', maxRate: 1_000_000 };
const HOURLY = { leaseMs: HOUR, everyMs: HOUR, terms: 'rules' };
const configOf = (sweep: object = DAY, rules: object[] = RULES) =>
  compileConfig(checkConfig({ sweep, rules }));

async function laid(t: Test, user?: { username: string; password: string }, args: readonly string[] = []) {
  const { port } = await withRedis(t, args);
  const redis = withIoredis(t, port);
  const where: Where = { host: '127.0.0.1', port, connectTimeoutMs: 5000, ...user };
  const done: { db: number; given: number }[] = [];
  const problems: string[] = [];
  const job = (config = configOf(), parts: Partial<SweepJobParts> = {}): SweepJob => {
    const started = new SweepJob(config, {
      where: () => where,
      now: () => 1234,
      onDone: (db, given) => done.push({ db, given }),
      onFailed: (problem) => problems.push(problem),
      lookMs: 10,
      ...parts,
    });
    t.teardown(() => started.close());
    return started;
  };
  return { redis, port, where, done, problems, job };
}

/** In each shape that a rule tells apart; returns the keys that are due. */
async function fill(redis: Redis, each = 100): Promise<string[]> {
  const due: string[] = [];
  const pipeline = redis.pipeline();
  for (let i = 0; i < each; i++) {
    for (const prefix of ['cache:', 'cache:kept:', 'bounded:', 'watched:', 'other:'])
      pipeline.set(`${prefix}${i}`, i);
    for (const prefix of ['cache:list', 'lists:']) pipeline.rpush(`${prefix}${i}`, i);
    pipeline.set(`cache:ends:${i}`, i, 'PX', 10 * HOUR);
    due.push(`cache:${i}`, `bounded:${i}`, `lists:${i}`);
  }
  await pipeline.exec();
  return due;
}

async function expiries(redis: Redis): Promise<Map<string, number>> {
  const keys = (await redis.keys('*')).filter((key) => key !== SWEEP_KEY);
  const times = await Promise.all(keys.map((key) => redis.pexpiretime(key)));
  return new Map(keys.map((key, i) => [key, times[i] as number]));
}

const changedKeys = (before: Map<string, number>, after: Map<string, number>): string[] =>
  [...after].filter(([key, at]) => before.get(key) !== at).map(([key]) => key);

/** Who holds the lease; null: nobody. */
const holder = (redis: Redis): Promise<string | null> => redis.hget(SWEEP_KEY, 'holder');

/** By how many sets of rules it was swept. */
const swept = async (redis: Redis): Promise<number> =>
  (await redis.hkeys(SWEEP_KEY)).filter((name) => name.startsWith('swept:')).length;

/** As if nobody had swept yet. */
async function forget(redis: Redis): Promise<void> {
  const names = (await redis.hkeys(SWEEP_KEY)).filter((name) => name.startsWith('swept:'));
  await redis.hdel(SWEEP_KEY, ...names);
}

async function server(t: Test, where: Where): Promise<Server> {
  const servers = await connectServers(where, 'spillway-test');
  t.teardown(() => servers.close());
  return servers.all[0] as Server;
}

t.test('a server is not filled by the TTLs; the rest gets them once there is room', async (t) => {
  const { redis, done, job, problems } = await laid(t);
  await writeStrings(redis, 'cache', 20_000);
  await settled(redis);
  const used = await usedBytes(redis);
  // Room for some of them.
  const limit = Math.ceil((used + 500_000) / 0.8);
  await redis.config('SET', 'maxmemory', limit);
  const started = job(configOf({ ...DAY, maxRate: 20_000 }));
  await until(() => problems.length > 0, { timeoutMs: 20_000 });
  t.match(problems, [/database 0: more TTLs would fill its memory beyond sweep\.until/]);
  t.same(done, [], 'it stays due');
  const { given } = started.snapshot();
  t.ok(given > 500 && given < 15_000, `${given} keys`);
  t.ok((await usedBytes(redis)) <= 0.8 * limit);
  t.equal(await holder(redis), null, 'the lease is ended');
  await redis.config('SET', 'maxmemory', 2 * limit);
  await until(() => done.length > 0, { timeoutMs: 20_000 });
  t.equal(started.snapshot().given, 20_000);
  t.equal(problems.length, 1, 'what lasts is told once');
  t.equal(started.snapshot().problem, null);
});

t.test('a limit of its own, and where it says so none, bound a sweep', async (t) => {
  const { redis, done, job, problems } = await laid(t);
  await writeStrings(redis, 'cache', 2000);
  const limit = await usedBytes(redis);
  const bounded = configOf(DAY);
  const first = job({ ...bounded, memory: { ...bounded.memory, limitBytes: limit } });
  await until(() => problems.length > 0);
  t.match(first.snapshot(), { given: 0, failures: 1 });
  await first.close();
  await redis.config('SET', 'maxmemory', limit);
  const second = job(configOf({ ...DAY, until: 'never' }));
  await until(() => done.length > 0);
  t.match(second.snapshot(), { given: 2000, failures: 0 });
});

t.test('a server that is full is swept all the same where the config says so', async (t) => {
  const { redis, done, job, problems } = await laid(t);
  await fill(redis, 20);
  await redis.config('SET', 'maxmemory', '100kb');
  await t.rejects(redis.set('more', 'x'), /OOM/);
  const sweep = job(configOf({ ...DAY, until: 'never' }));
  await until(() => done.length > 0);
  t.same(problems, []);
  t.same(done, [{ db: 0, given: 60 }]);
  t.match(sweep.snapshot(), { given: 60, failures: 0 });
});

t.test('a server that is full and evicts what ends is swept, too', async (t) => {
  const { redis, done, problems, job } = await laid(t);
  const pipeline = redis.pipeline();
  for (let i = 0; i < 5000; i++) pipeline.set(`cache:${i}`, 'x'.repeat(100));
  await pipeline.exec();
  await redis.config('SET', 'maxmemory-policy', 'volatile-lru');
  await redis.config('SET', 'maxmemory', (await usedBytes(redis)) - 100_000);
  await t.rejects(redis.set('more', 'x'), /OOM/);
  // Each command of others evicts what ends; what it writes for itself must not be what goes first.
  let [writing, written] = [true, 0];
  const write = async () => {
    while (writing)
      await redis.set(`plain:${written}`, 'x'.repeat(100)).then(
        () => written++,
        () => {},
      );
  };
  const writer = write();
  const started = job(configOf({ ...DAY, until: 'never' }));
  try {
    await until(() => done.length > 0, { timeoutMs: 20_000 });
  } finally {
    writing = false;
    await writer;
  }
  t.same(problems, []);
  t.ok(written > 0, 'there was room again');
  t.ok(started.snapshot().given > 100, `${started.snapshot().given} keys`);
  t.equal(await redis.exists(SWEEP_KEY), 1);
});

t.test('a lost lease is reported once and taken again', async (t) => {
  const { redis, done, problems, job } = await laid(t);
  await fill(redis, 1000);
  const started = job(configOf({ every: '24h', maxRate: 2000 }));
  for (let losses = 0; losses < 2; ) {
    await until(() => started.snapshot().running && started.snapshot().failures === losses);
    const given = started.snapshot().given;
    await until(() => started.snapshot().given > given || done.length > 0);
    await redis.del(SWEEP_KEY);
    losses++;
    await until(() => started.snapshot().failures === losses, { timeoutMs: 20_000 });
  }
  t.match(problems, [/database 0: the lease was lost/]);
  t.equal(problems.length, 1);
  await until(() => done.length > 0, { timeoutMs: 20_000 });
  t.equal(started.snapshot().given, 3000);
});

t.test('a database whose lease is lost does not keep the others waiting', async (t) => {
  const { redis, port, done, problems, job } = await laid(t);
  const second = withIoredis(t, port, { db: 3 });
  await fill(redis, 300);
  await second.set('cache:there', 1);
  const started = job(configOf({ every: '24h', maxRate: 2000 }));
  await until(() => started.snapshot().given > 0);
  await redis.del(SWEEP_KEY);
  await until(() => done.length === 2, { timeoutMs: 20_000 });
  t.same(
    done.map(({ db }) => db),
    [3, 0],
  );
  t.match(problems, [/^127\.0\.0\.1:\d+, database 0: the lease was lost/]);
  t.match(started.snapshot(), { failures: 1, given: 901 });
});

t.test('exact, in each database, and its own key stays out of it', async (t) => {
  const { redis, port, done, job } = await laid(t);
  const second = withIoredis(t, port, { db: 3 });
  const keys = await fill(redis);
  await second.set('cache:there', 1);
  const before = await expiries(redis);
  const started = job();
  await until(() => done.length === 2, { timeoutMs: 20_000 });
  t.same(done, [
    { db: 0, given: keys.length },
    { db: 3, given: 1 },
  ]);
  const after = await expiries(redis);
  t.same(changedKeys(before, after).sort(), [...keys].sort());
  t.equal(await holder(redis), null, 'the lease is ended');
  t.equal(await redis.ttl(SWEEP_KEY), -1);
  const now = Date.now();
  const longest = Math.max(...[...after].filter(([key]) => key.startsWith('bounded:')).map(([, at]) => at));
  t.ok(longest <= now + HOUR, 'never above maxTtl');
  t.match(started.snapshot(), { on: true, given: keys.length + 1, failures: 0, problem: null, doneAt: 1234 });
});

t.test('the command leaves the key alone, too', async (t) => {
  const { redis, port } = await laid(t);
  await redis.hset(SWEEP_KEY, 'fence', 1);
  await redis.set('spillway:other', 1);
  const folder = t.testdir({ 'config.json': JSON.stringify({ rules: RULES }) });
  const from = ['-c', `${folder}/config.json`, '-u', `redis://127.0.0.1:${port}`];
  const run = await runCommand(declareSweep, [
    'sweep',
    ...from,
    ...['--json', '--apply', '--journal', `${folder}/journal`],
  ]);
  const { rules } = JSON.parse(run.stdout) as SweepResult;
  t.match(
    rules.find(({ rule }) => rule === 'lists'),
    { matching: 1, due: 1, given: 1 },
  );
  t.equal(await redis.ttl(SWEEP_KEY), -1);
});

t.test('one of several proxies sweeps, once', async (t) => {
  const { redis, where, done, job } = await laid(t);
  const keys = await fill(redis);
  let looks = 0;
  const looked = (): Where => {
    looks++;
    return where;
  };
  for (let i = 0; i < 4; i++) job(configOf(), { where: looked });
  await until(() => looks >= 20 && done.length > 0, { timeoutMs: 20_000 });
  t.same(done, [{ db: 0, given: keys.length }]);
  t.equal(await redis.hget(SWEEP_KEY, 'fence'), '1', 'one lease was taken');
  // Due again.
  await redis.persist('cache:1');
  await forget(redis);
  await until(() => done.length === 2, { timeoutMs: 20_000 });
  t.same(done[1], { db: 0, given: 1 });
  t.equal(await redis.hget(SWEEP_KEY, 'fence'), '2');
});

t.test('a proxy that lost its lease writes nothing', async (t) => {
  const { redis, where } = await laid(t);
  await fill(redis);
  const before = await expiries(redis);
  const at = await server(t, where);
  const first = (await Lease.take(at, 0, HOURLY)) as Lease;
  t.equal(await Lease.take(at, 0, HOURLY), undefined, 'one at a time');
  t.equal(await Lease.take(at, 0, { ...HOURLY, terms: 'others' }), undefined, 'whatever the rules');
  // As if it had been stopped for longer than its lease: it knows nothing of it.
  await redis.hset(SWEEP_KEY, 'until', Date.now() - 1);
  const second = (await Lease.take(at, 0, HOURLY)) as Lease;
  t.ok(
    Number.parseInt(second.token, 10) > Number.parseInt(first.token, 10),
    'the later has the higher number',
  );
  t.notOk(first.lost.aborted);

  const set = new RuleSet({
    rules: configOf().rules,
    unregistered: { priority: Priority.NORMAL, observe: true },
  });
  const sweepBy = async (lease: Lease): Promise<number> => {
    let given = 0;
    const onGiven = (keys: number): void => {
      given += keys;
    };
    const room = async (keys: number): Promise<number> => keys;
    const visit = new FencedVisit({
      server: at,
      db: 0,
      name: 'spillway-test',
      rules: set,
      lease,
      onGiven,
      room,
    });
    await walk({ endpoint: at.endpoint, db: 0, name: 'spillway-test', signal: lease.lost }, visit);
    visit.close();
    return given;
  };
  t.equal(await sweepBy(first), 0);
  t.ok(first.lost.aborted, 'it has learnt it');
  t.same(changedKeys(before, await expiries(redis)), []);
  await first.end(true);
  t.equal(await holder(redis), second.token, "another's lease is not ended");
  t.equal(await swept(redis), 0);
  t.equal(await sweepBy(second), 300);
  await second.end(true);
  t.equal(await holder(redis), null);
  t.equal(await swept(redis), 1);
  t.equal(await Lease.take(at, 0, HOURLY), undefined, 'the next is not due yet');
});

t.test('other rules, or a shorter time between sweeps, are due by themselves', async (t) => {
  const { redis, where } = await laid(t);
  const at = await server(t, where);
  const taken = async (options: Partial<LeaseOptions>, done = true): Promise<boolean> => {
    const lease = await Lease.take(at, 0, { ...HOURLY, ...options });
    await lease?.end(done);
    return lease !== undefined;
  };
  const month = { everyMs: 30 * 24 * HOUR };
  const ago = (ms: number) => redis.hset(SWEEP_KEY, 'swept:rules', Date.now() - ms);
  t.equal(await taken(month), true);
  t.equal(await taken(month), false);
  t.equal(await taken({}), false, 'that of another counts');
  await ago(2 * HOUR);
  t.equal(await taken(month), false);
  t.equal(await taken({}), true, 'a shorter time does not wait for the longer one');
  t.equal(await taken(month), false, 'nor do the two follow each other');
  t.equal(await taken({}), false);
  for (const expected of [true, false]) t.equal(await taken({ terms: 'others' }), expected, 'each once');
  t.equal(await taken({}), false);
  // As after a clock that was set back.
  await ago(-HOUR);
  t.equal(await taken(month), true);
  await redis.hset(SWEEP_KEY, 'holder', 'dead', 'until', Date.now() + 24 * HOUR);
  t.equal(await taken({ terms: 'third' }), true, 'nobody waits for longer than a lease');
  // What can no longer matter goes, so that the key stays small.
  await redis.hset(
    SWEEP_KEY,
    'swept:long ago',
    Date.now() - 32 * 24 * HOUR,
    'swept:ahead',
    Date.now() + HOUR,
  );
  t.equal(await taken({ terms: 'fourth' }, false), true);
  const left = Object.keys(await redis.hgetall(SWEEP_KEY)).sort();
  t.same(left, ['fence', 'swept:others', 'swept:rules', 'swept:third']);
});

t.test('a lease is renewed while it lasts, and not once another has it', async (t) => {
  const { redis, where } = await laid(t);
  const at = await server(t, where);
  // Full, where it costs the most.
  await redis.config('SET', 'maxmemory', '100kb');
  await t.rejects(redis.set('more', 'x'), /OOM/);
  const leaseMs = 6000;
  const lease = (await Lease.take(at, 0, { ...HOURLY, leaseMs })) as Lease;
  const ends = async () => Number(await redis.hget(SWEEP_KEY, 'until'));
  const first = await ends();
  await until(async () => (await ends()) > first);
  const second = await ends();
  const [seconds, micros] = (await redis.time()).map(Number) as [number, number];
  t.ok(second - first < leaseMs, `renewed before the lease ended: ${second - first} ms later`);
  t.ok(second <= 1000 * seconds + micros / 1000 + leaseMs, 'for one lease from then on');
  t.equal(await Lease.take(at, 0, HOURLY), undefined);
  await lease.end(true);
  t.equal(await swept(redis), 1);

  const other = (await Lease.take(at, 0, { ...HOURLY, leaseMs: 1500, terms: 'others' })) as Lease;
  await redis.config('SET', 'maxmemory', '0');
  await redis.hset(SWEEP_KEY, 'holder', 'another');
  await until(() => other.lost.aborted);
  await other.end(true);
  t.equal(await holder(redis), 'another');
});

t.test('a lost lease is noticed at its end, at the latest', async (t) => {
  const { redis, where } = await laid(t);
  const lease = (await Lease.take(await server(t, where), 0, HOURLY)) as Lease;
  await redis.del(SWEEP_KEY);
  await lease.end(true);
  t.ok(lease.lost.aborted);
  t.equal(await redis.exists(SWEEP_KEY), 0);
});

t.test('a reload ends a run whose rules have changed; closing ends the lease', async (t) => {
  const { redis, done, job } = await laid(t);
  await fill(redis, 1000);
  const slow = { every: '24h', maxRate: 200 };
  const running = job(configOf(slow));
  await until(() => running.snapshot().given > 0);
  const durable = RULES.map((rule) =>
    rule.name === 'cache' ? { name: 'cache', match: 'cache:*', durable: true } : rule,
  );
  running.reload(configOf(slow));
  t.ok(running.snapshot().running, 'a config that says the same changes nothing');
  running.reload(configOf(DAY, durable));
  await until(() => done.length === 1, { timeoutMs: 20_000 });
  const left = (await expiries(redis)).entries();
  t.ok([...left].filter(([key, at]) => /^cache:\d/.test(key) && at === -1).length > 0);
  running.reload(configOf(DAY));
  await until(() => done.length === 2, { timeoutMs: 20_000 });
  t.equal(running.snapshot().given, 3000, 'the rules whose run was ended are due at once');
  running.reload(configOf({ every: '0s' }));
  t.match(running.snapshot(), { on: false });

  await forget(redis);
  await redis.set('cache:1', 1);
  const closing = job(configOf(slow));
  await until(() => closing.snapshot().running);
  await closing.close();
  t.equal(await holder(redis), null);
  t.equal(await swept(redis), 0, 'and it is due still');
});

t.test('a failure is logged once and tried again; the job needs no CONFIG', async (t) => {
  const user = { username: 'sweeper', password: 'pw' };
  const { redis, port, done, problems, job } = await laid(t, user);
  const second = withIoredis(t, port, { db: 3 });
  const all = await fill(redis);
  await second.set('cache:there', 1);
  const keys = '~cache:* ~bounded:* ~lists:* ~spillway:sweep'.split(' ');
  const rights = '+scan +pttl +info +ping +select +client|setname'.split(' ');
  await redis.call('ACL', 'SETUSER', 'sweeper', 'on', '>pw', ...keys, ...rights);
  const started = job();
  await until(() => started.snapshot().failures > 2);
  t.match(problems, [/NOPERM.*eval/]);
  t.equal(problems.length, 1);
  const writes = '+eval +time +hmget +hincrby +hset +hget +hgetall +hdel +type +pexpire'.split(' ');
  await redis.call('ACL', 'SETUSER', 'sweeper', ...writes);
  await redis.call('ACL', 'LOG', 'RESET');
  await until(() => done.length === 2, { timeoutMs: 20_000 });
  t.same(done, [
    { db: 0, given: all.length },
    { db: 3, given: 1 },
  ]);
  await until(() => started.snapshot().problem === null);
  t.same(await redis.call('ACL', 'LOG'), [], 'and nothing else was tried');
});

t.test('over TLS', async (t) => {
  const authority = await Authority.create(t);
  const { cert, key } = await authority.issue('redis');
  const { redis, done, problems, where, job } = await laid(t);
  const port = await findFreePort();
  for (const [setting, value] of [
    ['tls-cert-file', cert],
    ['tls-key-file', key],
    ['tls-ca-cert-file', authority.ca],
    ['tls-auth-clients', 'no'],
    ['tls-port', String(port)],
  ] as const)
    await redis.config('SET', setting, value);
  const keys = await fill(redis);
  const tls = { ca: readFileSync(authority.ca) };
  job(configOf(), { where: () => ({ ...where, port, tls }) });
  await until(() => done.length > 0, { timeoutMs: 20_000 });
  t.same(done, [{ db: 0, given: keys.length }]);
  t.same(problems, []);
});

t.test('a Cluster is refused, with what does it', async (t) => {
  const { redis, problems, job } = await laid(t, undefined, [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
  ]);
  await redis.cluster('ADDSLOTSRANGE', 0, 16383);
  await until(async () => String(await redis.cluster('INFO')).includes('cluster_state:ok'));
  await redis.set('cache:1', 1);
  const started = job();
  await until(() => started.snapshot().failures > 2);
  t.same(problems, ['the proxy cannot sweep a Cluster; use the command `spillway sweep`']);
  t.same(await redis.keys('*'), ['cache:1']);
  t.equal(await redis.pttl('cache:1'), -1);
});

t.test('nothing to give: nobody is asked', async (t) => {
  const asked = { count: 0 };
  const { job } = await laid(t);
  const where = (): Where => {
    asked.count++;
    throw new Error('asked');
  };
  const idle = [
    job(configOf({ every: '0s' }), { where }),
    job(configOf(DAY, [{ name: 'a', match: '*', ttl: '1h', mode: 'observe' }]), { where }),
  ];
  const busy = job(configOf(), { where });
  await until(() => busy.snapshot().failures > 5);
  t.equal(asked.count, busy.snapshot().failures);
  for (const each of idle) t.match(each.snapshot(), { failures: 0, running: false });
});
