// The package as a library, as another program gets it: by its name, through `exports`, from what was built. A proxy in this
// process, in front of a real Redis.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import t from 'tap';
import type * as Library from '../../src/index.js';
import { builtMain } from '../support/built.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';

const NAME = 'redis-spillway';
/** @throws Error when what was built is older than its source */
const built = builtMain();
const { ConfigError, Spillway } = (await import(NAME)) as typeof Library;
const QUIET = { listen: '127.0.0.1:0', admin: { listen: false } } as const;

t.test('a proxy for a test: rules, statistics, a reload, the end', async (t) => {
  t.equal(import.meta.resolve(NAME), new URL('../index.js', `file://${built}`).href, 'from what was built');
  const redis = await withRedis(t);
  const upstream = { url: `redis://127.0.0.1:${redis.port}` };
  for (const workers of [1, 2]) {
    const lines: string[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
    const config = { ...QUIET, upstream, workers, rules: [{ name: 'cache', match: 'cache:*', ttl: '1h' }] };
    const proxy = new Spillway({ config, log });
    t.throws(() => proxy.url, { message: 'the proxy has not started' });
    await proxy.start();
    t.equal(proxy.url, `redis://127.0.0.1:${proxy.address.port}`);
    t.equal(proxy.adminUrl, undefined);
    const client = await withRaw(t, proxy.address.port);
    t.equal(String(await client.call('SET', 'cache:1', 'v')), '+OK\r\n');
    t.match(String(await client.call('TTL', 'cache:1')), /^:3(?:600|599)\r\n$/);
    t.match((await proxy.stats()).rules, [{ name: 'cache', writes: 1, ttlInjected: 1 }]);
    t.match(proxy.memory(), { policy: 'noeviction' });

    const bad = await proxy.reload({ ...config, mode: 'nothing' as 'observe' });
    t.match(bad, { ok: false, problems: [{ where: 'mode' }] });
    const outcome = await proxy.reload({ ...config, mode: 'observe', workers: 3 });
    t.match(outcome, { ok: true, applied: ['mode'], needsRestart: ['workers'] });
    await client.call('SET', 'cache:2', 'v');
    t.equal(String(await client.call('TTL', 'cache:2')), ':-1\r\n');

    await proxy.stop();
    t.equal(String(await client.readUntilClosed()), '');
    const refused = await new Promise((resolve) => {
      net.connect(proxy.address.port, '127.0.0.1').on('error', ({ message }) => resolve(message));
    });
    t.match(refused, /ECONNREFUSED/);
    t.ok(lines.length > 0);
  }
});

t.test('a wrong configuration and an unusable address are errors', async (t) => {
  const redis = await withRedis(t);
  t.throws(() => new Spillway({ config: { ...QUIET, rules: [{ name: 'a' } as never] } }), ConfigError);
  const variable = { SPILLWAY_ADMIN_TOKEN: 'a-token-of-sixteen-letters' };
  const admin = { listen: '127.0.0.1:0' };
  const upstream = { url: `redis://127.0.0.1:${redis.port}` };
  const first = new Spillway({ config: { ...QUIET, upstream, admin }, env: variable });
  await first.start();
  t.teardown(() => first.stop());
  t.equal((await fetch(`${first.adminUrl}/api/stats`)).status, 401);
  t.equal((await fetch(`${first.adminUrl}/healthz`)).status, 200);
  const second = new Spillway({ config: { ...QUIET, upstream, listen: `127.0.0.1:${first.address.port}` } });
  await t.rejects(second.start(), { code: 'EADDRINUSE' });
  await t.rejects(import(`${NAME}/dist/cli/main.js`), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' });
});

t.test('a process ends by itself once its proxies have stopped', async (t) => {
  const redis = await withRedis(t);
  const file = path.join(t.testdir({}), 'app.mjs');
  writeFileSync(
    file,
    `import { Spillway } from ${JSON.stringify(new URL('../index.js', `file://${built}`).href)};
    for (const pool of ['session', 'command']) {
      const upstream = { url: 'redis://127.0.0.1:${redis.port}', pool };
      const proxy = new Spillway({ config: { listen: '127.0.0.1:0', admin: { listen: '127.0.0.1:0' }, upstream } });
      await proxy.start();
      await proxy.stop();
    }
    console.log('stopped');`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 60_000 });
  t.equal(stdout, 'stopped\n');
});
