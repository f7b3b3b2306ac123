// One client's socket, by real connections: how it is read, what it delivers, and how it ends.
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { AddedLatency } from '../../../src/wire/added-latency.js';
import { BulkTurns } from '../../../src/wire/bulk-turns.js';
import { ClientSocket, type ClientSocketUser } from '../../../src/wire/client/client-socket.js';
import { listen } from '../../support/listen.js';
import { until } from '../../support/wait.js';

const MIB = 1024 ** 2;

/** A link that keeps what it is told, and reads the client on when it is its turn. */
class Link implements ClientSocketUser {
  client: ClientSocket | undefined;
  readonly told: string[] = [];
  bytes = 0;
  turns = 0;

  fromClient(chunk: Buffer): void {
    this.bytes += chunk.length;
  }

  clientHasItsTurn(): void {
    this.turns++;
    this.client?.resume();
  }

  clientEnded(): void {
    this.told.push('ended');
  }

  clientSilent(): void {
    this.told.push('silent');
  }

  clientDrained(): void {
    this.told.push('drained');
  }

  close(): void {
    if (!this.told.includes('closed')) this.told.push('closed');
  }
}

async function lab(t: Test, idleTimeoutMs = 0) {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  const port = await listen(server);
  const far = net.connect({ port, allowHalfOpen: true });
  const seen = { bytes: 0, end: false, reset: false };
  far.on('data', (chunk) => {
    seen.bytes += chunk.length;
  });
  far.on('end', () => {
    seen.end = true;
  });
  far.on('error', () => {
    seen.reset = true;
  });
  const [socket] = (await once(server, 'connection')) as [Socket];
  const link = new Link();
  const counters = { bytesToClients: 0 };
  const client = new ClientSocket(
    { socket, raw: socket, source: 'test' },
    {
      ...{ idleTimeoutMs, counters, upstream: { keepAliveMs: 0 } },
      bulkTurns: new BulkTurns(),
      added: new AddedLatency(() => {}),
    },
    link,
  );
  link.client = client;
  t.teardown(() => {
    client.destroy(false);
    far.destroy();
    server.close();
  });
  const write = (bytes: number): boolean => {
    client.batch.write(Buffer.alloc(bytes, 'x'), 0, bytes);
    return client.flush();
  };
  return { client, link, far, seen, counters, write };
}

t.test('a client that sends much is read in its turn', async (t) => {
  const { client, link, far } = await lab(t);
  far.write(Buffer.alloc(4 * MIB));
  await until(() => link.bytes === 4 * MIB);
  t.ok(link.turns > 0, `${link.turns} turns`);
  t.equal(client.mayRead, true);
});

t.test('paused it is not read', async (t) => {
  const { client, link, far } = await lab(t);
  client.pause();
  t.equal(client.isPaused, true);
  far.write('1');
  client.resume();
  await until(() => link.bytes === 1);
});

t.test(
  'what a client does not read waits; of the server’s replies any number, of Spillway’s own only so many',
  async (t) => {
    const { client, link, far, seen, counters, write } = await lab(t);
    far.pause();
    let sent = 0;
    for (; client.waiting === 0; sent += MIB) write(MIB);
    for (let i = 0; i < 20; i++, sent += MIB) {
      client.hasReplies = true;
      write(MIB);
    }
    t.equal(client.mayRead, true, 'the server stops by itself');
    for (let i = 0; i < 16; i++, sent += MIB) write(MIB);
    t.equal(client.mayRead, false);
    far.resume();
    await until(() => seen.bytes === sent);
    await until(() => link.told.length > 0);
    t.same(link.told, ['drained']);
    t.equal(client.mayRead, true);
    t.equal(counters.bytesToClients, sent);
  },
);

t.test('its end is behind all that waits for it', async (t) => {
  const { client, link, far, seen, write } = await lab(t);
  far.pause();
  let sent = 0;
  for (; client.waiting === 0; sent += MIB) write(MIB);
  client.finish();
  far.resume();
  await until(() => seen.end);
  t.equal(seen.bytes, sent);
  far.end();
  await until(() => link.told.includes('closed'));
});

t.test('after our end the client has a while for its own', async (t) => {
  const { client, link, far, seen, write } = await lab(t);
  write(10);
  client.linger();
  await until(() => seen.end);
  far.write('read, so that nothing is reset');
  await until(() => link.bytes > 0);
  t.equal(seen.reset, false);
  far.end();
  await until(() => client.hasEnded);
  await until(() => link.told.includes('closed'), { describe: 'the link to be told to close' });
});

t.test('a client that ends may still be answered', async (t) => {
  const { client, link, far, seen, write } = await lab(t);
  far.end('last');
  await until(() => client.hasEnded);
  t.same(link.told, ['ended']);
  write(10);
  await until(() => seen.bytes === 10);
});

t.test('a reset is seen as one, an orderly end as an end', async (t) => {
  const [broken, orderly] = [await lab(t), await lab(t)];
  broken.client.destroy(true);
  orderly.client.destroy(false);
  await until(() => broken.seen.reset);
  await until(() => orderly.seen.end);
  t.equal(orderly.seen.reset, false);
});

t.test('silence is told each time that it has lasted', async (t) => {
  const { link, client, far, write } = await lab(t, 20);
  const silences = () => link.told.filter((what) => what === 'silent').length;
  await until(() => silences() === 1);
  far.write('1');
  await until(() => silences() === 2);
  write(1);
  await until(() => silences() === 3);
  client.setIdleTimeout(0);
});
