// Rates of rules on a real server: held over all workers together, told everywhere, kept by a reload. How exactly workers hold
// a rate is in property/runtime/shared-quotas: here no lower bound goes by the time that this machine takes.
import t, { type Test } from 'tap';
import type { LimitSnapshot } from '../../src/memory/snapshot.js';
import type { Explanation } from '../../src/surfaces/explain/types.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { withProxyProcess } from '../support/proxy-process.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { FULL } from '../support/tier.js';
import { until } from '../support/wait.js';

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const BUSY = 'BUSY too fast';
const WRITES = 300;
const BYTES = 200 * 1024;
const RATES = [
  { name: 'counted', match: 'counted:*', durable: true, limit: { writes: `${WRITES}/s` } },
  { name: 'weighed', match: 'weighed:*', durable: true, limit: { bytes: '200kb/s', error: BUSY } },
];
/** In flight at a time, of each client: all clients together, more than the rates allow at once. */
const DEPTH = 200;

interface Flood {
  readonly key: string;
  readonly value: string;
  readonly error: string;
  refused: number;
}

/** Writes without a pause until `enough`; returns how many writes and bytes passed. */
async function flood(
  t: Test,
  port: number,
  what: Flood,
  enough: () => boolean,
): Promise<{ writes: number; bytes: number }> {
  const { key, value, error } = what;
  const client = await withRaw(t, port);
  const passed = { writes: 0, bytes: 0 };
  while (!enough()) {
    const batch = Array.from({ length: DEPTH }, (_, i) => command('SET', `${key}:${i}`, value));
    void client.write(Buffer.concat(batch));
    for (const [i, reply] of (await client.readReplies(DEPTH)).map(String).entries()) {
      if (reply === error) what.refused++;
      else if (reply !== '+OK\r\n') throw new Error(reply);
      else {
        passed.writes++;
        passed.bytes += batch[i].length;
      }
    }
  }
  return passed;
}

for (const pool of POOLS) {
  for (const workers of [1, 2]) {
    // npm test plays each pool and each number once.
    if (!FULL && (pool === 'session') === (workers === 1)) continue;
    t.test(`pool ${pool}, ${workers} workers: no more passes than comes, and all of it does`, async (t) => {
      const redis = await withRedis(t);
      const config = {
        upstream: { url: `redis://127.0.0.1:${redis.port}`, pool },
        workers,
        rules: RATES,
        // Nothing else refuses here.
        memory: { shedWhen: 'never' },
      };
      const proxy = await withProxyProcess(t, { config });
      const limits = async () => (await proxy.admin('/api/memory')).limits;
      const came = ([counted, weighed]: readonly LimitSnapshot[]) =>
        (counted?.writesTaken ?? 0) >= 3 * WRITES && (weighed?.bytesTaken ?? 0) >= 3 * BYTES;
      const began = performance.now();
      let done = false;
      const kinds: Flood[] = [
        { key: 'counted', value: 'v', error: OOM, refused: 0 },
        { key: 'weighed', value: 'v'.repeat(1000), error: `-${BUSY}\r\n`, refused: 0 },
      ];
      const floods = kinds.map((what) =>
        Promise.all([1, 2, 3, 4].map(() => flood(t, proxy.port, what, () => done))),
      );
      await until(async () => came(await limits()) && kinds.every(({ refused }) => refused > 0), {
        describe: 'three seconds of each rate to pass, and the rest to be refused',
      });
      done = true;
      const [counted, weighed] = (await Promise.all(floods)).map((each) => ({
        writes: each.reduce((sum, { writes }) => sum + writes, 0),
        bytes: each.reduce((sum, { bytes }) => sum + bytes, 0),
      }));
      const seconds = (performance.now() - began) / 1000;
      const expected = [
        { rule: 'counted', writesPerSecond: WRITES, bytesPerSecond: null, writesTaken: counted?.writes },
        { rule: 'weighed', writesPerSecond: null, bytesPerSecond: BYTES, bytesTaken: weighed?.bytes },
      ];
      // Workers tell what they took a moment later.
      await until(async () => {
        const [writes, bytes] = await limits();
        return writes?.writesTaken === counted?.writes && bytes?.bytesTaken === weighed?.bytes;
      }).catch(() => {});
      t.match(await limits(), expected, 'what was answered OK was taken, and nothing else');
      // One second's worth at once. Of two workers one may be held up: then the other takes what it does not hear of.
      const most = (seconds + 1) * (workers === 1 ? 1 : 1.5);
      t.ok((counted?.writes ?? 0) <= WRITES * most, `${counted?.writes} writes in ${seconds} s`);
      t.ok((weighed?.bytes ?? 0) <= BYTES * most + 4 * 1100, `${weighed?.bytes} bytes in ${seconds} s`);
      const stats = await proxy.admin('/api/stats');
      t.equal(stats.rules[0]?.writes, counted?.writes);
      for (const [i, { name, shedBy }] of stats.rules.entries())
        t.equal(shedBy.rate, kinds[i].refused, `${name}: refused by its rate`);
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
  const limited = (limit: Record<string, unknown>, rest: Record<string, unknown> = {}) => [
    { name: 'debug', match: 'debug:*', ttl: '1h', limit, ...rest },
  ];
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
  const stats = await proxy.admin('/api/stats');
  t.ok((stats.rules[0]?.wouldShedBy.rate ?? 0) > 0);
  t.match(stats.rules[0]?.shedBy, { value: 1, rate: 1 });
});
