// A server that is killed under load, again and again, and comes back: on what it has written to its append-only
// file. So each session is accounted for over the death: what was answered is there, what is there was asked for.
import type { Test } from 'tap';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';
import { type LoadResult, runLoad } from './link/load.js';
import { firstAnswer, untilReady } from './servers-both.js';

const COMMANDS_PER_LIFE = 1500;
const WAIT_MS = 60_000;

export interface Kills {
  readonly load: LoadResult;
  /** For each death: from the server's first answer to a direct PING to the first answer through the proxy. */
  readonly recoveryMs: readonly number[];
  /** The same, to the proxy's being ready by its own account. */
  readonly readyMs: readonly number[];
}

/** Kills a server with SIGKILL under load and restarts it, `times`; asserts that nothing came wrong. */
export async function killUnderLoad(t: Test, times: number, seed: number): Promise<Kills> {
  const redis = await withRedis(t, ['--appendonly', 'yes', '--appendfsync', 'no']);
  const proxy = await withProxy(t, {
    redis,
    config: { rules: [{ name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all' }] },
  });
  let over = false;
  let answered = 0;
  const loading = runLoad({
    port: proxy.port,
    server: redis.port,
    clients: 16,
    enough: ({ tally }) => {
      ({ answered } = tally);
      return over;
    },
    seed,
    depth: 100,
    shed: false,
    large: 2,
    cuts: true,
    ttls: false,
  });
  const recoveryMs: number[] = [];
  const readyMs: number[] = [];
  for (let life = 0; life < times; life++) {
    const enough = answered + COMMANDS_PER_LIFE;
    await until(() => answered >= enough, {
      timeoutMs: WAIT_MS,
      describe: () => `${answered} of ${enough} commands`,
    });
    await redis.kill('SIGKILL');
    const [direct, through] = await Promise.all([
      firstAnswer(redis.port),
      firstAnswer(proxy.port),
      redis.restart(),
    ]);
    recoveryMs.push(Math.max(0, Math.round(through - direct)));
    await untilReady({ proxy });
    readyMs.push(Math.max(0, Math.round(performance.now() - direct)));
  }
  over = true;
  const load = await loading;
  t.equal(load.tally.faults, 0, load.tally.samples.join('\n') || 'nothing wrong');
  t.ok(load.cutSessions >= times, `${load.cutSessions} sessions cut`);
  await untilEmpty(proxy);
  return { load, recoveryMs, readyMs };
}

async function untilEmpty(proxy: TestProxy): Promise<void> {
  const clients = async () => (await proxy.admin('/api/connections')).clients;
  await until(async () => (await clients()) === 0, {
    timeoutMs: WAIT_MS,
    describe: 'the proxy to let go of its clients',
  });
}
