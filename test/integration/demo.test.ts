// The demo as a user runs it: a process of its own, on real servers. And the private servers that it stands on.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { DemoSummary } from '../../src/cli/demo/summary.js';
import { startRedis } from '../../src/cli/local-server/redis-server.js';
import { ensureServerBinary } from '../../src/cli/local-server/server-binary.js';
import { builtMain } from '../support/built.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Demo {
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

function runDemo(...args: string[]): Demo {
  const child = spawn(process.execPath, [builtMain(), 'demo', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk;
  });
  return {
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    ended: once(child, 'close').then(([code]) => code as number | null),
    kill: (signal) => child.kill(signal),
  };
}

/** The admin port that the demo has told. */
function adminPort(text: string): number | undefined {
  const port = /Figures: http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1];
  return port === undefined ? undefined : Number(port);
}

function refused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => resolve(true));
  });
}

t.test(
  'a run with an end: straight meets OOM, behind Spillway the cache makes room',
  { timeout: 120_000 },
  async (t) => {
    const demo = runDemo('--seconds', '12', '--json');
    t.equal(await demo.ended, 0, demo.stderr());
    const { straight, spillway }: DemoSummary = JSON.parse(demo.stdout());
    t.ok(
      straight.redisOom > 0 && straight.refused.queue > 0 && straight.refused.session > 0,
      'straight: OOM for everybody',
    );
    t.equal(straight.keysWithoutTtl, straight.keys, 'straight: no key has a TTL');
    t.equal(spillway.redisOom, 0, 'Spillway: none of Redis itself');
    t.equal(spillway.refused.queue, 0, 'Spillway: no job is lost');
    t.equal(spillway.refused.session, 0, 'Spillway: no session is lost');
    t.ok(spillway.evicted.cache > 0 && spillway.evicted.temp > 0, 'Spillway: cache and temp made room');
    // On a machine too busy for it, eviction may fall behind for a moment.
    const { accepted, refused } = spillway;
    const share = (refused.cache + refused.temp) / (accepted.cache + accepted.temp);
    t.ok(share < 0.001, `Spillway: nearly none of them were refused: ${share}`);
    t.ok(spillway.peakBytes < spillway.limitBytes, 'Spillway: memory below the limit');
    t.ok(spillway.ttlsGiven > 0 && spillway.keysWithoutTtl < spillway.keys / 10, 'Spillway: keys have TTLs');
    t.equal(straight.otherErrors + spillway.otherErrors, 0);
    t.match(demo.stderr(), /^\d+ s \| Spillway: /m, 'progress goes to standard error, line by line');
    t.notOk(demo.stderr().includes('\x1b'), 'no escape sequences where there is no terminal');
  },
);

t.test(
  'a run without an end: a signal ends it with a summary, and leaves nothing',
  { timeout: 60_000 },
  async (t) => {
    const demo = runDemo();
    await until(() => demo.stdout().includes('0 s | Spillway'), { timeoutMs: 30_000, describe: demo.stderr });
    const port = adminPort(demo.stdout()) ?? 0;
    t.equal(await refused(port), false, 'the proxy is there');
    demo.kill('SIGINT');
    t.equal(await demo.ended, 0, demo.stderr());
    t.match(demo.stdout(), /directly to Redis +│ +through Spillway/);
    t.equal(await refused(port), true, 'and gone');
  },
);

t.test('a private server outlives nothing', { timeout: 60_000 }, async (t) => {
  const script = `
    import { startRedis } from './src/cli/local-server/redis-server.js';
    import { ensureServerBinary } from './src/cli/local-server/server-binary.js';
    const redis = await startRedis({ binary: await ensureServerBinary(() => {}) });
    console.log(redis.port);
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: ROOT,
  });
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  const port = Number(line);
  t.equal(await refused(port), false);
  owner.kill('SIGKILL');
  await until(() => refused(port), { describe: 'the server to end with its owner' });
});

t.test('kill, restart, stop', async (t) => {
  const redis = await withRedis(t);
  const before = await withRaw(t, redis.port);
  await redis.kill('SIGKILL');
  await before.readUntilClosed();
  const first = redis.pid;
  await redis.restart();
  t.not(redis.pid, first);
  const after = await withRaw(t, redis.port);
  t.equal(String(await after.call('PING')), '+PONG\r\n');
  await redis.stop();
  t.equal(await refused(redis.port), true);
});

t.test('a server that does not start says why', async (t) => {
  const binary = await ensureServerBinary(() => {});
  await t.rejects(startRedis({ binary, args: ['--no-such-setting', 'x'] }), {
    code: 'ERR_SERVER_START',
    message: /no-such-setting/,
  });
  await t.rejects(startRedis({ binary: '/nonexistent/redis-server' }), { code: 'ERR_SERVER_START' });
  const redis = await withRedis(t, ['--requirepass', 'secret']);
  await t.rejects(startRedis({ binary, port: redis.port }), {
    message: new RegExp(`Port ${redis.port} .* in use`),
  });
});
