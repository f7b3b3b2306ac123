// Real clients share connections: fifty of each library log in, choose a database, name themselves and work, and the
// server sees a handful of connections. What they say when they connect must not tie them to one of their own.
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import t, { type Test } from 'tap';
import { Program } from '../conformance/clients/program.js';
import { ensurePythonRedis } from '../conformance/clients/python-redis.js';
import { withProxy } from '../support/proxy.js';
import { withRedis } from '../support/redis.js';
import { lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';

const CLIENTS = 50;
const SHARED = 2;
const WHO = { username: 'app', password: 'secret' } as const;
const PYTHON = `
import redis, sys
clients = [redis.Redis(port=int(sys.argv[1]), db=1, username='app', password='secret', client_name='py',
                       single_connection_client=True) for _ in range(int(sys.argv[2]))]
for line in sys.stdin:
    n = line.strip()
    for i, client in enumerate(clients):
        client.set(f'py:{i}', n)
        client.incr('py:n')
        client.expire('py:n', 100)
    print(n, ' '.join(client.get(f'py:{i}').decode() for i, client in enumerate(clients)), flush=True)
`;

/** Lets every client write and read; `n` tells the rounds apart. Returns what each has read. */
type Round = (n: number) => Promise<readonly (string | null)[]>;

const LIBRARIES: Readonly<Record<string, (t: Test, port: number) => Promise<Round>>> = {
  'ioredis, RESP2': (t, port) => ioredis(t, port, 2),
  'ioredis, RESP3': (t, port) => ioredis(t, port, 3),
  'node-redis, RESP2': (t, port) => nodeRedis(t, port, 2),
  'node-redis, RESP3': (t, port) => nodeRedis(t, port, 3),
  async 'redis-py'(t, port) {
    const python = await ensurePythonRedis((line) => t.comment(line));
    const program = new Program(python, ['-c', PYTHON, String(port), String(CLIENTS)], (close) =>
      t.teardown(() => void close()),
    );
    return async (n) => {
      program.write(`${n}\n`);
      const said = await program.says((stdout) => stdout.split('\n').length > n);
      return said.split('\n')[n - 1]?.split(' ').slice(1) ?? [];
    };
  },
};

async function ioredis(t: Test, port: number, protocol: 2 | 3): Promise<Round> {
  const options = { ...WHO, port, protocol, db: 1, connectionName: 'io', clientInfoTag: 'tag' };
  const clients = Array.from({ length: CLIENTS }, () => new Redis(options));
  t.teardown(() => {
    for (const client of clients) client.disconnect();
  });
  return (n) =>
    Promise.all(
      clients.map(async (client, i) => {
        await client.set(`io:${i}`, n);
        await client.pipeline().incr('io:n').expire('io:n', 100).exec();
        return client.get(`io:${i}`);
      }),
    );
}

async function nodeRedis(t: Test, port: number, RESP: 2 | 3): Promise<Round> {
  const clients = Array.from({ length: CLIENTS }, () =>
    createClient({ ...WHO, socket: { port }, RESP, database: 1, name: 'node', clientInfoTag: 'tag' }),
  );
  t.teardown(() => {
    for (const client of clients) client.destroy();
  });
  for (const client of clients) client.on('error', (error) => t.fail(String(error)));
  await Promise.all(clients.map((client) => client.connect()));
  return (n) =>
    Promise.all(
      clients.map(async (client, i) => {
        await client.set(`node:${i}`, n);
        await Promise.all([client.incr('node:n'), client.expire('node:n', 100)]);
        return client.get(`node:${i}`);
      }),
    );
}

for (const [name, start] of Object.entries(LIBRARIES)) {
  t.test(name, { timeout: 60_000 }, async (t) => {
    const redis = await withRedis(t);
    const look = await lookAt(t, redis);
    await look.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all');
    const proxy = await withProxy(t, {
      redis,
      config: { upstream: { pool: 'command', sharedConnections: SHARED } },
    });
    // The monitor's, this test's own, and those of the clients.
    const connections = async () =>
      Number(/connected_clients:(\d+)/.exec(String(await look.call('INFO', 'clients')))?.[1]) - 2;
    const round = await start(t, proxy.port);
    t.same(await round(1), Array<string>(CLIENTS).fill('1'));
    const pool = () => proxy.admin('/api/connections');
    t.match(await pool(), { clients: CLIENTS });
    let seen = 0;
    const few = async () => {
      seen = await connections();
      return seen <= SHARED;
    };
    await until(few, { timeoutMs: 20_000, describe: () => `${seen} connections to be ${SHARED}` });
    for (const n of [2, 3, 4]) {
      t.same(await round(n), Array<string>(CLIENTS).fill(String(n)));
      t.ok((await connections()) <= SHARED, `${seen} connections for ${CLIENTS} clients`);
    }
    t.match(await pool(), { clients: CLIENTS, pool: { clientsSharing: CLIENTS, clientsPinned: 0 } });
  });
}
