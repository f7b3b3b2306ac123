// spillway watch on real servers: thresholds, refused writes, a server that goes away and comes back or hangs, few rights, a
// webhook that fails first.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { declareWatch } from '../../src/cli/watch-command.js';
import { connectServers } from '../../src/tools/keyspace/servers.js';
import type { WatchAlert } from '../../src/tools/watch/changes.js';
import { Courier } from '../../src/tools/watch/courier.js';
import { Watch } from '../../src/tools/watch/watch.js';
import { builtMain } from '../support/built.js';
import { runCommand } from '../support/command.js';
import { withFolder } from '../support/folder.js';
import { withIoredis } from '../support/ioredis.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const MAIN = builtMain();
const UNHURRIED = { timeoutMs: 20_000 };
const SECRET = 'hook-5ecret';

function client(t: Test, port: number): Redis {
  const direct = withIoredis(t, port, { maxRetriesPerRequest: 0, retryStrategy: () => null });
  direct.on('error', () => {});
  return direct;
}

async function withWatch(t: Test, port: number, timeoutMs = 5000) {
  const where = { host: '127.0.0.1', port, connectTimeoutMs: timeoutMs };
  let servers = await connectServers(where, 'spillway-test');
  t.teardown(() => servers.close());
  const reconnect = async () => {
    const fresh = await connectServers(where, 'spillway-test');
    servers.close();
    servers = fresh;
    return fresh;
  };
  const options = { thresholds: [0.5, 0.9], timeToFullMs: 0, holdMs: 0, limitBytes: undefined };
  return new Watch(options, { servers, reconnect, clock: () => performance.now(), timeoutMs });
}

/** Writes until Redis refuses. */
async function fill(direct: Redis): Promise<void> {
  const value = 'x'.repeat(20_000);
  for (let i = 0; i < 10_000; i++) {
    if ((await direct.set(`k${Math.random()}`, value).catch(String)) !== 'OK') return;
  }
  throw new Error('it is never full');
}

t.test('--once, for cron', async (t) => {
  const { port } = await withRedis(t, ['--maxmemory', '4mb']);
  const direct = client(t, port);
  const args = ['watch', '--once', '-u', `redis://127.0.0.1:${port}`];
  const run = async (...more: string[]) => {
    const { status, stdout: out } = await runCommand(declareWatch, [...args, ...more]);
    return { status, out };
  };
  t.match(await run('--threshold', '70%,90%'), { status: 0, out: /^\S+ {2}\S+ {2}[\d.]+% of 4\.0 MB/ });
  await fill(direct);
  t.match(await run(), { status: 3, out: /ALERT .*above 90%/ });
  t.match(await run('--threshold', '70%'), { status: 2 });
  t.match(JSON.parse(String((await run('--json')).out.trim().split('\n').at(-1))), {
    type: 'reading',
    mayFill: true,
    oomErrors: 1,
  });
  await direct.config('SET', 'maxmemory-policy', 'allkeys-lru');
  t.match(await run(), { status: 0, out: /allkeys-lru evicts/ });
  t.equal(spawnSync(process.execPath, [MAIN, ...args, '--threshold', '90%,80%']).status, 64);
  await direct.call('ACL', 'SETUSER', 'default', '-@all', '+info', '+ping');
  t.match(await run(), { status: 0, out: /allkeys-lru evicts/ }, 'INFO is all it needs');
});

t.test('refused writes, and a server that goes away, comes back, and hangs', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '4mb']);
  const { port } = redis;
  const watch = await withWatch(t, port);
  const look = async () => (await watch.look())[0];
  t.match(await look(), { situation: { reach: 'here', refusing: false } });
  await fill(client(t, port));
  t.match(await look(), { situation: { refusing: true, level: 2 } });
  await redis.kill('SIGKILL');
  t.match(await look(), { situation: { reach: 'away', level: 2 }, problem: /^connect ECONNREFUSED/ });
  t.match(await look(), { situation: { reach: 'away' } });
  await redis.restart();
  t.match(await look(), { situation: { reach: 'here', refusing: false, level: 0 }, problem: undefined });

  const hasty = await withWatch(t, port, 500);
  await redis.kill('SIGSTOP');
  t.match((await hasty.look())[0], { situation: { reach: 'away' }, problem: /^no answer within 500 ms/ });
  await redis.kill('SIGCONT');
  await until(async () => (await hasty.look())[0]?.situation.reach === 'here', UNHURRIED);
});

t.test('a webhook that failed gets the state at that time, and no secret', async (t) => {
  const taken: WatchAlert[] = [];
  let status = 500;
  let asked = 0;
  const hook = http.createServer((request, response) => {
    let body = '';
    request.on('data', (bytes) => {
      body += bytes;
    });
    request.on('end', () => {
      asked++;
      if (status === 200) taken.push(JSON.parse(body));
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((done) => hook.listen(0, '127.0.0.1', done));
  t.teardown(() => hook.close());
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/${SECRET}`;
  const problems: (string | undefined)[] = [];
  const { port } = await withRedis(t, ['--maxmemory', '4mb']);
  const direct = client(t, port);
  const watch = await withWatch(t, port);
  const courier = new Courier({
    ...{ url, authorization: undefined, timeoutMs: 5000, thresholds: [0.5, 0.9], instance: 'here' },
    onProblem: (problem) => problems.push(problem),
    firstRetryMs: 1,
  });
  courier.see(await watch.look());
  t.equal(asked, 0, 'nothing to tell');
  await fill(direct);
  courier.see(await watch.look());
  await until(() => asked >= 3, UNHURRIED);
  status = 200;
  await until(() => taken.length === 1, UNHURRIED);
  t.match(taken[0], {
    number: 1,
    status: 'alert',
    source: 'watch',
    changes: [{ to: 0.9 }, { event: 'refused' }],
  });
  await until(() => problems.length === 2, UNHURRIED);
  t.same(problems, ['it answered 500', undefined]);
  await direct.flushall('SYNC');
  courier.see(await watch.look());
  await courier.close(5000);
  t.match(taken, [{}, { number: 2, status: 'ok', changes: [{ from: 0.9, to: null }, { to: 'no' }] }]);
});

t.test('goes on, logs, and ends with Ctrl-C, the hook out of reach', async (t) => {
  const folder = withFolder(t, 'spillway-watch-');
  const log = path.join(folder, 'watch.log');
  const { port } = await withRedis(t, ['--maxmemory', '4mb']);
  await fill(client(t, port));
  const args = ['watch', '-u', `redis://127.0.0.1:${port}`, '--interval', '1s', '--log', log];
  const env = { ...process.env, SPILLWAY_ALERTS_WEBHOOK: `http://127.0.0.1:1/${SECRET}` };
  const child = spawn(process.execPath, [MAIN, ...args], { env });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes) => {
      said += bytes;
    });
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  await until(
    () => (said.match(/ of 4\.0 MB/g)?.length ?? 0) >= 2 && /could not deliver an alert/.test(said),
    UNHURRIED,
  );
  child.kill('SIGINT');
  t.equal(await ended, 130);
  t.notMatch(said, SECRET);
  t.equal(said.match(/ALERT/g)?.length, 1, 'once, however long it lasts');
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  t.match(lines.map((line) => JSON.parse(line)).slice(0, 2), [
    { type: 'change', to: 0.9 },
    { type: 'reading' },
  ]);
});
