// The proxy's own sweep on a real server: exact, by the rules that are enforced, one proxy at a time, and fenced: who lost
// its turn writes nothing. Time is not waited for but for the timers' own few milliseconds; conditions are.
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { checkConfig } from '../../src/config/check.js';
import { compileConfig } from '../../src/config/compile.js';
import { findFreePort } from '../../src/demo/free-port.js';
import { connectServers, type Server, type Where } from '../../src/keyspace/servers.js';
import { walk } from '../../src/keyspace/walk.js';
import { Priority } from '../../src/policy/rule.js';
import { RuleSet } from '../../src/policy/rule-set.js';
import { FencedVisit } from '../../src/sweep/fenced-visit.js';
import { SweepJob, type SweepJobParts } from '../../src/sweep/job.js';
import { LOCK, Turn } from '../../src/sweep/turn.js';
import { Authority } from '../support/certificates.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const HOUR = 3_600_000;
const RULES = [
  { name: 'kept', match: 'cache:kept:*', durable: true },
  { name: 'cache', match: 'cache:*', ttl: '1h', jitter: '10%' },
  { name: 'bounded', match: 'bounded:*', ttl: '1h', maxTtl: '1h' },
  { name: 'watched', match: 'watched:*', ttl: '1h', mode: 'observe' },
  { name: 'lists', match: 'lists:*', ttl: '2h', applyTo: 'all' },
];
const DAY = { every: '24h', maxRate: 1_000_000 };
const configOf = (sweep: object = DAY, rules: object[] = RULES) =>
  compileConfig(checkConfig({ sweep, rules }));

async function laid(t: Test, user?: { username: string; password: string }, args: readonly string[] = []) {
  const { port } = await withRedis(t, args);
  const redis = new Redis(port, '127.0.0.1');
  t.teardown(() => redis.disconnect());
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
  const keys = (await redis.keys('*')).filter((key) => !key.startsWith('spillway:sweep:'));
  const times = await Promise.all(keys.map((key) => redis.pexpiretime(key)));
  return new Map(keys.map((key, i) => [key, times[i] as number]));
}

const changedKeys = (before: Map<string, number>, after: Map<string, number>): string[] =>
  [...after].filter(([key, at]) => before.get(key) !== at).map(([key]) => key);

async function server(t: Test, where: Where): Promise<Server> {
  const servers = await connectServers(where, 'spillway-test');
  t.teardown(() => servers.close());
  return servers.all[0] as Server;
}

t.test('a server that is full is swept all the same', async (t) => {
  const { redis, done, job, problems } = await laid(t);
  await fill(redis, 20);
  await redis.config('SET', 'maxmemory', '1mb');
  await t.rejects(redis.set('more', 'x'), /OOM/);
  const sweep = job();
  await until(() => done.length > 0);
  t.same(problems, []);
  t.same(done, [{ db: 0, given: 60 }]);
  t.match(sweep.snapshot(), { given: 60, failures: 0 });
});

t.test('exact, in each database, and its own keys end by themselves', async (t) => {
  const { redis, port, done, job } = await laid(t);
  const second = new Redis(port, '127.0.0.1', { db: 3 });
  t.teardown(() => second.disconnect());
  const due = await fill(redis);
  await second.set('cache:there', 1);
  const before = await expiries(redis);
  const started = job();
  await until(() => done.length === 2, { timeoutMs: 20_000 });
  t.same(done, [
    { db: 0, given: due.length },
    { db: 3, given: 1 },
  ]);
  const after = await expiries(redis);
  t.same(changedKeys(before, after).sort(), [...due].sort());
  for (const key of ['spillway:sweep:fence', 'spillway:sweep:next'])
    t.ok((await redis.pttl(key)) > 0, `${key} has a TTL`);
  t.equal(await redis.exists(LOCK), 0, 'the lock is given back');
  const now = Date.now();
  const longest = Math.max(...[...after].filter(([key]) => key.startsWith('bounded:')).map(([, at]) => at));
  t.ok(longest <= now + HOUR, 'never above maxTtl');
  t.match(started.snapshot(), { on: true, given: due.length + 1, failures: 0, problem: null, doneAt: 1234 });
});

t.test('of several proxies one does it, once', async (t) => {
  const { redis, where, done, job } = await laid(t);
  const due = await fill(redis);
  let looks = 0;
  const looked = (): Where => {
    looks++;
    return where;
  };
  for (let i = 0; i < 4; i++) job(configOf(), { where: looked });
  await until(() => looks >= 20 && done.length > 0, { timeoutMs: 20_000 });
  t.same(done, [{ db: 0, given: due.length }]);
  t.equal(await redis.get('spillway:sweep:fence'), '1', 'one turn was taken');
  // Due again.
  await redis.persist('cache:1');
  await redis.del('spillway:sweep:next');
  await until(() => done.length === 2, { timeoutMs: 20_000 });
  t.same(done[1], { db: 0, given: 1 });
});

t.test('who lost its turn writes nothing', async (t) => {
  const { redis, where } = await laid(t);
  await fill(redis);
  const before = await expiries(redis);
  const at = await server(t, where);
  const first = (await Turn.take(at, 0, { leaseMs: HOUR, everyMs: HOUR })) as Turn;
  t.equal(await Turn.take(at, 0, { leaseMs: HOUR, everyMs: HOUR }), undefined, 'one at a time');
  // As if it had been stopped for longer than its lease: it knows nothing of it.
  await redis.del(LOCK);
  const second = (await Turn.take(at, 0, { leaseMs: HOUR, everyMs: HOUR })) as Turn;
  t.ok(
    Number.parseInt(second.token, 10) > Number.parseInt(first.token, 10),
    'the later has the higher number',
  );
  t.notOk(first.lost.aborted);

  const set = new RuleSet({
    rules: configOf().rules,
    unregistered: { priority: Priority.NORMAL, observe: true },
  });
  const sweepBy = async (turn: Turn): Promise<number> => {
    let given = 0;
    const onGiven = (keys: number): void => {
      given += keys;
    };
    const visit = new FencedVisit({ server: at, db: 0, name: 'spillway-test', rules: set, turn, onGiven });
    await walk({ endpoint: at.endpoint, db: 0, name: 'spillway-test', signal: turn.lost }, visit);
    visit.close();
    return given;
  };
  t.equal(await sweepBy(first), 0);
  t.ok(first.lost.aborted, 'it has learnt it');
  t.same(changedKeys(before, await expiries(redis)), []);
  await first.end(true);
  t.equal(await redis.get(LOCK), second.token, "another's turn is not ended");
  t.equal(await redis.exists('spillway:sweep:next'), 0);
  t.equal(await sweepBy(second), 300);
  await second.end(true);
  t.same(await redis.exists(LOCK, 'spillway:sweep:next'), 1, 'the next is not due yet');
});

t.test('a turn is renewed while it lasts, and not once another has it', async (t) => {
  const { redis, where } = await laid(t);
  const at = await server(t, where);
  const turn = (await Turn.take(at, 0, { leaseMs: 1500, everyMs: HOUR })) as Turn;
  await redis.pexpire(LOCK, HOUR);
  await until(async () => (await redis.pttl(LOCK)) <= 1500);
  await redis.set(LOCK, 'another');
  await until(() => turn.lost.aborted);
  await turn.end(true);
  t.equal(await redis.get(LOCK), 'another');
});

t.test('a reload ends a run whose rules have changed; closing gives the turn back', async (t) => {
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
  running.reload(configOf({ every: '0s' }));
  t.match(running.snapshot(), { on: false });

  await redis.del('spillway:sweep:next');
  await redis.set('cache:1', 1);
  const closing = job(configOf(slow));
  await until(() => closing.snapshot().running);
  await closing.close();
  t.equal(await redis.exists(LOCK, 'spillway:sweep:next'), 0, 'and it is due still');
});

t.test('what fails is told once, and tried again; CONFIG is not asked for', async (t) => {
  const user = { username: 'sweeper', password: 'pw' };
  const { redis, done, problems, job } = await laid(t, user);
  const due = await fill(redis);
  const rights = '+scan +pttl +info +ping +select +client|setname'.split(' ');
  await redis.call('ACL', 'SETUSER', 'sweeper', 'on', '>pw', '~*', ...rights);
  const started = job();
  await until(() => started.snapshot().failures > 2);
  t.match(problems, [/NOPERM.*eval/]);
  t.equal(problems.length, 1);
  const writes = '+eval +exists +incr +pexpire +set +get +del +type'.split(' ');
  await redis.call('ACL', 'SETUSER', 'sweeper', ...writes);
  await until(() => done.length > 0, { timeoutMs: 20_000 });
  t.same(done, [{ db: 0, given: due.length }]);
  t.equal(started.snapshot().problem, null);
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
  const due = await fill(redis);
  const tls = { ca: readFileSync(authority.ca) };
  job(configOf(), { where: () => ({ ...where, port, tls }) });
  await until(() => done.length > 0, { timeoutMs: 20_000 });
  t.same(done, [{ db: 0, given: due.length }]);
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
  t.same(problems, ['a Cluster is swept by `spillway sweep` only']);
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
