// What an operator asks Spillway for while a server is silent, or refuses connections: each request is answered before the server
// is back, says what is wrong, and takes back nothing that clients were told.
import t, { type Test } from 'tap';
import { ConfigError } from '../../src/config/error.js';
import { switchOf, TOKEN } from '../support/failover-lab.js';
import { POOLS, type TestProxy, withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { SentinelRig, Writers } from '../support/sentinel-rig.js';
import { WHOLE } from '../support/tier.js';
import { until } from '../support/wait.js';

const WAIT_MS = 60_000;
const secrets = { adminToken: TOKEN };

async function act({ adminPort }: TestProxy, method: string, path: string, body: unknown = {}) {
  const response = await fetch(`http://127.0.0.1:${adminPort}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
}

interface Way {
  readonly pool: string;
  readonly workers: number;
  readonly silent: boolean;
}

async function withTrouble(t: Test, { pool, workers, silent }: Way): Promise<void> {
  const redis = await withRedis(t, [
    '--maxmemory',
    '100mb',
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
  ]);
  const rule = { name: 'all', match: '*', applyTo: 'all' as const };
  let ttl = '1h';
  const proxy = await withProxy(t, {
    redis,
    secrets,
    config: {
      ...{ workers, rules: [{ ...rule, ttl }] },
      upstream: { pool, responseTimeout: '100ms' },
      memory: { pollInterval: '50ms', staleAfter: '200ms' },
    },
    reloaded: () => {
      if (ttl !== '') return { rules: [{ ...rule, ttl }] };
      throw new ConfigError('CONFIG_INVALID', 'the file', [{ where: 'rules', message: 'is wrong' }]);
    },
  });
  t.equal(await ttlOf(proxy), '1h');
  const come = () => withRaw(t, proxy.port, WAIT_MS);
  const writers = await Promise.all(Array.from({ length: 4 }, come));
  for (const writer of writers) await writer.call('INCR', 'n');
  await until(async () => (await proxy.admin('/api/memory')).stale === false);

  await redis.kill(silent ? 'SIGSTOP' : 'SIGKILL');
  if (silent) t.teardown(() => redis.kill('SIGCONT'));
  const write = (key: string) => writers.map((client) => client.write(command('SETNX', key, 'v')));
  if (silent)
    void Promise.all([...write('before'), ...writers.map((client) => client.write(command('INCR', 'n')))]);
  await until(async () => (await proxy.admin('/api/state')).state === 'down');

  ttl = '2h';
  t.match(await act(proxy, 'POST', '/api/reload'), {
    status: 200,
    body: { ok: true, applied: ['rules'], workersPending: [] },
  });
  t.equal(await ttlOf(proxy), '2h', 'the new rules are in effect');
  ttl = '';
  t.match(await act(proxy, 'POST', '/api/reload'), {
    status: 422,
    body: { error: 'config_invalid', problems: [{ where: 'rules', message: 'is wrong' }] },
  });
  t.match(await act(proxy, 'POST', '/api/simulate', { pressure: 0.9, seconds: 600 }), {
    status: 200,
    body: { pressure: 0.9 },
  });
  t.match(await act(proxy, 'DELETE', '/api/simulate'), { status: 204 });
  for (const body of [{}, { dryRun: true }, { pauseServer: true }])
    t.match(await act(proxy, 'POST', '/api/failover', body), {
      status: 409,
      body: { error: 'failover_refused', message: /names no Sentinels/ },
    });
  let reader: RawClient;
  if (silent) {
    reader = await come();
    void reader.write(command('SETNX', 'late', 'v'));
    await redis.kill('SIGCONT');
    t.equal(String(await reader.readReplies(1)), ':1\r\n');
    const told = await Promise.all(writers.map((client) => client.readReplies(2)));
    const numbers = told.map(([, n]) => Number(String(n).slice(1))).sort();
    t.same(numbers, [5, 6, 7, 8], 'what waited was done once');
    const firsts = told.map(([made]) => String(made)).sort();
    t.same(firsts, [':0\r\n', ':0\r\n', ':0\r\n', ':1\r\n']);
  } else {
    await redis.restart();
    reader = await replaced(come);
    t.equal(String(await reader.call('INCR', 'n')), ':5\r\n', 'what was acknowledged is there');
    t.equal(String(await reader.call('SETNX', 'late', 'v')), ':1\r\n');
  }
  const left = Number(String(await reader.call('PTTL', 'late')).slice(1));
  t.ok(left > 3_600_000 && left <= 7_200_000, `the reload counts: ${left} ms`);
  await until(async () => (await proxy.admin('/api/memory')).stale === false, { timeoutMs: WAIT_MS });
  t.equal((await proxy.admin('/api/config')).reloads, 1);
}

/** The TTL of the only rule. */
async function ttlOf(proxy: TestProxy): Promise<unknown> {
  const [rule] = (await proxy.admin('/api/rules')) as readonly { readonly ttl: unknown }[];
  return rule?.ttl;
}

/** A client that comes when the server serves again. */
function replaced(come: () => Promise<RawClient>): Promise<RawClient> {
  return until(
    async () => {
      const client = await come().catch(() => undefined);
      const reply = await client?.call('PING').catch(String);
      return String(reply) === '+PONG\r\n' && client;
    },
    { timeoutMs: WAIT_MS },
  );
}

// They wait for the clock, most of the time.
t.jobs = 4;
for (const pool of POOLS)
  for (const [workers, tier] of [
    [1, {}],
    [2, WHOLE],
  ] as const)
    for (const silent of [true, false]) {
      const name = `a server that ${silent ? 'is silent' : 'refuses'}, ${pool} pooling, workers ${workers}`;
      t.test(name, { timeout: 180_000, ...tier }, (t) => withTrouble(t, { pool, workers, silent }));
    }

t.test('a planned switch while one that it asks is silent', { timeout: 300_000, ...WHOLE }, async (t) => {
  // No Sentinel promotes a replica for a silence meanwhile.
  const rig = await SentinelRig.start(t, [], { downAfterMs: 120_000 });
  for (const pool of POOLS) {
    const primary = await rig.settled();
    const upstream = { url: rig.url, pool, failover: { pause: '60s' } };
    const proxy = await withProxy(t, { redis: { port: 0 }, secrets, config: { upstream } });
    const writers = new Writers(4, () => proxy.port, pool);
    t.teardown(() => writers.stop());
    await writers.more(50);
    const replicas = rig.servers.filter(({ port }) => port !== primary);
    const signals = {
      'its primary': (signal: NodeJS.Signals) => rig.server(primary).kill(signal),
      // Of one of them a Sentinel sees after some seconds that only the other is fit: then the switch takes place.
      'its replicas': (signal: NodeJS.Signals) =>
        Promise.all(replicas.map((replica) => replica.kill(signal))),
      'all Sentinels': async (signal: NodeJS.Signals) => {
        for (const sentinel of rig.sentinels) sentinel.signal(signal);
      },
    };
    for (const [who, signal] of Object.entries(signals)) {
      await until(async () => (await act(proxy, 'POST', '/api/failover', { dryRun: true })).status === 200, {
        timeoutMs: WAIT_MS,
        describe: 'a switch to be possible',
      });
      await signal('SIGSTOP');
      t.teardown(() => signal('SIGCONT'));
      const words =
        /^Nothing was changed: (?:(?:\S+ \S+ )?127\.0\.0\.1:\d+: no answer within 1 s\.$|no replica of \S+ is fit|clients wait for a primary already|only 0 of 3 Sentinels)/;
      for (const body of [{ dryRun: true }, {}, { pauseServer: true }])
        t.match(
          await act(proxy, 'POST', '/api/failover', body),
          { status: 409, body: { error: 'failover_refused', message: words } },
          `${who}: ${JSON.stringify(body)}`,
        );
      await signal('SIGCONT');
      await writers.more(50);
      t.equal(await switchOf(proxy), null, 'no switch has begun');
    }
    await writers.stop();
    t.equal(await rig.settled(), primary);
    t.same(await writers.lostOn(primary), [], `of ${writers.acknowledged.length} acknowledged writes`);
    t.same(writers.errors, []);
  }
});
