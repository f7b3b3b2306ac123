// Clients that write their whole pipeline before they read a byte, as blocking clients do: whatever Spillway waits for
// meanwhile must not be what it has paused because of them. Random pipelines, greetings and sizes, by TCP, TLS and unix
// socket; in both pooling modes, by SPILLWAY_POOL. SPILLWAY_SEED repeats a run.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import t from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { Authority } from '../support/certificates.js';
import { withFolder } from '../support/folder.js';
import { POOL as pool, withProxy } from '../support/proxy.js';
import { command, RawClient } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands, lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';
import { Random } from './fuzz/random.js';

const seed = Number(process.env.SPILLWAY_SEED ?? Date.now() % 1_000_000);
const ROUNDS = { tcp: 2, tls: 2, unix: 6 };
/** More than sockets hold: by TCP they have large buffers on loopback. */
const PIPELINE_BYTES = { tcp: 8_000_000, tls: 8_000_000, unix: 1_400_000 };
/** Of the replies: small requests with large replies are cut short. */
const MOST_DUE_BYTES = 20_000_000;
const SIZES = [100, 400, 1000, 4500, 40_000];
/** Long, so that sockets are full of requests before there are too many replies. */
const keyOf = (size: number): string => `value:${size}`.padEnd(300, '.');
const GREETINGS = [
  [],
  ['SELECT 9'],
  ['HELLO 3'],
  ['CLIENT SETNAME me'],
  ['AUTH default any'],
  ['HELLO 3 AUTH alice a SETNAME me', 'SELECT 2'],
  ['AUTH alice a', 'SELECT 1'],
];

const authority = await Authority.create(t);
const { cert, key } = await authority.issue('both');
const ca = readFileSync(authority.ca);
const folder = withFolder(t, 'spillway-write-all-');
const securePort = await findFreePort();
const redisSocket = path.join(folder, 'redis.sock');
const redis = await withRedis(t, [
  ...['--tls-port', String(securePort), '--tls-auth-clients', 'no', '--tls-ca-cert-file', authority.ca],
  ...['--tls-cert-file', cert, '--tls-key-file', key, '--unixsocket', redisSocket],
]);
const look = await lookAt(t, redis);
await look.call('ACL', 'SETUSER', 'alice', 'on', '>a', '~*', '+@all');
for (let db = 0; db < 16; db++) {
  await look.call('SELECT', db);
  for (const size of SIZES) await look.call('SET', keyOf(size), Buffer.alloc(size, 'v'));
}

const TRANSPORTS = {
  tcp: {
    config: {},
    url: `redis://127.0.0.1:${redis.port}`,
    open: (port: number) => net.connect(port, '127.0.0.1'),
  },
  tls: {
    config: { listenTls: { cert, key } },
    url: `rediss://127.0.0.1:${securePort}`,
    open: (port: number) => tls.connect({ port, host: '127.0.0.1', ca }),
  },
  unix: { config: {}, url: `unix://${redisSocket}`, open: (_: number, at: string) => net.connect(at) },
};

t.comment(`SPILLWAY_SEED=${seed}`);
for (const by of ['tcp', 'tls', 'unix'] as const) {
  t.test(`${pool} pooling, by ${by}`, async (t) => {
    const random = new Random(seed + (pool === 'command' ? 1 : 0));
    const { config, url, open } = TRANSPORTS[by];
    const at = path.join(folder, `${pool}.sock`);
    const proxy = await withProxy(t, {
      redis,
      config: {
        ...config,
        ...(by === 'unix' && { listen: `unix:${at}` }),
        upstream: { url, pool, ...(by === 'tls' && { tls: { ca: authority.ca } }) },
      },
    });
    const clients: Writer[] = [];
    for (let round = 0; round < ROUNDS[by]; round++) {
      const plan = pipeline(random, by);
      const client = new RawClient(open(proxy.port, at), 20_000);
      t.teardown(() => client.destroy());
      if (plan.early) {
        void client.write(commands(...plan.greeting));
        await client.readReplies(plan.greeting.length);
      }
      clients.push({ ...plan, client });
    }
    // So that whoever needs a connection of its own needs a new one.
    const parked = async () => (await proxy.admin('/api/connections')).pool?.parkedConnections;
    await until(async () => ((await parked()) ?? 0) === 0);
    for (const { client, greeting, early, sent, due } of clients) {
      client.socket.pause();
      const what = `${early ? 'answered' : 'unanswered'} ${greeting.join(', ')}; ${sent.length} bytes for ${due.length}`;
      await within(client.write(early ? sent : Buffer.concat([commands(...greeting), sent])), what);
      client.socket.resume();
      if (!early) await client.readReplies(greeting.length);
      const got = await client.readExactly(due.length);
      if (!got.equals(due)) t.fail(what);
    }
  });
}

interface Plan {
  readonly greeting: readonly string[];
  /** It waits for the answers to its greeting. */
  readonly early: boolean;
  readonly sent: Buffer;
  readonly due: Buffer;
}

interface Writer extends Plan {
  readonly client: RawClient;
}

/** Commands, what they are answered with, and who says them. */
function pipeline(random: Random, by: keyof typeof PIPELINE_BYTES): Plan {
  const bytes = PIPELINE_BYTES[by];
  const greeting = random.pick(GREETINGS);
  const size = random.pick(SIZES);
  const small = by === 'unix' && random.oneIn(2);
  const value = Buffer.alloc(size, 'v');
  const request = small ? command('GET', keyOf(size)) : command('ECHO', value);
  const bulk = Buffer.concat([Buffer.from(`$${size}\r\n`), value, Buffer.from('\r\n')]);
  const transactions = random.oneIn(2);
  const sent: Buffer[] = [];
  const due: Buffer[] = [];
  for (let up = 0, down = 0; up < bytes && down < MOST_DUE_BYTES; up += request.length, down += bulk.length) {
    if (transactions && random.oneIn(50)) {
      sent.push(commands('MULTI', 'PING', 'EXEC'));
      due.push(Buffer.from('+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n'));
    }
    sent.push(request);
    due.push(bulk);
  }
  return {
    greeting,
    early: random.oneIn(2),
    sent: Buffer.concat(sent),
    due: Buffer.concat(due),
  };
}

async function within(done: Promise<void>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not taken within 20 s: ${what}`)), 20_000);
  });
  await Promise.race([done, late]).finally(() => clearTimeout(timer));
}
