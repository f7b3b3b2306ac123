// What the proxy says of itself, in both pool modes: what it adds to commands and replies, how late its event loop is,
// what it holds in memory.
import t from 'tap';
import type { ConnectionSnapshot } from '../../src/observe/snapshots/connections.js';
import type { StatsSnapshot } from '../../src/observe/stats/snapshot.js';
import { POOLS, type TestProxy, withProxy } from '../support/proxy.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const redis = await withRedis(t);
const LARGE = 8 * 1024 * 1024;

async function ownTimes(proxy: TestProxy): Promise<StatsSnapshot['ownTimes']> {
  return (await proxy.admin('/api/stats')).ownTimes;
}

/** Resolves when what is held is as `wanted` says. */
async function held(proxy: TestProxy, wanted: (held: ConnectionSnapshot) => boolean): Promise<void> {
  let last = '';
  await until(
    async () => {
      const connections = await proxy.admin('/api/connections');
      const { heldReplyBytes, heldCommandBytes, stalledCommandBytes } = connections;
      last = JSON.stringify({ heldReplyBytes, heldCommandBytes, stalledCommandBytes });
      return wanted(connections);
    },
    { describe: () => last },
  );
}

const nothing = ({ heldReplyBytes, heldCommandBytes, stalledCommandBytes }: ConnectionSnapshot): boolean =>
  heldReplyBytes === 0 && heldCommandBytes === 0 && stalledCommandBytes === 0;

for (const pool of POOLS) {
  t.test(`${pool} pooling: both ways are timed, and the event loop`, async (t) => {
    const proxy = await withProxy(t, { redis, config: { workers: 1, upstream: { pool } } });
    const client = await withRaw(t, proxy.port);
    const timed = async (): Promise<boolean> => {
      for (let i = 0; i < 130; i++) {
        await client.write('PING\r\n');
        await client.readReplies(1);
      }
      const { requests, replies } = await ownTimes(proxy);
      return requests.samples > 0 && replies.samples > 0;
    };
    await until(timed, { describe: 'a sample of each way' });
    await until(async () => (await ownTimes(proxy)).eventLoopDelay.samples > 0);

    const { requests, replies, eventLoopDelay } = await ownTimes(proxy);
    for (const { samples, sumSeconds, buckets, maxMs } of [requests, replies, eventLoopDelay]) {
      t.ok(sumSeconds > 0 && maxMs !== null && maxMs > 0);
      t.ok(buckets.every(({ count }, i) => count >= (buckets[i - 1]?.count ?? 0) && count <= samples));
    }
    await held(proxy, nothing);
  });

  t.test(`${pool} pooling: replies that a client does not take are held, and then not`, async (t) => {
    const proxy = await withProxy(t, { redis, config: { workers: 1, upstream: { pool } } });
    const client = await withRaw(t, proxy.port);
    await client.write(command('SET', 'large', Buffer.alloc(LARGE)));
    await client.readReplies(1);
    client.socket.pause();
    await client.write(command('GET', 'large'));
    await held(proxy, ({ heldReplyBytes }) => heldReplyBytes > 0);
    client.socket.resume();
    await client.readReplies(1);
    await held(proxy, nothing);
  });

  t.test(
    `${pool} pooling: commands that a stopped server does not take are held, and then not`,
    async (t) => {
      const proxy = await withProxy(t, { redis, config: { workers: 1, upstream: { pool } } });
      const client = await withRaw(t, proxy.port, 20_000);
      await client.write('PING\r\n');
      await client.readReplies(1);
      process.kill(redis.pid, 'SIGSTOP');
      t.teardown(() => process.kill(redis.pid, 'SIGCONT'));
      void client.write(command('SET', 'large', Buffer.alloc(LARGE)));
      await held(
        proxy,
        ({ heldCommandBytes, stalledCommandBytes }) => heldCommandBytes + stalledCommandBytes > 0,
      );
      process.kill(redis.pid, 'SIGCONT');
      t.same(await client.readReplies(1), [Buffer.from('+OK\r\n')]);
      await held(proxy, nothing);
    },
  );
}
