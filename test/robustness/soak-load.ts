// The clients of the soak: each knows the right reply to all that it asks, and says so in the tally when it gets
// another. Each keeps to keys of its own and to a moderate rate, until the soak is over.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { command, connectRaw, type RawClient } from '../support/raw-client.js';
import { commands } from '../support/twins.js';
import type { Tally } from './soak-tally.js';

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
/** The name under which connections may be killed. */
export const VICTIM = 'victim';
const PATIENCE_MS = 60_000;
const DEPTH = 20;

export interface Soak {
  readonly port: number;
  readonly tally: Tally;
  over: boolean;
}

/** Plays `round` again and again with a pause in between; what it throws is a mismatch, unless the soak is over. */
async function repeat(
  soak: Soak,
  name: string,
  pauseMs: number,
  round: (n: number) => Promise<void>,
): Promise<void> {
  for (let n = 0; !soak.over; n++) {
    try {
      await round(n);
    } catch (error) {
      soak.tally.mismatch(`${name}: ${error}`);
    }
    await delay(pauseMs);
  }
}

async function expect(soak: Soak, client: RawClient, what: string, due: readonly string[]): Promise<void> {
  for (const [i, reply] of due.entries()) {
    const [seen] = await client.readReplies(1);
    soak.tally.check(`${what} ${i}`, String(seen), reply);
  }
}

/** Pipelines of strings, among them writes that get their TTL in place and by follow-up. */
async function strings(soak: Soak, id: number): Promise<void> {
  const client = await connectRaw(soak.port, PATIENCE_MS);
  const key = `s:${id}`;
  void client.write(commands(`DEL ${key}:n`));
  await client.readReplies(1);
  await repeat(soak, key, 10, async (n) => {
    const token = `${key}-${n}`;
    const bulk = `$${token.length}\r\n${token}\r\n`;
    const lines: string[] = [];
    const due: string[] = [];
    for (let i = 0; i < DEPTH; i++) {
      lines.push(`SET ${key}:${i} ${token}`, `GET ${key}:${i}`, `INCR ${key}:n`, `SETNX ${key}:${i} no`);
      due.push('+OK\r\n', bulk, `:${n * DEPTH + i + 1}\r\n`, ':0\r\n');
    }
    lines.push(`MSET ${key}:a ${token} ${key}:b ${token}`, `MGET ${key}:a ${key}:b`, 'NOSUCH');
    due.push(
      '+OK\r\n',
      `*2\r\n${bulk}${bulk}`,
      "-ERR unknown command 'NOSUCH', with args beginning with: \r\n",
    );
    void client.write(commands(...lines));
    await expect(soak, client, key, due);
  });
  client.destroy();
}

/** Writes that are shed now and then: each is answered, by Redis or by its own error, and inside MULTI all or none. */
async function refusable(soak: Soak, id: number): Promise<void> {
  const client = await connectRaw(soak.port, PATIENCE_MS);
  const key = `low:${id}`;
  const either = async (due: string): Promise<boolean> => {
    const seen = String((await client.readReplies(1))[0]);
    const shed = seen === OOM;
    if (shed) soak.tally.sheds++;
    soak.tally.check(key, seen, shed ? OOM : due);
    return shed;
  };
  await repeat(soak, key, 10, async () => {
    void client.write(commands(...Array<string>(DEPTH).fill(`SET ${key} x`)));
    for (let i = 0; i < DEPTH; i++) await either('+OK\r\n');
    void client.write(commands('MULTI', `SET ${key} x`, 'EXEC'));
    await expect(soak, client, key, ['+OK\r\n']);
    const shed = await either('+QUEUED\r\n');
    const aborted = '-EXECABORT Transaction discarded because of previous errors.\r\n';
    await expect(soak, client, key, [shed ? aborted : '*1\r\n+OK\r\n']);
  });
  client.destroy();
}

/** Transactions of ioredis, and WATCH with and without a conflict. */
async function transactions(soak: Soak, id: number): Promise<void> {
  const [client, other] = [connect(soak), connect(soak)];
  const key = `t:${id}`;
  await client.del(key);
  await repeat(soak, key, 20, async (n) => {
    const done = await client.multi().incr(key).set(`${key}:v`, n).get(`${key}:v`).exec();
    const due = [
      [null, n + 1],
      [null, 'OK'],
      [null, String(n)],
    ];
    soak.tally.check(key, done, due);
    await client.watch(`${key}:w`);
    const conflict = n % 2 === 0;
    if (conflict) await other.set(`${key}:w`, n);
    const watched = await client.multi().ping().exec();
    soak.tally.check(`${key} watched`, watched, conflict ? null : [[null, 'PONG']]);
  });
  for (const each of [client, other]) each.disconnect();
}

/** Every message comes once and in order. */
async function messages(soak: Soak, id: number): Promise<void> {
  const [publisher, subscriber] = [connect(soak), connect(soak)];
  const channel = `c:${id}`;
  let due = 0;
  subscriber.on('message', (_channel: string, text: string) => {
    soak.tally.messages++;
    soak.tally.check(channel, text, String(due++));
  });
  await subscriber.subscribe(channel);
  let sent = 0;
  await repeat(soak, channel, 20, async () => {
    const counts = await Promise.all(
      Array.from({ length: 10 }, () => publisher.publish(channel, String(sent++))),
    );
    soak.tally.check(`${channel} receivers`, counts, Array(10).fill(1));
  });
  // What came last is still on its way: the answer to this comes behind it.
  await subscriber.unsubscribe(channel);
  soak.tally.check(`${channel} received`, due, sent);
  for (const each of [publisher, subscriber]) each.disconnect();
}

/** Blocked until somebody else pushes, or until the time is over. */
async function blocking(soak: Soak, id: number): Promise<void> {
  const [waiting, pushing] = [connect(soak), connect(soak)];
  const key = `q:${id}`;
  await pushing.del(key);
  await repeat(soak, key, 20, async (n) => {
    const popped = waiting.blpop(key, 30);
    await pushing.rpush(key, n);
    soak.tally.check(key, await popped, [key, String(n)]);
    if (n % 50 === 0) soak.tally.check(`${key} empty`, await waiting.blpop(key, 0.05), null);
  });
  for (const each of [waiting, pushing]) each.disconnect();
}

/** Values that pass in pieces, with a TTL to be given. */
async function largeValues(soak: Soak, id: number): Promise<void> {
  const client = await connectRaw(soak.port, PATIENCE_MS);
  const noise = randomBytes(4 * 1024 ** 2);
  await repeat(soak, `large:${id}`, 500, async (n) => {
    const value = noise.subarray(n % 1000, noise.length - (n % 7) * 500_000);
    void client.write(Buffer.concat([command('SET', `large:${id}`, value), command('GET', `large:${id}`)]));
    await expect(soak, client, 'SET large', ['+OK\r\n']);
    const seen = await client.readExactly(`$${value.length}\r\n`.length + value.length + 2);
    const same = seen.subarray(`$${value.length}\r\n`.length, -2).equals(value);
    soak.tally.check('GET large', same, true);
  });
  client.destroy();
}

const LEAVING: readonly ((client: RawClient) => unknown)[] = [
  (client) => client.destroy(),
  (client) => client.socket.resetAndDestroy(),
  async (client) => {
    void client.write(commands('QUIT'));
    await client.readUntilClosed();
    client.destroy();
  },
  (client) => {
    void client.write('*3\r\n$3\r\nSET\r\n$4\r\nhalf');
    client.end();
    client.socket.destroySoon();
  },
];

/** Come, ask a little in one of the protocols, and leave in one way or another. */
async function visitors(soak: Soak, id: number): Promise<void> {
  await repeat(soak, `visitor ${id}`, 20, async (n) => {
    const client = await connectRaw(soak.port, PATIENCE_MS);
    if (n % 2 === 0) await client.call('HELLO', '3');
    void client.write(commands(`ECHO v${n}`, 'PING'));
    await expect(soak, client, 'visitor', [`$${String(n).length + 1}\r\nv${n}\r\n`, '+PONG\r\n']);
    await LEAVING[n % LEAVING.length]?.(client);
    soak.tally.visits++;
  });
}

/** May be killed at any moment: then what was answered is a beginning of what was asked, and nothing was lost. */
async function victims(soak: Soak, id: number): Promise<void> {
  const key = `k:${id}`;
  const look = connect(soak);
  await look.del(key);
  let counted = 0;
  while (!soak.over) {
    const client = await connectRaw(soak.port, PATIENCE_MS);
    let asked = counted;
    try {
      await client.call('CLIENT', 'SETNAME', VICTIM);
      while (!soak.over) {
        void client.write(commands(...Array<string>(DEPTH).fill(`INCR ${key}`)));
        asked += DEPTH;
        for (let i = 0; i < DEPTH; i++) {
          const [seen] = await client.readReplies(1);
          soak.tally.check(key, String(seen), `:${++counted}\r\n`);
        }
        await delay(10);
      }
    } catch (error) {
      if (client.closed) soak.tally.kills++;
      else soak.tally.mismatch(`${key}: ${error}`);
    } finally {
      client.destroy();
    }
    const executed = Number(await look.get(key));
    if (executed < counted || executed > asked)
      soak.tally.mismatch(`${key}: ${counted} ≤ ${executed} ≤ ${asked}`);
    counted = executed;
  }
  look.disconnect();
}

function connect(soak: Soak): Redis {
  const client = new Redis({ host: '127.0.0.1', port: soak.port });
  client.on('error', (error) => soak.tally.mismatch(`ioredis: ${error.message}`));
  client.on('close', () => {
    if (!soak.over) soak.tally.mismatch('ioredis: a connection was closed');
  });
  return client;
}

/** Everybody, each as often as says `scale`. Resolves when the soak is over and all have left. */
export async function load(soak: Soak, scale: number): Promise<void> {
  const kinds = [strings, refusable, transactions, messages, blocking, visitors, victims];
  const all = kinds.flatMap((kind) => Array.from({ length: scale }, (_, id) => kind(soak, id)));
  await Promise.all([...all, largeValues(soak, 0)]);
}
