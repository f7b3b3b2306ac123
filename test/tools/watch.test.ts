// spillway watch on a real server that fills, ends and comes back, and a webhook that fails at first.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import t from 'tap';
import type { WatchMessage } from '../../src/watch/words.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

t.test('fills, is emptied, ends, comes back', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '20mb']);
  const direct = new Redis(redis.port, '127.0.0.1', { retryStrategy: () => 20 });
  direct.on('error', () => {});
  t.teardown(() => direct.disconnect());
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spillway-watch-'));
  t.teardown(() => rmSync(folder, { recursive: true }));

  const posted: WatchMessage[] = [];
  let fails = true;
  const receiver = http.createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    if (!fails) posted.push(JSON.parse(body));
    response.statusCode = fails ? 500 : 204;
    response.end();
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  t.teardown(() => receiver.close());
  const webhook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hidden-part`;

  const config = path.join(folder, 'proxy.config.json');
  writeFileSync(
    config,
    JSON.stringify({
      rules: [{ name: 'a', match: 'a*', ttl: '1h' }],
      alerts: { hold: '1s', timeToFull: '0s' },
    }),
  );
  const log = path.join(folder, 'log');
  const args = [
    'watch',
    '-c',
    config,
    '-u',
    `redis://127.0.0.1:${redis.port}`,
    '--interval',
    '0.1',
    '--log',
    log,
  ];
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, SPILLWAY_ALERTS_WEBHOOK: webhook },
  });
  let [stdout, stderr] = ['', ''];
  const PATIENCE = { timeoutMs: 20_000, describe: () => `more than\n${stdout.slice(-2000)}\n${stderr}` };
  child.stdout.on('data', (bytes) => {
    stdout += bytes;
  });
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  const ended = once(child, 'close');
  t.teardown(() => child.kill('SIGKILL'));

  await until(() => /memory \d.* of 20\.0 MB, \d+\.\d%/.test(stdout), PATIENCE);
  for (let i = 0; i < 145; i++) await direct.set(`k${i}`, 'x'.repeat(100_000));
  await until(() => /ALERT: over 80\.0%: memory/.test(stdout), PATIENCE);
  await until(() => stderr.includes('the webhook fails'), PATIENCE);
  fails = false;
  await until(
    () => posted.some(({ event, text }) => event === 'level' && text.includes('ALERT: over 80')),
    PATIENCE,
  );
  await direct.flushall();
  await until(() => stdout.includes('below 80.0% again'), PATIENCE);
  await redis.kill('SIGKILL');
  await until(() => stdout.includes('ALERT: the server does not answer'), PATIENCE);
  await redis.restart();
  await until(() => stdout.includes('it answers again'), PATIENCE);
  await until(() => posted.at(-1)?.event === 'back', PATIENCE);
  child.kill('SIGINT');
  t.same(await ended, [0, null]);
  const logged = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as WatchMessage);
  t.same(
    logged.map(({ event }) => event),
    ['level', 'level', 'lost', 'back'],
  );
  t.match(stderr, 'the webhook works again');
  t.notMatch(stdout + stderr, 'hidden-part');
});

t.test('one look, by exit code', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '10mb']);
  const direct = new Redis(redis.port, '127.0.0.1');
  t.teardown(() => direct.disconnect());
  const look = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, 'watch', '--once', '-u', `redis://127.0.0.1:${redis.port}`, ...args]);
  t.equal(look().status, 0);
  t.equal(look('--threshold', '1%,99%').status, 2);
  t.equal(look('--threshold', '1%,2%').status, 3);
  t.equal(look('--threshold', '1%').status, 2);
  t.equal(look('--threshold', '90%,80%').status, 64);
  const { event, limitBytes } = JSON.parse(String(look('--json').stdout)) as WatchMessage;
  t.same([event, limitBytes], ['reading', 10 * 2 ** 20]);
  await direct.config('SET', 'maxmemory', '0');
  const unlimited = look('--threshold', '1%');
  t.equal(unlimited.status, 0);
  t.match(String(unlimited.stdout), 'no maxmemory');
  await redis.stop();
  t.equal(look().status, 1);
});
