// What a client is owed reaches it before its connection ends: the reason of a server that refuses a request and closes while
// more of it is on its way, and earlier replies where the next command has no connection.
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { ConnectionSnapshot } from '../../src/observe/snapshots/connections.js';
import { withFolder } from '../support/folder.js';
import { withProxy } from '../support/proxy.js';
import { command, connectRaw, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const TRIES = 40;
const REASON = '-ERR Protocol error: unauthenticated bulk length\r\n';

t.test('a large command before authentication', async (t) => {
  const redis = await withRedis(t, ['--requirepass', 'secret']);
  const proxy = await withProxy(t, { redis, config: { rules: [{ name: 'every', match: '*', ttl: '1h' }] } });
  const large = command('SET', 'k', Buffer.alloc(100_000, 'v'));
  const seen = new Map<string, number>();
  for (let i = 0; i < TRIES; i++) {
    const client = await connectRaw(proxy.port);
    void client.write(large);
    const said = String(await client.readUntilClosed());
    seen.set(said, (seen.get(said) ?? 0) + 1);
    client.destroy();
  }
  t.same([...seen], [[REASON, TRIES]]);
});

t.test('replies on their way reach a client for whose next command there is no connection', async (t) => {
  const redis = await withRedis(t);
  const directory = withFolder(t);
  // Together less than what makes a client leave its shared connection, and more than a unix socket holds.
  const value = 'v'.repeat(75_000);
  const look = await withRaw(t, redis.port);
  await look.call('SET', 'k', value);
  const ways = ['127.0.0.1:0', `unix:${join(directory, 'spillway.sock')}`].flatMap((listen) =>
    (['MULTI', 'GET'] as const).map((last) => ({ listen, last })),
  );
  for (const { listen, last } of ways) {
    await t.test(`${listen.startsWith('unix') ? 'unix socket' : 'TCP'}, ${last}`, async (t) => {
      const near = new Set<Socket>();
      const relay = net.createServer((socket) => {
        const far = net.connect(redis.port, '127.0.0.1');
        for (const one of [socket, far]) one.on('error', () => {});
        socket.on('close', () => far.destroy());
        socket.pipe(far).pipe(socket);
        near.add(socket);
      });
      await once(relay.listen(0, '127.0.0.1'), 'listening');
      t.teardown(() => relay.close());
      const { port } = relay.address() as AddressInfo;
      const proxy = await withProxy(t, {
        redis: { port },
        config: { listen, upstream: { pool: 'command' } },
      });
      const path = listen.slice('unix:'.length);
      const client = net.connect(listen.startsWith('unix') ? { path } : { port: proxy.port });
      t.teardown(() => client.destroy());
      let error: Error | undefined;
      client.on('error', (reason) => {
        error = reason;
      });
      await once(client, 'connect');
      const got: Buffer[] = [];
      client.on('data', (bytes: Buffer) => got.push(bytes));
      client.write(command('PING'));
      await until(() => Buffer.concat(got).toString() === '+PONG\r\n');
      got.length = 0;
      client.pause();
      const connections = async () => (await proxy.admin('/api/connections')) as ConnectionSnapshot;
      const before = await connections();
      client.write(Buffer.concat([1, 2, 3].map(() => command('GET', 'k'))));
      const isAnswered = async () =>
        (await connections()).bytesFromUpstream >= before.bytesFromUpstream + 3 * value.length;
      await until(isAnswered, { describe: 'the replies to be on their way' });
      relay.close();
      if (last === 'GET') for (const socket of near) socket.destroy();
      client.write(command(last, ...(last === 'GET' ? ['k'] : [])));
      await until(async () => (await connections()).upstreamFailures > before.upstreamFailures, {
        describe: 'no connection to be had',
      });
      client.resume();
      await once(client, 'close');
      t.equal(error, undefined, 'no reset');
      t.equal(Buffer.concat(got).toString(), `$75000\r\n${value}\r\n`.repeat(3));
    });
  }
});
