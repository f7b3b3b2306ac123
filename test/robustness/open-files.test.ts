// A process that may open few files, and more clients than it has files for: as many as can be are served, all others are
// told so in Redis's words, as by a Redis with the same limit; the admin server answers, and no worker ends.
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import t from 'tap';
import type { ConnectionSnapshot } from '../../src/observe/snapshots/connections.js';
import { Authority } from '../support/certificates.js';
import { withProxyProcess } from '../support/proxy-process.js';
import { connectRaw, doors, type RawClient } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';
import { descriptors, starve } from './bound/proc.js';

/** To start at all takes some 140: Node reads many of the program’s files at a time. */
const OPEN_FILES = 256;
const CLIENTS = 520;
const MAX_CLIENTS_ERROR = '-ERR max number of clients reached\r\n';

t.jobs = 2;
const redis = await withRedis(t);
const authority = await Authority.create(t);
const listenTls = await authority.issue('proxy');

const MODES = [
  { workers: 1, pool: 'session', secure: false },
  { workers: 1, pool: 'command', secure: false },
  { workers: 2, pool: 'session', secure: true },
  { workers: 2, pool: 'command', secure: false },
];

for (const { workers, pool, secure } of MODES) {
  t.test(`workers ${workers}, pool ${pool}${secure ? ', TLS' : ''}`, { timeout: 120_000 }, async (t) => {
    const proxy = await withProxyProcess(t, {
      config: {
        upstream: { url: `redis://127.0.0.1:${redis.port}`, pool },
        workers,
        ...(secure && { listenTls }),
      },
      openFiles: OPEN_FILES,
    });
    if (secure) {
      const at = {
        port: proxy.port,
        host: '127.0.0.1',
        ca: readFileSync(authority.ca),
        allowHalfOpen: true,
      };
      doors.set(proxy.port, { open: () => tls.connect(at).setNoDelay(true), opened: 'secureConnect' });
    }
    const figures = async (): Promise<ConnectionSnapshot> => await proxy.admin('/api/connections');
    const { clientsLimit } = await figures();
    t.ok(
      clientsLimit >= 10 * workers && 2 * clientsLimit < OPEN_FILES * workers,
      `${clientsLimit} are served`,
    );
    t.match(
      proxy.log(),
      `limits.maxClients is lowered to ${clientsLimit}: the process may not open more files`,
    );

    const served: RawClient[] = [];
    const told: string[] = [];
    const come = async (): Promise<void> => {
      let client: RawClient;
      try {
        client = await connectRaw(proxy.port, 30_000);
      } catch {
        // By TLS nobody can be told before the handshake, as with Redis.
        told.push(MAX_CLIENTS_ERROR);
        return;
      }
      // With command pooling it has a connection of its own from now on.
      const reply = String(await client.call('WATCH', 'key').catch(() => client.peek()));
      if (reply === '+OK\r\n') {
        served.push(client);
        return;
      }
      told.push(reply);
      client.destroy();
    };
    // Nobody is first, and all at once they are more than files are left.
    await Promise.all(Array.from({ length: CLIENTS }, come));
    t.equal(served.length, clientsLimit);
    t.ok(
      told.every((text) => text === MAX_CLIENTS_ERROR),
      'everybody else is told why',
    );
    t.match(await figures(), {
      clients: clientsLimit,
      clientsRejected: CLIENTS - clientsLimit,
      upstreamFailures: 0,
    });
    for (const client of served) t.equal(String(await client.call('PING')), '+PONG\r\n');
    proxy.signal('SIGHUP');
    await until(async () => (await proxy.admin('/api/config')).reloads === 1);
    t.match(await proxy.admin('/api/workers'), {
      configured: workers,
      running: workers,
      restarts: 0,
      silent: 0,
    });
    const metrics = await fetch(`http://127.0.0.1:${proxy.adminPort}/metrics`);
    t.match(await metrics.text(), `spillway_clients_limit ${clientsLimit}\n`);
    for (const client of served) client.destroy();
    await until(async () => (await figures()).clients === 0);
    const next = await connectRaw(proxy.port);
    t.equal(String(await next.call('PING')), '+PONG\r\n', 'there is room again');
    next.destroy();
    t.notMatch(proxy.log(), /"level":(50|60)/);
  });
}

for (const workers of [1, 2]) {
  t.test(`workers ${workers}: each client has a user of its own`, { timeout: 120_000 }, async (t) => {
    const proxy = await withProxyProcess(t, {
      config: {
        upstream: { url: `redis://127.0.0.1:${redis.port}`, pool: 'command', sharedConnections: 4 },
        workers,
      },
      openFiles: OPEN_FILES,
    });
    const figures = async (): Promise<ConnectionSnapshot> => await proxy.admin('/api/connections');
    const { clientsLimit } = await figures();
    const look = await connectRaw(redis.port);
    const served: RawClient[] = [];
    for (let i = 0; i < clientsLimit; i++) {
      await look.call('ACL', 'SETUSER', `user${i}`, 'on', '>secret', '~*', '+@all');
      const client = await connectRaw(proxy.port, 30_000);
      const reply = String(await client.call('AUTH', `user${i}`, 'secret').catch(() => client.peek()));
      if (reply !== '+OK\r\n') {
        t.equal(reply, MAX_CLIENTS_ERROR);
        client.destroy();
        continue;
      }
      served.push(client);
      // It shares now, if it may: once for what the server may put off, and once for the rest.
      t.equal(String(await client.call('GET', 'nothing')), '$-1\r\n');
      t.equal(String(await client.call('SET', 'something', String(i))), '+OK\r\n');
    }
    t.ok(served.length >= (clientsLimit * 3) / 4, `${served.length} of ${clientsLimit} are served`);
    const { pool } = await figures();
    t.ok(pool !== null && pool.clientsSharing > 0 && pool.clientsSharing < served.length);
    // All of them need a connection of their own at once, and then none any more.
    const replies = served.map((client) => client.call('WATCH', 'something'));
    for (const reply of await Promise.all(replies)) t.equal(String(reply), '+OK\r\n');
    for (const client of served) t.equal(String(await client.call('GET', 'nothing')), '$-1\r\n');
    for (const client of served) t.equal(String(await client.call('UNWATCH')), '+OK\r\n');
    for (const client of served) t.equal(String(await client.call('GET', 'nothing')), '$-1\r\n');
    t.match(await figures(), { clients: served.length, upstreamFailures: 0 });
    t.notMatch(proxy.log(), /"level":(50|60)/);
    for (const client of [...served, look]) client.destroy();
  });
}

for (const { workers, pool } of MODES) {
  t.test(
    `workers ${workers}, pool ${pool}: no descriptor left for a while`,
    { timeout: 120_000 },
    async (t) => {
      const proxy = await withProxyProcess(t, {
        config: { upstream: { url: `redis://127.0.0.1:${redis.port}`, pool }, workers },
      });
      const figures = async (): Promise<ConnectionSnapshot> => await proxy.admin('/api/connections');
      const pids = (await proxy.admin('/api/workers')).workers.map(({ pid }) => pid);
      const all = [...new Set([proxy.pid, ...pids])];
      // Connected all the time, one to each worker.
      const standing = await Promise.all(Array.from({ length: 2 * workers }, () => connectRaw(proxy.port)));
      const isServed = async (): Promise<void> => {
        for (const client of standing) t.equal(String(await client.call('PING')), '+PONG\r\n');
      };
      await isServed();
      // The admin server keeps a connection of the test's.
      const before = all.map((pid) => descriptors(pid) + (pid === proxy.pid ? 1 : 0));
      for (const starved of [all, pids, [proxy.pid]]) {
        for (const spare of [0, 1, 2]) {
          const feed = starved.map((pid) => starve(pid, spare));
          // More than one for each worker: a client that it could not take must not be the last that it is given.
          const come = async (): Promise<void> => {
            const client = await connectRaw(proxy.port).catch(() => undefined);
            // With command pooling it has a connection of its own from now on.
            const answer = await client?.call('WATCH', 'key').catch(() => client.peek());
            t.match(String(answer ?? ''), /^(\+OK\r\n|-ERR max number of clients reached\r\n|)$/);
            client?.destroy();
          };
          for (let i = 0; i < 6 * workers; i++) await come();
          await isServed();
          for (const end of feed) end();
          await until(async () => {
            const client = await connectRaw(proxy.port).catch(() => undefined);
            const reply = await client?.call('PING').catch(() => undefined);
            client?.destroy();
            return String(reply) === '+PONG\r\n';
          });
          const next = await Promise.all(Array.from({ length: 4 * workers }, () => connectRaw(proxy.port)));
          for (const client of next) t.equal(String(await client.call('GET', 'nothing')), '$-1\r\n');
          for (const client of next) client.destroy();
          await until(async () => (await figures()).clients === standing.length);
        }
      }
      t.match(await proxy.admin('/api/workers'), { running: workers, restarts: 0, silent: 0 });
      await until(() => all.every((pid, i) => descriptors(pid) <= (before[i] ?? 0)), {
        describe: () => `no descriptor more: ${before} before, ${all.map(descriptors)} now`,
      });
      for (const client of standing) client.destroy();
    },
  );
}

t.test(
  'with a small heap, as many clients are accepted as fit, and none ends the process',
  { timeout: 120_000 },
  async (t) => {
    const proxy = await withProxyProcess(t, {
      config: { upstream: { url: `redis://127.0.0.1:${redis.port}` }, workers: 1 },
      nodeArgs: ['--max-old-space-size=52'],
    });
    const { clientsLimit } = await proxy.admin('/api/connections');
    t.ok(clientsLimit >= 8 && clientsLimit < 1000, `${clientsLimit} are served`);
    t.match(proxy.log(), `limits.maxClients is lowered to ${clientsLimit}: node's heap has no room for more`);
    const clients = await Promise.all(
      Array.from({ length: clientsLimit + 50 }, () => connectRaw(proxy.port, 30_000)),
    );
    const replies = await Promise.all(
      clients.map(async (client) => String(await client.call('PING').catch(() => client.peek()))),
    );
    t.equal(replies.filter((reply) => reply === '+PONG\r\n').length, clientsLimit);
    t.equal(replies.filter((reply) => reply === MAX_CLIENTS_ERROR).length, 50);
    for (const client of clients) client.destroy();
  },
);
