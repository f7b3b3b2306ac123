// The wall clock of a server is set forward and back by minutes and days while it runs, and that of Spillway stands: nothing
// is deleted that would stay without Spillway, points in time are right at each moment, and one too far is
// cut right as soon as the server has said what time it is. The server's clock is libfaketime's.
import { execFile } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { startRedis } from '../../src/cli/local-server/redis-server.js';
import { ensureServerBinary } from '../../src/cli/local-server/server-binary.js';
import { need } from '../conformance/clients/apt.js';
import { withFolder } from '../support/folder.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { command, withRaw } from '../support/raw-client.js';
import { until } from '../support/wait.js';

const DAY_S = 24 * 3600;
/** Seconds off this machine's clock. */
const STEPS = [600, -600, DAY_S, -DAY_S, 0];
const HOUR_S = 3600;
const LARGE = Buffer.alloc(200_000, 'v');

/** A server whose clock goes by `set(seconds)` more than this machine's. */
async function withClock(t: Test) {
  const folder = withFolder(t, 'spillway-clock-');
  const [binary, offset] = [path.join(folder, 'redis-server'), path.join(folder, 'offset')];
  const set = (seconds: number): void => writeFileSync(offset, `${seconds < 0 ? '' : '+'}${seconds}`);
  set(0);
  const faked = `FAKETIME_TIMESTAMP_FILE='${offset}' FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1`;
  const real = await ensureServerBinary((line) => t.comment(line));
  writeFileSync(
    binary,
    `#!/bin/sh\nexec env ${faked} LD_PRELOAD='${await library(t)}:libc.so.6' '${real}' "$@"\n`,
  );
  chmodSync(binary, 0o755);
  const redis = await startRedis({ binary });
  t.teardown(() => redis.stop());
  return { redis, set };
}

/** What `faketime` preloads. The C library's malloc comes before jemalloc, which asks for the time before there is one. */
async function library(t: Test): Promise<string> {
  const program = await need(['faketime'], 'faketime', t.comment);
  const { stdout } = await promisify(execFile)(program, ['-f', '+0s', 'env']);
  return /^LD_PRELOAD=(.*)$/m.exec(stdout)?.[1]?.split(':').at(-1) ?? raise(`${program} preloads nothing`);
}

async function moved(t: Test, pool: string): Promise<void> {
  const { redis, set } = await withClock(t);
  const proxy = await withProxy(t, {
    redis,
    config: {
      upstream: { pool },
      rules: [
        { name: 'max', match: 'max:*', ttl: '1h', maxTtl: '2h', applyTo: 'all', priority: 'critical' },
        { name: 'limited', match: 'limited:*', ttl: '1h', limit: { writes: '20/s' } },
        { name: 'kept', match: 'kept:*', durable: true },
      ],
      memory: { limit: '1gb', pollInterval: '100ms' },
    },
  });
  const [client, direct] = [await withRaw(t, proxy.port), await withRaw(t, redis.port)];
  const said = async (...words: (string | Buffer | number)[]) => String(await client.call(...words)).trim();
  const asked = async (...words: (string | Buffer | number)[]) => String(await direct.call(...words)).trim();
  const serverSeconds = async (): Promise<number> => Number((await asked('TIME')).split('\r\n')[2]);
  const leftOf = async (key: string): Promise<number> => Number((await asked('PTTL', key)).slice(1)) / 1000;

  await said('SET', 'kept:a', 'v');
  for (const step of [0, ...STEPS]) {
    set(step);
    const what = `the server's clock is ${step} s off`;
    // Spillway does not know it yet.
    const at = (await serverSeconds()) + 300;
    for (const value of ['v', LARGE]) {
      t.equal(await said('SET', 'max:a', value, 'EXAT', at), '+OK', what);
      t.equal(await said('GETEX', 'kept:a', 'EXAT', at), '$1\r\nv', what);
      t.equal(
        await said('PERSIST', 'kept:a'),
        ':1',
        `${what}: a key stays to which a point in time is given`,
      );
      t.equal(await asked('EXISTS', 'max:a', 'kept:a'), ':2', `${what}: nothing is deleted`);
      await until(
        async () => {
          await said('SET', 'max:a', value, 'EXAT', at);
          return (await asked('EXPIRETIME', 'max:a')) === `:${at}`;
        },
        { describe: `${what}: the point in time to stand` },
      );
      await until(
        async () => {
          await said('SET', 'max:b', value, 'EXAT', at + 10 * HOUR_S);
          const seconds = await leftOf('max:b');
          return seconds > 2 * HOUR_S - 60 && seconds <= 2 * HOUR_S;
        },
        { describe: `${what}: one too far to be cut to two hours` },
      );
      t.pass(`${what}: one too far is cut to two hours`);
    }
    await said('SET', 'max:c', 'v');
    const left = await leftOf('max:c');
    t.ok(left > HOUR_S - 60 && left <= HOUR_S, `${what}: a key without TTL gets ${left} s`);
    await until(async () => (await said('SET', 'limited:a', 'v')) === '+OK', {
      describe: `${what}: a write to pass a limit of 20 a second`,
    });
    void client.write(
      Buffer.concat(Array.from({ length: 200 }, (_, i) => command('SET', `limited:${i}`, 'v'))),
    );
    const writes = await client.readReplies(200);
    const admitted = writes.filter((reply) => String(reply) === '+OK\r\n').length;
    t.ok(admitted < 200, `${what}: ${admitted} of 200 writes pass a limit of 20 a second`);
    t.match(await proxy.admin('/readyz'), { ready: true }, what);
  }
}

function raise(message: string): never {
  throw new Error(message);
}

t.setTimeout(240_000);
let why: string | false = false;
try {
  await need(['faketime'], 'faketime', t.comment);
} catch (error) {
  why = (error as Error).message;
  console.error(`server-clock: NOT RUN, no faketime here: ${why}`);
}
for (const pool of POOLS) {
  t.test(`the server's clock is set: ${pool} pooling`, { timeout: 120_000, skip: why }, (t) =>
    moved(t, pool),
  );
}
