// Clients that give up while the server is silent on their own connections: as soon as the server has answered elsewhere,
// they count no more. A server that is only slow is waited for.
import t from 'tap';
import { withInfoRelay } from '../support/info-relay.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const QUICK = { pollInterval: '50ms' };

for (const pool of POOLS) {
  for (const workers of pool === 'session' ? [1, 2] : [1]) {
    t.test(`clients of silent connections, ${pool} pooling, ${workers} worker(s)`, async (t) => {
      const redis = await withRedis(t);
      const relay = await withInfoRelay(t, redis.port);
      const upstream = { url: `redis://127.0.0.1:${relay.port}`, pool, responseTimeout: '200ms' };
      const proxy = await withProxy(t, { redis, config: { upstream, workers, memory: QUICK } });
      const connections = () => proxy.admin('/api/connections');
      const clients = await Promise.all(Array.from({ length: 8 }, () => withRaw(t, proxy.port)));
      // Each has a connection of its own, with command pooling, too.
      for (const client of clients) await client.call('WATCH', 'k');
      relay.silence();
      for (const [i, client] of clients.entries()) {
        // Some wait for a reply, some have nothing under way.
        if (i % 2 === 0) void client.write(command('GET', 'k'));
        client.socket.end();
      }
      await until(async () => (await connections()).clients === 0, {
        timeoutMs: 20_000,
        describe: 'no client to count any more',
      });
      t.equal((await connections()).clientsGivenUp, 8);
      const after = await withRaw(t, proxy.port);
      t.equal(String(await after.call('SET', 'k', 'v')), '+OK\r\n', 'others are served');
    });
  }

  t.test(`a half-closed client waits for a slow server, ${pool} pooling`, async (t) => {
    const redis = await withRedis(t, ['--lua-time-limit', '50']);
    const upstream = { url: `redis://127.0.0.1:${redis.port}`, pool, responseTimeout: '100ms' };
    const proxy = await withProxy(t, { redis, config: { upstream, memory: QUICK } });
    const client = await withRaw(t, proxy.port);
    await client.call('WATCH', 'k');
    const until =
      "local e = redis.call('TIME')[1] + 1 while tonumber(redis.call('TIME')[1]) < e do end return 'done'";
    void client.write(command('EVAL', until, 0));
    client.socket.end();
    t.equal(String(await client.readUntilClosed()), '$4\r\ndone\r\n');
  });
}
