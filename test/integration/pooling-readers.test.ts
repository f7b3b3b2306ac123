// Command pooling: clients that ask for much and read nothing, beside others of the same identity. What they cost is
// measured at the others: whether these are served, what waits in memory, and whether the server ends their connection.
import t, { type Test } from 'tap';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { command, connectRaw, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { FULL } from '../support/tier.js';
import { commands, lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';

const PATIENCE_MS = 60_000;
const MIB = 1024 * 1024;
/** All slow readers together (unread-replies.ts), and what one read more brings. */
const UNREAD_BYTES = 130 * MIB;
/** All cut commands that wait (slabs.ts). */
const CUT_BYTES = 16 * MIB;
/** Of those beside them, for one reply: thirty that hold the connection one after the other, for two seconds each, take a minute. */
const VICTIM_PATIENCE_MS = 30_000;
const LOST = '-ERR spillway lost its connection';

const connections = (proxy: TestProxy) => proxy.admin('/api/connections');

/** A client that asks and does not read. */
async function offend(t: Test, proxy: TestProxy, asked: Buffer): Promise<RawClient> {
  const client = await withRaw(t, proxy.port, PATIENCE_MS);
  client.socket.pause();
  void client.write(asked);
  return client;
}

interface Offence {
  readonly asked: Buffer;
  readonly offenders: readonly number[];
}

const OFFENCES: Readonly<Record<string, Offence>> = {
  'many replies unread': {
    asked: Buffer.concat(Array<Buffer>(1000).fill(command('GET', '12k'))),
    offenders: [1, 4, 30],
  },
  'large replies unread': {
    asked: Buffer.concat(Array<Buffer>(4).fill(command('GET', '8m'))),
    offenders: [1, 4],
  },
  'uploads half sent': {
    asked: command('SET', 'upload', Buffer.alloc(8 * MIB, 'v')).subarray(0, MIB),
    offenders: [1, 4, 30],
  },
  'writes half sent, of many keys': {
    asked: command('MSET', ...Array.from({ length: 40_000 }, (_, i) => `upload${i}`)).subarray(0, 300_000),
    offenders: [1, 4, 30],
  },
  'commands behind one that blocks': {
    asked: Buffer.concat([command('BLPOP', 'none', 0), ...Array<Buffer>(1000).fill(command('GET', '12k'))]),
    offenders: [1, 4, 30],
  },
};

t.test(
  'what clients that read nothing, stop in a command or block cost the others does not grow with their number',
  { timeout: 120_000 },
  async (t) => {
    const redis = await withRedis(t);
    const look = await lookAt(t, redis);
    await look.call('SET', '12k', Buffer.alloc(12 * 1024, 'v'));
    await look.call('SET', '8m', Buffer.alloc(8 * MIB, 'v'));
    for (const [what, { asked, offenders: numbers }] of Object.entries(OFFENCES)) {
      // npm test plays the largest number.
      for (const offenders of FULL ? numbers : numbers.slice(-1)) {
        await t.test(`${what}, ${offenders} at a time`, async (t) => {
          const proxy = await withProxy(t, { redis, config: { rules: [], upstream: { pool: 'command' } } });
          const victims = await Promise.all([1, 2, 3].map(() => withRaw(t, proxy.port, VICTIM_PATIENCE_MS)));
          for (const victim of victims) await victim.call('SET', 'k', 'v');
          let held = 0;
          for (let wave = 0; wave < 2; wave++) {
            const slow = await Promise.all(Array.from({ length: offenders }, () => offend(t, proxy, asked)));
            const serve = async (victim: RawClient): Promise<void> => {
              for (let round = 0; round < 60; round++) {
                t.equal(String(await victim.call('GET', 'k')), '$1\r\nv\r\n');
                const counted = String(await victim.call('INCR', 'n'));
                if (!counted.startsWith(':')) t.fail(`INCR: ${counted}`);
              }
            };
            await Promise.all(victims.map(serve));
            held = Math.max(held, (await connections(proxy)).heldReplyBytes);
            for (const client of slow) client.destroy();
          }
          t.ok(held < UNREAD_BYTES, `${Math.round(held / MIB)} MB wait in memory`);
          t.equal(
            String(await look.call('EXISTS', 'upload', 'upload0')),
            ':0\r\n',
            'nothing half sent is executed',
          );
          await until(async () => (await connections(proxy)).clients === victims.length, {
            timeoutMs: PATIENCE_MS,
            describe: 'the proxy to let go of those who have left',
          });
        });
      }
    }
  },
);

t.test('commands cut in the middle wait for their rest, up to a bound for all of them', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: [], upstream: { pool: 'command' } } });
  const victim = await withRaw(t, proxy.port, PATIENCE_MS);
  await victim.call('SET', 'k', 'v');
  const value = Buffer.alloc(250_000, 'v');
  for (const number of [1, 4, 30, 150]) {
    const clients = await Promise.all(
      Array.from({ length: number }, () => withRaw(t, proxy.port, PATIENCE_MS)),
    );
    // What a client may do must be known, or the server sees all that it sends at once.
    for (const client of clients) await client.call('PING');
    const pinnedBefore = (await connections(proxy)).pool?.pins['large-value'] ?? 0;
    const whole = clients.map((_, i) => command('SET', `cut${i}`, value));
    for (const [i, client] of clients.entries()) void client.write(whole[i].subarray(0, 200_000));
    const lately = async () => (await connections(proxy)).pool?.pins['large-value'] ?? 0;
    await until(
      async () => {
        const { stalledCommandBytes } = await connections(proxy);
        const waiting = Math.min(number * 200_000, CUT_BYTES / 2);
        return stalledCommandBytes >= waiting && stalledCommandBytes < CUT_BYTES + number * 64 * 1024;
      },
      { timeoutMs: PATIENCE_MS, describe: `${number} cut commands to wait, within the bound` },
    );
    t.equal(String(await victim.call('GET', 'k')), '$1\r\nv\r\n', 'others go on');
    if (number * value.length > 2 * CUT_BYTES) {
      await until(async () => (await lately()) > pinnedBefore, { describe: 'some to stream on their own' });
    }
    for (const [i, client] of clients.entries()) void client.write(whole[i].subarray(200_000));
    for (const client of clients) t.equal(String((await client.readReplies(1))[0]), '+OK\r\n');
    if (number * value.length < CUT_BYTES / 2)
      t.equal(await lately(), pinnedBefore, 'nobody needs a connection');
    for (const client of clients) client.destroy();
  }
  await until(async () => (await connections(proxy)).stalledCommandBytes === 0);
});

t.test('a slow reader gets all that it asked for when it reads at last', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: [], upstream: { pool: 'command' } } });
  const [slow, other] = [
    await withRaw(t, proxy.port, PATIENCE_MS),
    await withRaw(t, proxy.port, PATIENCE_MS),
  ];
  await other.call('SET', 'k', Buffer.alloc(12 * 1024, 'v'));
  slow.socket.pause();
  const each = commands('GET k', 'INCR n');
  void slow.write(Buffer.concat(Array<Buffer>(1000).fill(each)));
  for (let i = 0; i < 200; i++) await other.call('GET', 'k');
  slow.socket.resume();
  for (let i = 1; i <= 1000; i++) {
    const [value, number] = await slow.readReplies(2);
    if (value.length !== 12_298 || String(number) !== `:${i}\r\n`) {
      t.fail(`reply ${i}: ${value.length} bytes, ${number}`);
      break;
    }
  }
});

t.test('maxmemory-clients: the server ends who is owed much, not those beside it', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '200mb', '--maxmemory-clients', '8mb']);
  const proxy = await withProxy(t, { redis, config: { rules: [], upstream: { pool: 'command' } } });
  const look = await lookAt(t, redis);
  await look.call('CLIENT', 'NO-EVICT', 'ON');
  await look.call('SET', 'big', Buffer.alloc(1_000_000, 'v'));
  const evicted = async () =>
    Number(/evicted_clients:(\d+)/.exec(String(await look.call('INFO', 'stats')))?.[1]);
  const asked = Buffer.concat(Array<Buffer>(60).fill(command('GET', 'big')));
  const victims = await Promise.all(Array.from({ length: 4 }, () => withRaw(t, proxy.port, PATIENCE_MS)));
  for (const victim of victims) await victim.call('SET', 'k', 'v');
  let errors = 0;
  const serve = async (): Promise<void> => {
    for (let round = 0; round < 20; round++) {
      const replies = await Promise.all(
        victims.map((victim) => victim.call(round % 2 === 0 ? 'GET' : 'STRLEN', 'k')),
      );
      errors += replies.filter((reply) => String(reply).startsWith(LOST)).length;
    }
  };
  for (let offence = 0; offence < 8; offence++) {
    const before = await evicted();
    const offender = await connectRaw(proxy.port, PATIENCE_MS);
    offender.socket.pause();
    void offender.write(asked);
    // One that reads nothing has all its replies made at once as soon as it has a connection of its own.
    await until(
      async () => {
        await serve();
        return (await evicted()) > before;
      },
      { timeoutMs: PATIENCE_MS, describe: 'the server to end the connection of the offender' },
    );
    offender.destroy();
  }
  await serve();
  t.equal(errors, 0, 'those that share lose nothing');
  t.ok((await evicted()) >= 8, 'the offender was ended each time');
});
