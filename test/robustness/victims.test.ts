// For the bounds of docs/ARCHITECTURE.md that a client's own behavior reaches: one, four and thirty such clients beside others of
// the same identity. What is judged is the others: each of their commands gets its right reply while the offence stands, and
// newcomers get in; where the bound is a number, it is read then. By unix socket, where the kernel takes little for clients that do not
// read. Integration/pooling-readers has those that read nothing or stop in a command, by TCP; bounds-*.ts have what they cost in memory.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { ConnectionSnapshot } from '../../src/observe/snapshots/connections.js';
import { withFolder } from '../support/folder.js';
import { POOLS, type TestProxy, withProxy } from '../support/proxy.js';
import { command, connectRaw, doors, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands } from '../support/twins.js';
import { until } from '../support/wait.js';

const NUMBERS = [1, 4, 30];
const VICTIMS = 3;
const ROUNDS = 3;
const PATIENCE_MS = 60_000;
const MIB = 1024 * 1024;
const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const READS = "return redis.call('GET', KEYS[1])";
const VALUE = Buffer.alloc(12 * 1024, 'v');

const RULES = [
  { name: 'shut', match: 'shut:*', ttl: '1h', priority: 'low', scripts: 'refuse' },
  { name: 'hashes', match: 'hash:*', ttl: '1h' },
  { name: 'limited', match: 'limited:*', ttl: '1h', limit: { writes: '20/s' } },
  { name: 'stars', match: '*a?b*c?d*e?f*', ttl: '1h' },
];

interface Stage {
  readonly pool: string;
  readonly proxy: TestProxy;
  /** A client of the proxy; it is gone when the offence is over. */
  open(): Promise<RawClient>;
  /** Straight at the server. */
  readonly look: RawClient;
  /** The offence has ended. */
  readonly over: () => boolean;
  connections(): Promise<ConnectionSnapshot>;
}

/** One offender: calls `stands` once its offence does, and goes on until it is over. */
type Offend = (stage: Stage, stands: () => void, number: number) => Promise<void>;

interface Offence {
  /** The first column of the tables of bounds. */
  readonly bound: string;
  /** Before there are offenders. */
  readonly prepare?: (victim: RawClient) => Promise<void>;
  readonly offend: Offend;
  /** All offences stand: what the proxy says, where an offender cannot know. */
  readonly inForce?: (stage: Stage) => Promise<boolean>;
  /** In place of the ordinary commands of others. */
  readonly serve?: (t: Test, stage: Stage, victim: RawClient) => Promise<void>;
  /** While the offence stands. */
  readonly judge?: (t: Test, stage: Stage, offenders: number) => Promise<void>;
}

/** Sends and reads nothing. */
function unread(asked: Buffer): Offend {
  return async (stage, stands) => {
    const client = await stage.open();
    client.socket.pause();
    void client.write(asked);
    stands();
  };
}

/** Sends a pipeline, reads its replies, and begins anew; the offence stands once it has done so twice. */
function endless(pipeline: (number: number, round: number) => Buffer[]): Offend {
  return async (stage, stands, number) => {
    const client = await stage.open();
    for (let round = 0; !stage.over(); round++) {
      const asked = pipeline(number, round);
      void client.write(Buffer.concat(asked));
      await client.readReplies(asked.length);
      if (round === 1) stands();
    }
  };
}

const times = (count: number, of: (i: number) => Buffer): Buffer[] =>
  Array.from({ length: count }, (_, i) => of(i));
/** More than 1 MB of keys that wait for their TTL. */
const QUEUED = 6000;
const TRANSACTION = Buffer.concat([
  command('MULTI'),
  ...times(QUEUED, (i) => command('HSET', `hash:${i}`.padEnd(200, '.'), 'f', 'v')),
]);
/** Of all plays: each source is a new one. */
let sources = 0;
const GET = command('GET', '12k');

const OFFENCES: readonly Offence[] = [
  {
    bound: 'pending replies of a client',
    offend: unread(
      Buffer.concat([
        command('BLPOP', 'none', 0),
        ...times(2000, (i) => command('HSET', `hash:${i}`, 'f', 'v')),
      ]),
    ),
  },
  {
    bound: 'server bytes for a slow client, and client bytes for a slow server',
    offend: unread(Buffer.concat(times(200, () => GET))),
    inForce: async (stage) => (await stage.connections()).heldReplyBytes > 0,
    judge: async (t, stage, offenders) => {
      // One read more in each of them.
      const most = stage.pool === 'command' ? 128 * MIB + 256 * 1024 : offenders * 2 * 256 * 1024;
      const { heldReplyBytes } = await stage.connections();
      t.ok(heldReplyBytes <= most, `${heldReplyBytes} bytes of replies wait`);
    },
  },
  {
    bound: 'replies for a stalled client that reads nothing and whose sent commands fill the row above',
    offend: unread(Buffer.concat(times(3000, () => command('ECHO', VALUE.subarray(0, 1000))))),
  },
  {
    bound: 'a cut command that is held until the rest comes',
    offend: unread(command('MSET', ...times(40_000, (i) => Buffer.from(`hash:${i}`))).subarray(0, 400_000)),
  },
  {
    bound: 'a client’s pending commands on a shared connection',
    offend: endless(() => times(1100, () => command('GET', 'k'))),
  },
  {
    bound: 'input of a client that waits for its turn',
    offend: endless(() => times(100, (i) => command('SET', `turn:${i}`, VALUE.subarray(0, 2000)))),
  },
  {
    bound: 'large replies in a row (above 4 KB each)',
    offend: endless(() => times(30, () => GET)),
  },
  {
    bound: 'a client’s commands on its own connection after it needed that',
    offend: endless(() => [
      command('WATCH', 'k'),
      command('UNWATCH'),
      ...times(1100, () => command('GET', 'k')),
    ]),
  },
  {
    bound: 'a client’s SELECTs without an answer',
    offend: endless(() => times(1200, (i) => command('SELECT', i % 16))),
  },
  {
    bound: 'identities that no client uses any longer',
    offend: async (stage, stands, number) => {
      for (let round = 0; !stage.over(); round++) {
        const client = await stage.open();
        const identity = number + round;
        const words = [`HELLO ${2 + (identity % 2)}`, `SELECT ${identity % 16}`, 'GET k', 'INCR n'];
        void client.write(commands(...words));
        const replies = await client.readReplies(words.length);
        if (String(replies[3])[0] !== ':') throw new Error(String(replies[3]));
        client.destroy();
        if (round === 20) stands();
      }
    },
    judge: async (t, { look, proxy, pool }, offenders) => {
      if (pool === 'session') return;
      const shared = (await proxy.admin('/api/connections')).pool?.sharedConnections ?? 0;
      // Two lanes of each identity in use and of eight others. One that is no longer needed may still be closing.
      const most = 2 * 2 * (offenders + 1 + 8);
      t.ok(shared <= most, `${shared} shared connections, ${most} at most`);
      const there = /connected_clients:(\d+)/.exec(String(await look.call('INFO', 'clients')))?.[1];
      t.ok(Number(there) <= most + 2 * offenders + VICTIMS + 8, `${there} connections to the server`);
    },
  },
  {
    bound: 'connections that check a login',
    offend: async (stage, stands) => {
      const client = await stage.open();
      for (let round = 0; !stage.over(); round++) {
        const reply = String(await client.call('AUTH', 'alice', `wrong${round}`));
        if (!reply.startsWith('-WRONGPASS')) throw new Error(reply);
        if (round === 5) stands();
      }
    },
    serve: async (t, stage) => {
      const client = await stage.open();
      t.equal(String(await client.call('AUTH', 'alice', 'right')), '+OK\r\n');
      t.equal(String(await client.call('ACL', 'WHOAMI')), '$5\r\nalice\r\n');
      t.equal(String(await client.call('GET', 'secret')).slice(0, 7), '-NOPERM');
      client.destroy();
    },
  },
  {
    bound: 'bytes of a key that are compared again after the stars of patterns',
    offend: endless((number) =>
      times(2, (i) => command('SET', `${'a-b'.repeat(20_000)}${number}:${i}`, 'v')),
    ),
  },
  sourcesOfScripts(),
  {
    bound: 'a client’s `PROXY` commands',
    offend: endless(() => [
      command('PROXY', 'INFO'),
      command('PROXY', 'STATS'),
      command('PROXY', 'EXPLAIN', 'shut:x'),
    ]),
  },
  {
    bound: '`PROXY` answers that a client does not read',
    offend: unread(Buffer.concat(times(500, () => command('PROXY', 'STATS')))),
  },
  {
    bound: 'OOM errors for a client that does not read',
    offend: unread(Buffer.concat(times(30_000, () => command('SET', 'shut:x', 'v'.repeat(50))))),
    inForce: async (stage) => (await stage.connections()).heldReplyBytes > 0,
    judge: async (t, stage, offenders) => {
      const { heldReplyBytes } = await stage.connections();
      t.ok(heldReplyBytes <= offenders * 16 * MIB, `${heldReplyBytes} bytes of errors wait`);
    },
  },
  {
    bound: 'follow-ups that wait for EXEC, or for the end of a streaming MSET',
    offend: async (stage, stands) => {
      const client = await stage.open();
      void client.write(TRANSACTION);
      await client.readReplies(1 + QUEUED);
      stands();
    },
  },
  {
    bound: 'growing writes to a rule with a `limit`',
    offend: endless((number) => times(100, (i) => command('SET', `limited:${number}:${i}`, 'v'))),
  },
  {
    bound: 'standing memory of small, short-lived writes that are spared',
    offend: endless((number, round) =>
      times(100, (i) => command('SET', `shut:${number}:${round}:${i}`, 'v', 'EX', 30)),
    ),
    judge: async (t, { proxy }) => {
      const { briefBytes, briefMostBytes } = await proxy.admin('/api/memory');
      t.ok(
        briefMostBytes > 0 && briefBytes <= briefMostBytes,
        `${briefBytes} of ${briefMostBytes} bytes spared`,
      );
    },
  },
  {
    bound: 'discovered patterns',
    offend: endless((number, round) =>
      times(200, (i) => command('SET', `p${number}x${round}y${i}:1`, 'v', 'EX', 1)),
    ),
    judge: async (t, { proxy }) => {
      const { discovered } = await proxy.admin('/api/stats');
      t.ok(discovered.length <= 256, `${discovered.length} patterns`);
    },
  },
  {
    bound: 'connections to the admin server',
    offend: async (stage, stands) => {
      const socket = net.connect(stage.proxy.adminPort as number, '127.0.0.1', () => {
        socket.write('GET /api/stats HTTP/1.1\r\nhost: 127.0.0.1\r\n');
        stands();
      });
      // The server closes it after 3 s.
      socket.on('error', () => {});
      await until(stage.over, { timeoutMs: PATIENCE_MS });
      socket.destroy();
    },
  },
];

function sourcesOfScripts(): Offence {
  const atOnce = 60;
  let [sent, sha] = [0, ''];
  return {
    bound: 'known sources of scripts',
    prepare: async (victim) => {
      sha = String(await victim.call('SCRIPT', 'LOAD', READS)).slice(5, 45);
      await victim.call('EVALSHA', sha, 1, 'shut:none');
      sent = 0;
    },
    offend: endless(() => times(atOnce, () => command('EVAL', `return ${++sources}`, 1, `shut:${++sent}`))),
    // More than Spillway remembers.
    inForce: async () => sent > 5000,
    serve: async (t, _stage, victim) => {
      t.equal(String(await victim.call('EVALSHA', sha, 1, 'shut:none')), '$-1\r\n');
    },
  };
}

const table = readFileSync(new URL('../../docs/ARCHITECTURE.md', import.meta.url), 'utf8').replaceAll(
  "'",
  '’',
);
const folder = withFolder(t, 'spillway-victims-');

for (const [i, pool] of POOLS.entries()) {
  t.test(
    `others are served beside a client that offends: ${pool} pooling`,
    { timeout: 600_000 },
    async (t) => {
      const redis = await withRedis(t, ['--maxmemory', '500mb', '--maxclients', '200']);
      const socket = path.join(folder, `${pool}.sock`);
      const port = 70_000 + i;
      doors.set(port, { open: () => net.connect(socket), opened: 'connect' });
      const proxy = await withProxy(t, {
        redis,
        config: {
          listen: `unix:${socket}`,
          upstream: { pool, connectTimeout: '60s' },
          rules: RULES,
          memory: { shed: { low: ['0%', '0%'] }, reserve: 'off', onStale: 'hold' },
          limits: { pendingReplies: 1000 },
        },
      });
      const look = await withRaw(t, redis.port);
      await look.call('ACL', 'SETUSER', 'alice', 'on', '>right', '~*', '+@all', '-get');
      await look.call('SET', '12k', VALUE);
      await until(async () => (await proxy.admin('/api/memory')).level.low.shedShare === 1);
      const connections = () => proxy.admin('/api/connections');
      const victims = await Promise.all(Array.from({ length: VICTIMS }, () => withRaw(t, port, PATIENCE_MS)));
      await serveAll(t, victims);
      for (const { bound, prepare, offend, inForce, serve, judge } of OFFENCES) {
        await t.test(bound, async (t) => {
          t.ok(table.includes(`\n| ${bound} |`), 'it is in the tables of bounds');
          for (const offenders of NUMBERS) {
            let over = false;
            const opened: RawClient[] = [];
            const open = async () => {
              const client = await connectRaw(port, PATIENCE_MS);
              opened.push(client);
              return client;
            };
            const stage: Stage = { pool, proxy, open, look, over: () => over, connections };
            await prepare?.(victims[0]);
            const failed: unknown[] = [];
            let standing = 0;
            const done = Array.from({ length: offenders }, (_, number) =>
              offend(stage, () => standing++, number).catch((error) => over || failed.push(error)),
            );
            try {
              await until(() => failed.length > 0 || standing === offenders, {
                timeoutMs: PATIENCE_MS,
                describe: () => `${standing} of ${offenders} to offend`,
              });
              if (inForce !== undefined) {
                await until(() => inForce(stage), {
                  timeoutMs: PATIENCE_MS,
                  describe: `the offence of ${offenders} to stand`,
                });
              }
              await serveAll(t, [...victims, await open()]);
              if (serve !== undefined)
                for (let round = 0; round < ROUNDS; round++)
                  await Promise.all(victims.map((victim) => serve(t, stage, victim)));
              await judge?.(t, stage, offenders);
              t.same(failed, [], `${offenders}: the offenders themselves`);
            } finally {
              over = true;
              for (const client of opened) client.destroy();
              await Promise.all(done);
            }
            await until(async () => (await connections()).clients === VICTIMS, {
              timeoutMs: PATIENCE_MS,
              describe: 'the offenders to be gone',
            });
          }
        });
      }
    },
  );
}

/** Ordinary commands of each; every reply is known. */
async function serveAll(t: Test, victims: readonly RawClient[]): Promise<void> {
  await Promise.all(
    victims.map(async (victim, number) => {
      const wrong: string[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const [key, value] = [`victim:${number}`, `${number}:${round}`];
        const asked = [
          ...[command('SET', key, value), command('GET', key), command('SET', 'shut:v', 'v'.repeat(300))],
          ...(round % 5 === 0 ? commandsOfTransaction(key) : []),
        ];
        const due = [
          ...['+OK\r\n', `$${value.length}\r\n${value}\r\n`, OOM],
          ...(round % 5 === 0 ? ['+OK\r\n', '+QUEUED\r\n', `*1\r\n:${value.length + 1}\r\n`] : []),
        ];
        void victim.write(Buffer.concat(asked));
        const replies = (await victim.readReplies(asked.length)).map(String);
        if (replies.join('') !== due.join('')) wrong.push(replies.join(''));
      }
      t.same(wrong, [], `what client ${number} got`);
    }),
  );
}

function commandsOfTransaction(key: string): Buffer[] {
  return [command('MULTI'), command('APPEND', key, '!'), command('EXEC')];
}
