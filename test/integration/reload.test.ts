// The configuration is read again while clients write: no reply is lost, each write goes by the old rules or the new ones
// and from the answer on by the new ones alone, counters go on by name, and a bad file changes nothing. Real processes.
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import type { ConfigSnapshot } from '../../src/config/reload-outcome.js';
import type { ConnectionSnapshot } from '../../src/observe/snapshots/connections.js';
import type { WorkersSnapshot } from '../../src/observe/snapshots/workers.js';
import type { RuleStats, StatsSnapshot } from '../../src/observe/stats/snapshot.js';
import { Authority, type CertificateFiles } from '../support/certificates.js';
import { withProxy } from '../support/proxy.js';
import { childrenOf, type ProxyProcess, withProxyProcess } from '../support/proxy-process.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { FULL } from '../support/tier.js';
import { until } from '../support/wait.js';

const TOKEN = 'a-token-for-the-tests-of-reloads';
const HOUR = 3_600_000;
const PATIENCE = { timeoutMs: 20_000 };
const BATCH = 20;
const CLIENTS = 4;
const WORKERS = FULL ? [1, 2] : [1];

type Settings = Record<string, unknown>;

interface Subject {
  readonly proxy: ProxyProcess;
  /** Replaces settings of the file, at once. */
  change(settings: Settings): Promise<void>;
  /** GET, or POST without a body. */
  ask(
    address: string,
    method?: 'GET' | 'POST',
    token?: string | null,
  ): Promise<{ status: number; body: unknown }>;
  config(): Promise<ConfigSnapshot>;
  rule(name: string): Promise<RuleStats | undefined>;
}

/** A proxy that reloads when it is told to, unless `settings` say otherwise. */
async function start(
  t: Test,
  redis: RedisProcess,
  settings: Settings,
  token: string | null = TOKEN,
  { env = {}, nodeArgs = [] }: { env?: NodeJS.ProcessEnv; nodeArgs?: readonly string[] } = {},
): Promise<Subject> {
  const upstream = { url: `redis://127.0.0.1:${redis.port}` };
  const proxy = await withProxyProcess(t, {
    config: { upstream, reload: { onChange: false }, ...settings },
    env: { ...process.env, ...(token !== null && { SPILLWAY_ADMIN_TOKEN: token }), ...env },
    nodeArgs,
  });
  const ask: Subject['ask'] = async (address, method = 'GET', given = token) => {
    const headers = given === null ? {} : { authorization: `Bearer ${given}` };
    const answer = await fetch(`http://127.0.0.1:${proxy.adminPort}${address}`, { method, headers });
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  };
  return {
    proxy,
    ask,
    async change(changes) {
      const file = JSON.parse(await readFile(proxy.file, 'utf8')) as Settings;
      await replace(proxy.file, JSON.stringify({ ...file, ...changes }));
    },
    config: async () => (await ask('/api/config')).body as ConfigSnapshot,
    rule: async (name) =>
      ((await ask('/api/stats')).body as StatsSnapshot).rules.find((rule) => rule.name === name),
  };
}

/** In one step, as editors and configuration management do. */
async function replace(file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content);
  await rename(`${file}.new`, file);
}

/** Writes in batches until it is stopped; each batch tells what TTLs its keys got. */
async function writer(t: Test, port: number, prefix: string, now: () => number) {
  const client = await withRaw(t, port, PATIENCE.timeoutMs);
  const batches: { readonly from: number; readonly to: number; readonly ttls: number[] }[] = [];
  let stopped = false;
  const done = (async () => {
    for (let n = 0; !stopped; n++) {
      const from = now();
      const keys = Array.from({ length: BATCH }, (_, i) => `${prefix}${n}:${i}`);
      void client.write(
        Buffer.concat(keys.flatMap((key) => [command('SET', key, key), command('PTTL', key)])),
      );
      const replies = (await client.readReplies(2 * BATCH)).map(String);
      const ttls = replies.filter((_, i) => i % 2 === 1).map((reply) => Number(reply.slice(1)));
      if (replies.some((reply, i) => i % 2 === 0 && reply !== '+OK\r\n')) throw new Error(replies.join(''));
      batches.push({ from, to: now(), ttls });
    }
  })();
  return {
    batches,
    stop: () => {
      stopped = true;
      return done;
    },
  };
}

const hours = (n: number) => [`${n}h`, (ttl: number) => ttl > (n - 0.5) * HOUR && ttl <= n * HOUR] as const;

for (const workers of WORKERS) {
  t.test(`rules change under load, with ${workers} worker(s)`, async (t) => {
    const redis = await withRedis(t);
    const [one, isOne] = hours(1);
    const [two, isTwo] = hours(2);
    const load = { name: 'load', match: 'load:*', ttl: one };
    const other = { name: 'other', match: 'other:*', ttl: '9h' };
    const { proxy, change, ask, rule } = await start(t, redis, { workers, rules: [other, load] });
    const client = await withRaw(t, proxy.port, PATIENCE.timeoutMs);
    for (let i = 0; i < 7; i++) await client.call('SET', `other:${i}`, 'v');

    // Both are begun under rules that are gone when they end.
    const inTransaction = await withRaw(t, proxy.port, PATIENCE.timeoutMs);
    await inTransaction.call('MULTI');
    await inTransaction.call('SETNX', 'other:in-a-transaction', 'v');
    const streaming = await withRaw(t, proxy.port, PATIENCE.timeoutMs);
    const pairs = Array.from({ length: 8 }, (_, i) => [`other:large:${i}`, 'v'.repeat(80_000)]).flat();
    const large = command('MSET', ...pairs);
    const half = large.length >> 1;
    const sent = async () => ((await ask('/api/connections')).body as ConnectionSnapshot).bytesToUpstream;
    const sentBefore = await sent();
    void streaming.write(large.subarray(0, half));
    await until(async () => (await sent()) - sentBefore > half - 30_000, PATIENCE);

    // Events in their order: what happened before what is all that counts.
    let clock = 0;
    const now = () => clock++;
    const writers = await Promise.all(
      Array.from({ length: CLIENTS }, (_, i) => writer(t, proxy.port, `load:${i}:`, now)),
    );
    const periods: { readonly from: number; to: number; readonly fits: (ttl: number) => boolean }[] = [
      { from: now(), to: 0, fits: isOne },
    ];
    const sure = () =>
      writers.every(({ batches }) => batches.some(({ from }) => from > (periods.at(-1)?.from ?? 0)));
    await until(sure, PATIENCE);
    for (const [round, ttl] of [two, one, two, one].entries()) {
      // The place of a rule says nothing of its counters.
      const rules = [
        { name: `only-${round}`, match: 'x:*', durable: true },
        { ...load, ttl },
      ];
      await change({ rules });
      periods[periods.length - 1].to = now();
      const { status, body } = await ask('/api/reload', 'POST');
      // Of the environment, say.
      const { warnings: _, ...answer } = body as Record<string, unknown>;
      t.same(
        [status, answer],
        [200, { ok: true, applied: ['rules'], needsRestart: [], rules: 2, workersPending: [] }],
      );
      periods.push({ from: now(), to: Number.POSITIVE_INFINITY, fits: ttl === two ? isTwo : isOne });
      await until(sure, PATIENCE);
    }
    await Promise.all(writers.map(({ stop }) => stop()));

    const batches = writers.flatMap(({ batches }) => batches);
    const wrong = batches.filter(({ from, to, ttls }) => {
      const period = periods.find((each) => from > each.from && to < each.to);
      return !ttls.every((ttl) => (period === undefined ? isOne(ttl) || isTwo(ttl) : period.fits(ttl)));
    });
    t.same(wrong, [], 'each write got the TTL of the rules that there were');
    const writes = batches.length * BATCH;
    t.match(await rule('load'), { writes, ttlInjected: writes }, 'its counters went on through all of it');
    t.equal(await rule('other'), undefined, 'a rule that is gone is not shown');
    t.match(
      await rule('only-3'),
      { writes: 0, lastSeen: null },
      'and its counters are not those of another one',
    );

    void streaming.write(large.subarray(half));
    t.same(await streaming.readReplies(1), [Buffer.from('+OK\r\n')]);
    t.match(String(await inTransaction.call('EXEC')), '*1\r\n:1\r\n');
    for (let i = 0; i < 8; i++) {
      const reply = String(await client.call('PTTL', `other:large:${i}`));
      t.ok(Number(reply.slice(1)) > 8 * HOUR, `what has begun ends under its rules: ${reply.trim()}`);
    }
    await change({ rules: [load, other] });
    t.match((await ask('/api/reload', 'POST')).body, { applied: ['rules'], rules: 2 });
    await until(async () => (await rule('other'))?.followUpsSet === 9, {
      ...PATIENCE,
      describe: () => proxy.log(),
    });
    t.match(await rule('other'), { writes: 16, ttlInjected: 7, followUps: 9, followUpsSet: 9 });
    t.match(await rule('load'), { writes }, 'and with a rule that is back, so are its counters');
  });
}

t.test('reload: the token, settings that need a restart, a bad file', async (t) => {
  const redis = await withRedis(t);
  const rules = [{ name: 'a', match: 'a:*', ttl: '1h' }];
  const { proxy, change, ask, config } = await start(t, redis, { rules, workers: 2 });
  t.equal((await ask('/api/reload', 'POST', 'some-other-token')).status, 401);
  t.equal((await ask('/api/reload')).status, 404, 'nothing is changed by GET');
  t.match(await config(), {
    file: proxy.file,
    reloads: 0,
    reloadFailures: 0,
    lastError: null,
    needsRestart: [],
  });

  await t.test('settings that need a restart stay as they are, and are named', async (t) => {
    await change({
      workers: 3,
      limits: { maxClients: 1, drainTimeout: '1s' },
      memory: { pollInterval: '100ms' },
      log: { level: 'debug' },
    });
    const { status, body } = await ask('/api/reload', 'POST');
    t.equal(status, 200);
    t.match(body, {
      applied: ['memory.pollInterval', 'limits.maxClients', 'log.level'],
      needsRestart: ['workers', 'limits.drainTimeout'],
    });
    const { config: effective, needsRestart } = await config();
    t.same(needsRestart, ['workers', 'limits.drainTimeout']);
    t.match(effective, {
      workers: 2,
      limits: { maxClients: 1, drainTimeout: '10s' },
      memory: { pollInterval: '100ms' },
    });
    await until(
      () => proxy.log().includes('some changes need a restart: workers, limits.drainTimeout'),
      PATIENCE,
    );
    await withRaw(t, proxy.port).then((client) => client.call('PING'));
    const second = await withRaw(t, proxy.port);
    t.match(String(await second.readUntilClosed()), 'max number of clients reached');
    await change({ workers: 2, limits: {} });
    t.match((await ask('/api/reload', 'POST')).body, { needsRestart: [], applied: ['limits.maxClients'] });
  });

  await t.test('a bad file changes nothing', async (t) => {
    const good = await readFile(proxy.file, 'utf8');
    const loadedAt = (await config()).loadedAt;
    await replace(proxy.file, '{\n  "rules": [}\n}');
    const broken = await ask('/api/reload', 'POST');
    t.match(broken, {
      status: 422,
      body: { error: 'config_invalid', source: proxy.file, problems: [{ where: /^line 2, column/ }] },
    });
    await replace(
      proxy.file,
      JSON.stringify({ ...JSON.parse(good), rules: [{ name: 'a', match: 'a:*', ttl: 5 }, 7] }),
    );
    const invalid = await ask('/api/reload', 'POST');
    t.match(invalid, { status: 422, body: { problems: [{ where: 'rules[0].ttl' }, { where: 'rules[1]' }] } });
    t.match(await config(), {
      loadedAt,
      reloadFailures: 2,
      lastError: { code: 'CONFIG_INVALID', source: proxy.file, problems: [{ where: 'rules[0].ttl' }, {}] },
      config: { rules: [{ name: 'a', ttl: '1h' }] },
    });
    const metrics = String((await ask('/metrics')).body);
    t.match(metrics, '\nspillway_config_reload_failures_total 2\n');
    t.match(metrics, '\nspillway_config_last_reload_successful 0\n');
    const logged = () => proxy.log().split('configuration not reloaded: the old one stays').length - 1;
    await until(() => logged() === 2 && proxy.log().includes('rules[0].ttl: '), PATIENCE);
    const client = await withRaw(t, proxy.port);
    await client.call('SET', 'a:1', 'v');
    t.ok(Number(String(await client.call('PTTL', 'a:1')).slice(1)) > HOUR / 2, 'the old rules hold');
    await replace(proxy.file, good);
    t.equal((await ask('/api/reload', 'POST')).status, 200);
    t.match(await config(), { reloadFailures: 2, lastError: null });
    t.match(String((await ask('/metrics')).body), '\nspillway_config_last_reload_successful 1\n');
  });

  await t.test('a pipe or a huge file in place of the configuration stops nothing', async (t) => {
    const good = await readFile(proxy.file, 'utf8');
    const client = await withRaw(t, proxy.port);
    const problem = async (): Promise<unknown> => {
      const answer = ask('/api/reload', 'POST');
      t.equal(String(await client.call('PING')), '+PONG\r\n');
      return (await answer).body;
    };
    await rm(proxy.file);
    execFileSync('mkfifo', [proxy.file]);
    t.match(await problem(), {
      problems: [{ message: 'cannot read the config file: it is not a regular file' }],
    });
    await rm(proxy.file);
    await writeFile(proxy.file, '');
    await truncate(proxy.file, 80 * 1024 * 1024);
    t.match(await problem(), {
      problems: [{ message: 'cannot read the config file: it is larger than 4 MB' }],
    });
    await replace(proxy.file, good);
    t.match(await problem(), { ok: true });
  });

  await t.test('SIGHUP', async (t) => {
    const { reloads } = await config();
    await change({ mode: 'observe' });
    proxy.signal('SIGHUP');
    await until(async () => (await config()).reloads > reloads, PATIENCE);
    t.match(await config(), { reloads: reloads + 1, config: { mode: 'observe' } });
    const client = await withRaw(t, proxy.port);
    await client.call('SET', 'a:2', 'v');
    t.equal(String(await client.call('PTTL', 'a:2')), ':-1\r\n');
  });

  await t.test('the answer waits for all workers, and names one that does not answer', async (t) => {
    const { workers } = (await ask('/api/workers')).body as WorkersSnapshot;
    const [{ pid, worker }] = workers;
    process.kill(pid, 'SIGSTOP');
    t.teardown(() => process.kill(pid, 'SIGCONT'));
    const reload = () => ask('/api/reload', 'POST').then(({ body }) => body);
    await change({ memory: {} });
    t.match(await reload(), { ok: true, applied: ['memory.pollInterval'], workersPending: [worker] });
    process.kill(pid, 'SIGCONT');
    await change({ memory: { pollInterval: '300ms' } });
    t.match(await reload(), { ok: true, applied: ['memory.pollInterval'], workersPending: [] });
  });

  await t.test('a worker that is being started goes by what was reloaded meanwhile', async (t) => {
    const workers = async () => ((await ask('/api/workers')).body as WorkersSnapshot).workers;
    const before = await workers();
    for (const { pid } of before) process.kill(pid, 'SIGKILL');
    const isNew = (child: number) => before.every(({ pid }) => pid !== child);
    await until(async () => childrenOf(proxy.pid).some(isNew), PATIENCE);
    await change({ mode: 'enforce', rules: [{ name: 'a', match: 'a:*', ttl: '30h' }] });
    t.match((await ask('/api/reload', 'POST')).body, { applied: ['mode', 'rules'], workersPending: [] });
    await until(async () => (await workers()).length === before.length, PATIENCE);
    for (let i = 0; i < 4; i++) {
      const client = await withRaw(t, proxy.port, PATIENCE.timeoutMs);
      await client.call('SET', `a:${i}`, 'v');
      const reply = String(await client.call('PTTL', `a:${i}`));
      t.ok(Number(reply.slice(1)) > 29 * HOUR, `by whichever: ${reply.trim()}`);
    }
  });
});

for (const workers of WORKERS) {
  t.test(`no process waits for a file that is read again, with ${workers} worker(s)`, async (t) => {
    const redis = await withRedis(t);
    const authority = await Authority.create(t);
    const [first, second] = [await authority.issue('first'), await authority.issue('second')];
    const folder = t.testdir({ webhook: 'http://127.0.0.1:9/', authorization: 'Bearer x' });
    const at = (name: string): string => path.join(folder, name);
    const install = async ({ cert, key }: CertificateFiles): Promise<void> => {
      await copyFile(cert, at('cert'));
      await copyFile(key, at('key'));
    };
    await install(first);
    const { ask, change, proxy } = await start(
      t,
      redis,
      {
        workers,
        listenTls: { cert: at('cert'), key: at('key'), clientCa: authority.ca },
        alerts: { webhookFile: at('webhook'), authorizationFile: at('authorization') },
        rules: [],
      },
      TOKEN,
      {
        env: { SPILLWAY_NO_WAITING: at('from now on') },
        nodeArgs: ['--import', new URL('../support/no-waiting-for-files.mjs', import.meta.url).href],
      },
    );
    await writeFile(at('from now on'), '');
    await install(second);
    await change({ mode: 'observe' });
    t.match((await ask('/api/reload', 'POST')).body, { ok: true, applied: ['mode'], workersPending: [] });
    const { tls } = (await ask('/api/connections')).body as { tls: object };
    t.match(tls, { renewals: 1, problem: null }, 'in each of them');
    proxy.signal('SIGHUP');
    await until(async () => ((await ask('/api/config')).body as ConfigSnapshot).reloads === 2, PATIENCE);
    t.notMatch(proxy.log(), /waits for/);
  });
}

t.test('the file is watched, and so is a mounted ConfigMap', async (t) => {
  const redis = await withRedis(t);
  const { proxy, change, ask, config } = await start(t, redis, { reload: {}, rules: [] }, null);
  const reloaded = async (reloads: number, settings: Settings) => {
    await until(async () => (await config()).reloads >= reloads, {
      ...PATIENCE,
      describe: () => proxy.log(),
    });
    t.match(await config(), { reloads, lastError: null, config: settings });
  };
  const refused = await ask('/api/reload', 'POST');
  t.match(refused, { status: 403, body: { error: 'token_not_set' } }, 'by request only with a token');

  await change({ mode: 'observe' });
  await reloaded(1, { mode: 'observe' });

  // As kubelet mounts it: the file is a link into a folder that is itself a link, and only that one is turned.
  const folder = path.dirname(proxy.file);
  const mount = async (version: string, content: string) => {
    await mkdir(path.join(folder, version));
    await writeFile(path.join(folder, version, path.basename(proxy.file)), content);
    await symlink(version, path.join(folder, '..data_tmp'));
    await rename(path.join(folder, '..data_tmp'), path.join(folder, '..data'));
  };
  const content = await readFile(proxy.file, 'utf8');
  await mount('..1', content);
  await symlink(path.join('..data', path.basename(proxy.file)), `${proxy.file}.link`);
  await rename(`${proxy.file}.link`, proxy.file);
  await mount('..2', JSON.stringify({ ...JSON.parse(content), mode: 'enforce' }));
  await reloaded(2, { mode: 'enforce' });

  await mount('..3', '{');
  await until(async () => (await config()).reloadFailures > 0, PATIENCE);
  t.match(await config(), { reloads: 2, reloadFailures: 1, config: { mode: 'enforce' } });
  await mount('..4', JSON.stringify({ ...JSON.parse(content), reload: { onChange: false } }));
  await reloaded(3, { mode: 'observe', reload: { onChange: false } });
});

t.test('limits and shared commands hold for clients that are connected already', async (t) => {
  const redis = await withRedis(t);
  const upstream = { url: `redis://127.0.0.1:${redis.port}`, pool: 'command' };
  let changes: Settings = {};
  const proxy = await withProxy(t, { redis, config: { upstream }, reloaded: () => changes });
  const scriptPins = async () => (await proxy.admin('/api/connections')).pool?.pins.script;
  const client = await withRaw(t, proxy.port);
  await client.call('EVAL', 'return 1', 0);
  t.equal(await scriptPins(), 1);
  changes = { upstream: { ...upstream, shareCommands: ['EVAL'] } };
  t.match(await proxy.running.reload('SIGHUP'), { ok: true, applied: ['upstream.shareCommands'] });
  const another = await withRaw(t, proxy.port);
  t.equal(String(await another.call('EVAL', 'return 2', 0)), ':2\r\n');
  t.equal(await scriptPins(), 1, 'a script is shared now');

  changes = { ...changes, limits: { idleTimeout: '50ms' } };
  t.match(await proxy.running.reload('SIGHUP'), { ok: true, applied: ['limits.idleTimeout'] });
  t.equal(String(await client.readUntilClosed()), '', 'a silent client is closed');
});
