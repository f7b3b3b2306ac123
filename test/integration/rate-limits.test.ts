// Rates of rules on a real server: writers that know no bounds get what the rule allows, over ten seconds and in every second of
// them, from one process and from two together, and so do two rules at a time. A reload to another rate counts at once.
import t from 'tap';
import type { MemorySnapshot } from '../../src/memory/snapshot.js';
import { POOLS } from '../support/proxy.js';
import { startProxyProcess } from '../support/proxy-process.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const SECONDS = 10;
const WRITES = 500;
const BYTES = 200 * 1024;
const RULES = [
  { name: 'counted', match: 'counted:*', durable: true, limit: { writes: `${WRITES}/s` } },
  { name: 'weighed', match: 'weighed:*', durable: true, limit: { bytes: '200kb/s', error: 'BUSY too fast' } },
];
/** In flight at a time, of each writer. */
const DEPTH = 20;
/** Workers hear of each other every 50 ms; what is on its way is paid back. */
const ON_THE_WAY = 0.1;

interface Writer {
  /** Of each batch: when it was answered, and what of it was let in. */
  readonly passed: { readonly at: number; readonly amount: number }[];
}

async function flood(
  t: Parameters<typeof withRaw>[0],
  port: number,
  key: string,
  value: string,
  amount: (bytes: number) => number,
  error: RegExp,
): Promise<Writer> {
  const client = await withRaw(t, port, 30_000);
  const passed: { at: number; amount: number }[] = [];
  const end = performance.now() + SECONDS * 1000;
  for (let n = 0; performance.now() < end; n++) {
    const batch = Array.from({ length: DEPTH }, (_, i) => command('SET', `${key}:${n % 50}:${i}`, value));
    void client.write(Buffer.concat(batch));
    const replies = (await client.readReplies(DEPTH)).map(String);
    const strange = replies.find((reply) => reply !== '+OK\r\n' && !error.test(reply));
    if (strange !== undefined) throw new Error(strange);
    const let_in = batch.reduce(
      (sum, { length }, i) => sum + (replies[i] === '+OK\r\n' ? amount(length) : 0),
      0,
    );
    passed.push({ at: performance.now(), amount: let_in });
  }
  return { passed };
}

for (const pool of POOLS) {
  for (const workers of [1, 2]) {
    t.test(`${pool} pooling, ${workers} worker(s)`, async (t) => {
      const redis = await withRedis(t, ['--maxmemory', '200mb']);
      const proxy = await startProxyProcess({
        config: { upstream: { url: `redis://127.0.0.1:${redis.port}`, pool }, workers, rules: RULES },
      });
      t.teardown(() => proxy.stop());
      const began = performance.now();
      const [counted, weighed] = await Promise.all(
        [
          { key: 'counted', value: 'v', amount: () => 1, error: /^-OOM/ },
          {
            key: 'weighed',
            value: 'v'.repeat(1000),
            amount: (bytes: number) => bytes,
            error: /^-BUSY too fast/,
          },
        ].map(({ key, value, amount, error }) =>
          Promise.all([1, 2, 3, 4].map(() => flood(t, proxy.port, key, value, amount, error))),
        ),
      );
      const sumOf = (writers: readonly Writer[]) =>
        writers.flatMap(({ passed }) => passed).reduce((sum, { amount }) => sum + amount, 0);
      const limits = async () => ((await proxy.admin('/api/memory')) as MemorySnapshot).limits;
      // Workers tell of what they took a moment later.
      await until(async () => (await limits())[0]?.writesTaken === sumOf(counted)).catch(() => {});
      t.match(await limits(), [
        { rule: 'counted', writesPerSecond: WRITES, bytesPerSecond: null, writesTaken: sumOf(counted) },
        { rule: 'weighed', writesPerSecond: null, bytesPerSecond: BYTES, bytesTaken: sumOf(weighed) },
      ]);
      for (const [what, writers, rate] of [
        ['writes', counted, WRITES],
        ['bytes', weighed, BYTES],
      ] as const) {
        const passed = writers.flatMap((writer) => writer.passed).sort((a, b) => a.at - b.at);
        const seconds = (passed.at(-1)?.at ?? began) / 1000 - began / 1000;
        const sum = passed.reduce((all, { amount }) => all + amount, 0);
        const most = rate * (seconds + 1 + ON_THE_WAY * workers);
        t.ok(
          sum <= most,
          `${Math.round(sum)} ${what} in ${seconds.toFixed(1)} s, ${Math.round(most)} at most`,
        );
        t.ok(sum >= 0.9 * rate * seconds, `${Math.round(sum)} ${what}, nearly all that are allowed`);
        const second = passed.filter(({ at }) => at - began > 2000);
        for (let from = 0, until = 0, inside = 0; until < second.length; until++) {
          inside += second[until].amount;
          while (second[until].at - second[from].at > 1000) inside -= second[from++].amount;
          // Arrived in the second, what the second before left, and what was answered late.
          if (inside > 2.5 * rate) t.fail(`${inside} ${what} within a second`);
        }
      }
    });
  }
}
