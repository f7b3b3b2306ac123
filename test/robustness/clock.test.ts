// A wall clock that is set forward and back by minutes and days, and a proxy that is stopped for a while and goes on, as on a
// machine that is suspended or moved, all of it under load: nobody gets a wrong reply or loses one, points in time are right
// at each moment, a blocked client stays blocked, limits refuse no more and no less, and Spillway is ready at once.
// SPILLWAY_SEED repeats a run.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { withFolder } from '../support/folder.js';
import { POOLS } from '../support/proxy.js';
import { childrenOf, withProxyProcess } from '../support/proxy-process.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';
import { runSeed } from './fuzz/random.js';
import { type LoadResult, runLoad } from './link/load.js';

const WAIT_MS = 60_000;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const STEPS = [DAY, -10 * MINUTE, 0];
/** Longer than a reading may be old. */
const STOP_MS = 2500;
const LARGE = Buffer.alloc(200_000, 'v');

async function moved(t: Test, pool: string, workers: number, seed: number): Promise<void> {
  const file = path.join(withFolder(t, 'spillway-clock-'), 'offset');
  writeFileSync(file, '0');
  const redis = await withRedis(t);
  const proxy = await withProxyProcess(t, {
    nodeArgs: ['--import', fileURLToPath(new URL('../support/stepped-clock.mjs', import.meta.url))],
    env: { ...process.env, TEST_CLOCK_FILE: file },
    config: {
      upstream: { url: `redis://127.0.0.1:${redis.port}`, pool },
      workers,
      rules: [
        { name: 'max', match: 'max:*', ttl: '1h', maxTtl: '2h', applyTo: 'all', priority: 'critical' },
        { name: 'limited', match: 'limited:*', ttl: '1h', limit: { writes: '20/s' } },
        { name: 'every', match: '*', ttl: '1h', applyTo: 'all', priority: 'critical' },
      ],
      memory: { limit: '1gb', staleAfter: '1s' },
    },
  });
  let seen: LoadResult | undefined;
  let done = false;
  const running = runLoad({
    ...{ port: proxy.port, server: redis.port, clients: 6, depth: 50, large: 2, seed },
    ...{ shed: false, cuts: false, ttls: true },
    enough: (result) => {
      seen = result;
      return done || result.tally.faults > 0;
    },
  });
  const goesOn = async (): Promise<void> => {
    const from = seen?.tally.answered ?? 0;
    await until(() => (seen?.tally.answered ?? 0) > from + 500, {
      timeoutMs: WAIT_MS,
      describe: 'the load to go on',
    });
  };
  const [client, blocked, limited] = [
    await withRaw(t, proxy.port, WAIT_MS),
    await withRaw(t, proxy.port, WAIT_MS),
    await withRaw(t, proxy.port, WAIT_MS),
  ];
  const direct = await withRaw(t, redis.port);
  void blocked.write(command('BLPOP', 'empty', 600));
  const leftOf = async (value: string | Buffer, at: number): Promise<number> => {
    t.equal(String(await client.call('SET', 'max:a', value, 'EXAT', at)), '+OK\r\n');
    return Number(String(await direct.call('PTTL', 'max:a')).slice(1));
  };
  let round = 0;
  const isRight = async (what: string): Promise<void> => {
    await goesOn();
    const at = Math.floor(Date.now() / 1000) + 300;
    for (const value of ['v', LARGE]) {
      t.equal(String(await client.call('SET', 'max:a', value, 'EXAT', at)), '+OK\r\n', what);
      t.equal(
        String(await direct.call('EXPIRETIME', 'max:a')),
        `:${at}\r\n`,
        `${what}: the point in time stands`,
      );
      // The server says what time it is every two seconds. Until then the point in time stands of a large value that streams.
      const left = await until(
        async () => {
          const ms = await leftOf(value, at + 36_000);
          return (value === 'v' || ms <= 7_200_000) && ms;
        },
        { describe: `${what}: the point in time of a large value to be cut` },
      );
      t.ok(left > 7_000_000 && left <= 7_200_000, `${what}: one too far is cut to ${left} ms`);
    }
    void limited.write(
      Buffer.concat(Array.from({ length: 200 }, (_, i) => command('SET', `limited:${round}:${i}`, 'v'))),
    );
    const admitted = (await limited.readReplies(200)).filter((reply) => String(reply) === '+OK\r\n').length;
    t.ok(admitted > 0 && admitted < 200, `${what}: ${admitted} of 200 writes pass a limit of 20 a second`);
    t.match(await proxy.admin('/readyz'), { ready: true }, what);
    round++;
  };
  await isRight('at first');
  for (const step of STEPS) {
    writeFileSync(file, String(step));
    await isRight(`the clock is ${step} ms off`);
  }
  const all = [proxy.pid, ...childrenOf(proxy.pid)];
  const stops = workers === 1 ? [all] : [all, [proxy.pid], all.slice(-1)];
  for (const pids of stops) {
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await delay(STOP_MS);
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    await until(async () => ((await proxy.admin('/readyz')) as { ready: boolean }).ready);
    await isRight(`after ${pids.length} of ${all.length} processes had stopped`);
  }
  await direct.call('RPUSH', 'empty', 'x');
  t.equal(
    String(await blocked.readReplies(1)),
    '*2\r\n$5\r\nempty\r\n$1\r\nx\r\n',
    'who was blocked still is',
  );
  done = true;
  const { tally, cutSessions, lostSessions, refused } = await running;
  t.equal(tally.faults, 0, tally.samples.join('\n') || `${tally.answered} commands, nothing wrong`);
  t.same({ cutSessions, lostSessions, refused }, { cutSessions: 0, lostSessions: 0, refused: 0 });
}

const seed = runSeed();
t.setTimeout(240_000);
for (const [i, pool] of POOLS.entries()) {
  t.test(
    `a clock is set, and processes stop: ${pool} pooling, workers ${i + 1}: SPILLWAY_SEED=${seed}`,
    { timeout: 180_000 },
    (t) => moved(t, pool, i + 1, seed),
  );
}
