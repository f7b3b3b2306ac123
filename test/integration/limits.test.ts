// Rates of rules on a real server: held over all workers together, at any pressure, told everywhere, kept by a reload.
import t, { type Test } from 'tap';
import type { StatsSnapshot } from '../../src/observe/stats/snapshot.js';
import type { Explanation } from '../../src/surfaces/explain/types.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { startProxyProcess } from '../support/proxy-process.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { FULL } from '../support/tier.js';
import { until } from '../support/wait.js';

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const RATE = 300;
const limited = (limit: Record<string, unknown>, rest: Record<string, unknown> = {}) => [
  { name: 'debug', match: 'debug:*', ttl: '1h', limit, ...rest },
];

/** Writes without a pause until `enough`; returns how many writes passed. */
async function flood(client: RawClient, prefix: string, enough: () => boolean): Promise<number> {
  let passed = 0;
  for (let i = 0; !enough(); i++) {
    const writes = Array.from({ length: 20 }, (_, n) => command('SET', `debug:${prefix}:${i}:${n}`, 'x'));
    void client.write(Buffer.concat(writes));
    const replies = await client.readReplies(writes.length);
    passed += replies.filter((reply) => String(reply) === '+OK\r\n').length;
  }
  return passed;
}

for (const pool of POOLS) {
  for (const workers of [1, 2]) {
    // npm test plays each pool and each number once.
    if (!FULL && (pool === 'session') === (workers === 1)) continue;
    t.test(`pool ${pool}, ${workers} workers: no more passes than comes, and all of it does`, async (t) => {
      const redis = await withRedis(t);
      const proxy = await startProxyProcess({
        config: {
          upstream: { url: `redis://127.0.0.1:${redis.port}`, pool },
          workers,
          rules: limited({ writes: `${RATE}/s` }),
          // Nothing else refuses here.
          memory: { shedWhen: 'never' },
        },
      });
      t.teardown(() => proxy.stop());
      const clients: RawClient[] = [];
      while (clients.length < 4) clients.push(await withRaw(t, proxy.port, 20_000));
      for (const client of clients) await client.call('PING');
      const began = performance.now();
      const passed = async (direct: RawClient) => Number(String(await direct.call('DBSIZE')).slice(1));
      const direct = await withRaw(t, redis.port);
      let done = false;
      const floods = clients.map((client, i) => flood(client, String(i), () => done));
      await until(async () => (await passed(direct)) > 4 * RATE, { timeoutMs: 30_000 });
      done = true;
      const sum = (await Promise.all(floods)).reduce((a, b) => a + b, 0);
      const seconds = (performance.now() - began) / 1000;
      t.equal(await passed(direct), sum, 'what was answered OK was written, and nothing else');
      // One second's worth at once, and what the workers are about to tell each other.
      const most = RATE * (seconds + 1) * 1.05 + 20 * workers;
      t.ok(sum <= most, `${sum} in ${seconds} s`);
      const stats = (await proxy.admin('/api/stats')) as StatsSnapshot;
      t.equal(stats.rules[0]?.writes, sum);
      t.ok((stats.rules[0]?.shedBy.rate ?? 0) > 0, 'and counted by its reason');
    });
  }
}

async function transcript(t: Test, port: number, ...commands: string[][]): Promise<string> {
  const client = await withRaw(t, port);
  const replies: string[] = [];
  for (const words of commands) replies.push(String(await client.call(...words)));
  return replies.join('');
}

t.test('explain, reload and observe', async (t) => {
  const redis = await withRedis(t);
  const error = 'TOOBIG ask the platform team';
  let rules = limited({ value: '2kb', error });
  const proxy = await withProxy(t, {
    redis,
    config: { rules },
    reloaded: () => ({ rules }),
  });
  const big = 'x'.repeat(3000);
  t.equal(
    await transcript(t, proxy.port, ['SET', 'debug:a', big], ['DEL', 'debug:a']),
    `-${error}\r\n:0\r\n`,
  );
  const explain = async (value: string) =>
    (await proxy.admin(`/api/explain?key=debug:a&command=SET+debug:a+${value}`)) as Explanation;
  t.match((await explain(big)).now, { shed: true, refused: { reason: 'value' } });
  t.match((await explain('x')).now, { shed: false, refused: null });
  rules = limited({ writes: '1/s' });
  await proxy.running.reload('POST /api/reload');
  t.equal(await transcript(t, proxy.port, ['SET', 'debug:a', big], ['SET', 'debug:b', big]), `+OK\r\n${OOM}`);
  t.match((await explain('x')).now, { shed: true, refused: { reason: 'rate' } }, 'as things are');
  rules = limited({ writes: '1/s' }, { mode: 'observe' });
  await proxy.running.reload('POST /api/reload');
  t.equal(
    await transcript(t, proxy.port, ['SET', 'debug:a', big], ['SET', 'debug:b', big]),
    '+OK\r\n+OK\r\n',
  );
  const stats = (await proxy.admin('/api/stats')) as StatsSnapshot;
  t.ok((stats.rules[0]?.wouldShedBy.rate ?? 0) > 0);
  t.match(stats.rules[0]?.shedBy, { value: 1, rate: 1 });
});
