// docs/OOM-NOW.md, run as printed: each block in a shell, in order, against a full server. Only the ports differ, and the
// wait for keys to expire is left out.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { builtMain } from '../support/built.js';
import { withIoredis } from '../support/ioredis.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const PAGE = readFileSync(new URL('../../docs/OOM-NOW.md', import.meta.url), 'utf8');
const KEEPS_RUNNING = 'npx spillway --config spillway.json ';

/** The shell blocks of the page, in order. */
function blocks(): string[] {
  return [...PAGE.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block as string);
}

/** A server that is full of a cache without TTLs, beside sessions and a queue. */
async function fullServer(t: Test) {
  const { port } = await withRedis(t, ['--maxmemory', '60mb', '--maxmemory-policy', 'noeviction']);
  const redis = withIoredis(t, port);
  const before = redis.pipeline();
  for (let i = 0; i < 1000; i++) before.setex(`session:${i}`, 3600, 'x'.repeat(100));
  before.lpush('queue:mail', ...Array(100).fill('job'));
  await before.exec();
  for (let i = 0; ; i += 1000) {
    const writes = redis.pipeline();
    for (let key = i; key < i + 1000; key++) writes.set(`cache:${key}`, 'x'.repeat(1000));
    const replies = (await writes.exec()) ?? [];
    if (replies.some(([error]) => error?.message.startsWith('OOM'))) return { port, redis };
  }
}

t.test(
  'from a full server to one that takes writes, in the order of the page',
  { timeout: 240_000 },
  async (t) => {
    const { port, redis } = await fullServer(t);
    const cached = (await redis.keys('cache:*')).length;
    const [listen, admin] = [await findFreePort(), await findFreePort()];
    const folder = t.testdir({});
    // `npx spillway` of a checkout.
    const bin = path.join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(
      path.join(bin, 'npx'),
      `#!/bin/sh\nshift\nexec "${process.execPath}" "${builtMain()}" "$@"\n`,
    );
    chmodSync(path.join(bin, 'npx'), 0o755);
    const env = {
      ...process.env,
      PATH: `${bin}:${process.env.PATH}`,
      REDIS: `redis://127.0.0.1:${port}`,
      SPILLWAY_LISTEN: `127.0.0.1:${listen}`,
      SPILLWAY_ADMIN: `127.0.0.1:${admin}`,
    };
    const asHere = (block: string): string =>
      block.replaceAll('redis://127.0.0.1:6379', env.REDIS).replaceAll('127.0.0.1:9380', env.SPILLWAY_ADMIN);
    const shell = promisify(execFile);
    const run = async (block: string, cwd = folder): Promise<string> => {
      const { stdout, stderr } = await shell('sh', ['-ec', asHere(block)], { cwd, env });
      return stdout + stderr;
    };
    const said = new Map<string, string>();
    for (const block of blocks()) {
      if (block.startsWith('redis-cli')) {
        t.match(block, /^redis-cli -u "\$REDIS" CONFIG SET maxmemory 8gb\n$/, 'the other way to make room');
        continue;
      }
      if (!block.startsWith(KEEPS_RUNNING)) {
        said.set(block, await run(block));
        continue;
      }
      const proxy = spawn('sh', ['-c', `exec ${asHere(block)}`], { cwd: folder, env, stdio: 'ignore' });
      t.teardown(async () => {
        const ended = once(proxy, 'exit');
        proxy.kill('SIGTERM');
        await ended;
      });
      const ready = () =>
        fetch(`http://${env.SPILLWAY_ADMIN}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        );
      await until(ready, { timeoutMs: 30_000, describe: 'the proxy to be ready' });
    }
    const output = (start: string): string => [...said].find(([block]) => block.includes(start))?.[1] ?? '';
    t.match(output('doctor --upstream'), /CRITICAL {2}Memory is (?:nearly )?at maxmemory/);
    const elsewhere = path.join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    const advised = output('doctor --upstream').match(/^ {4}spillway .*$/gm) ?? [];
    t.ok(advised.length >= 3, 'doctor names commands');
    for (const command of new Set(advised)) await run(`npx ${command.trim()}`, elsewhere);

    t.match(output('analyze'), /^cache:\* .* 100%$/m);
    t.match(output('--until never'), /^10,000 keys got a TTL/m);
    t.match(output('init'), /^spillway\.json: valid$/m);
    t.match(output('stats'), /OBSERVING/);
    t.match(output('report'), /^in the last /m);
    t.match(output('readyz'), /"ready":true/);

    // The minute is over.
    const keys = await redis.keys('cache:*');
    const lives = redis.pipeline();
    for (const key of keys) lives.pttl(key);
    const answers = ((await lives.exec()) ?? []).map(([, ms]) => Number(ms));
    const soon = keys.filter((_, i) => answers[i] > 0);
    // On a slow machine the minute may be over by now.
    t.equal(cached - answers.filter((ms) => ms === -1).length, 10_000);
    t.ok(
      answers.every((ms) => ms <= 70_000),
      'in a minute, and the spread',
    );
    if (soon.length > 0) await redis.unlink(soon);
    const client = withIoredis(t, listen);
    await until(async () => (await client.set('order:1', 'x'.repeat(1000)).catch(() => 'OOM')) === 'OK', {
      timeoutMs: 10_000,
      describe: 'writes to be taken again',
    });
  },
);
