// The policy advisor of a running proxy, on a real server whose policy does not suit the rules: API, log, events, `report`, and
// `check --connect` without a proxy.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import t from 'tap';
import { builtMain } from '../support/built.js';
import { withIoredis } from '../support/ioredis.js';
import { withProxy } from '../support/proxy.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const RULES = [
  { name: 'cache', match: 'cache:*', ttl: '24h', priority: 'low' },
  { name: 'sessions', match: 'session:*', ttl: '1h', priority: 'high' },
  { name: 'jobs', match: 'queue:*', durable: true, priority: 'critical' },
];

const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SPILLWAY_'));

/** Not synchronously: the proxy runs in this process. */
async function spillway(...args: string[]) {
  const child = spawn(process.execPath, [builtMain(), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: Object.fromEntries(inherited),
  });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { stdout, stderr, status };
}

t.test('a server that may evict jobs, then locks, then nothing', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']);
  const direct = withIoredis(t, redis.port);
  const lines: { msg: string; advice?: string }[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const proxy = await withProxy(t, {
    redis,
    config: { rules: RULES, memory: { pollInterval: '100ms' } },
    log,
  });
  const advice = () => proxy.admin('/api/advice');
  const ids = async () => (await advice()).advice.map(({ id }) => id);

  await until(async () => (await ids()).includes('jobs-evictable'), { describe: 'the advice about jobs' });
  await until(() => lines.some((line) => line.advice === 'jobs-evictable'), {
    describe: 'its line in the log',
  });
  t.match(
    lines.find((line) => line.advice)?.msg,
    /^Redis may evict keys that must stay: allkeys-lru; .*jobs/,
  );
  const events = await proxy.admin('/api/events');
  t.ok(events.some((event) => event.kind === 'advice' && event.text.includes('jobs')));
  t.same((await advice()).policies.find(({ policy }) => policy === 'allkeys-lru')?.loses, ['jobs']);
  const report = await spillway('report', '--admin', `http://127.0.0.1:${proxy.adminPort}`);
  t.match(report.stdout, /WARNING {2}Redis may evict keys that must stay[\s\S]*CONFIG SET maxmemory-policy/);

  const client = withIoredis(t, proxy.port);
  for (let i = 0; i < 150; i++) await client.set(`cache:${i}`, 'x');
  await client.set('lock:order:7', 'me', 'EX', 30, 'NX');
  await direct.config('SET', 'maxmemory-policy', 'volatile-ttl');
  await until(async () => (await ids()).join() === 'eviction-order,locks-evictable', {
    describe: 'the order, and locks',
  });

  await direct.config('SET', 'maxmemory-policy', 'noeviction');
  await until(async () => !(await ids()).some((id) => id !== 'noeviction-cache'), {
    describe: 'the end of both',
  });

  const folder = t.testdir({ 'proxy.config.json': JSON.stringify({ rules: RULES }) });
  const check = ['check', '--config', path.join(folder, 'proxy.config.json')];
  const there = ['--upstream', `redis://127.0.0.1:${redis.port}`, '--connect'];
  await direct.config('SET', 'maxmemory-policy', 'volatile-ttl');
  const connected = await spillway(...check, ...there);
  t.match(
    connected.stderr,
    /warning: 127\.0\.0\.1:\d+: volatile-ttl evicts more important keys first: .*"sessions" \(high, 60 min\) before "cache"/,
  );
  t.equal(connected.status, 0, 'a warning is no error');
  t.match(connected.stdout, /valid/);
  t.equal((await spillway(...check)).stderr, '', 'without --connect it asks nobody');

  await direct.acl('SETUSER', 'app', 'on', 'nopass', '~*', '+@all');
  const places = [
    { name: 'there', match: 'p:*', db: 15, user: ['app', 'default'], ttl: '1m' },
    { name: 'beyond', match: 'q:*', db: [3, 16], ttl: '1m' },
    { name: 'nobody', match: 'r:*', user: 'apps', ttl: '1m' },
  ];
  const other = t.testdir({ 'proxy.config.json': JSON.stringify({ rules: places }) });
  t.match(
    (await spillway('check', '--config', path.join(other, 'proxy.config.json'), ...there)).stderr,
    /do(?:es)? not have: rule "beyond": database 16, but the server has 16 \(0 to 15\); rule "nobody": no user "apps"\n/,
  );
  t.equal((await spillway(...check, '--upstream', 'redis://127.0.0.1:1', '--connect')).status, 1);
});
