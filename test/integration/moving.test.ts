// Following a primary that moves, as the data path does it, by hand: pauses, cuts, the fence, and what clients see, with both
// kinds of pooling, with one process and with workers. Who decides when to do so is in other tests (failover).
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { closedPort } from '../support/listen.js';
import { follow, here, type MovingOptions, withMoving } from '../support/moving-lab.js';
import { POOLS } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { FULL } from '../support/tier.js';
import { until } from '../support/wait.js';

const OK = '+OK\r\n';
/** So late in a pause, no reply can be of a command that was executed before it. */
const LATE_MS = 300;
const NO_PRIMARY = '-ERR spillway found no primary in time: the command was not executed\r\n';
const LOST =
  '-ERR spillway lost its connection to the server before the reply: the command may or may not have been executed\r\n';

/** Without the 5 s that a primary waits for further replicas. */
const ARGS = ['--repl-diskless-sync-delay', '0'];
const servers = [await withRedis(t, ARGS), await withRedis(t, ARGS)] as const;
const looks = [await withRaw(t, servers[0].port), await withRaw(t, servers[1].port)] as const;

async function calls(at: RawClient, name: string): Promise<number> {
  const info = (await at.call('INFO', 'commandstats')).toString();
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(info)?.[1] ?? 0);
}

/** One service for several tests, each of which begins with a primary and its replica. */
async function lab(t: Test, options: Omit<MovingOptions, 'redis'>) {
  let primary: 0 | 1 = 0;
  const moving = await withMoving(t, { redis: servers[primary], ...options });
  const { service, signs } = moving;
  return async (t: Test) => {
    await until(() => service.clients === 0);
    const [atOld, atNext] = primary === 0 ? looks : [looks[1], looks[0]];
    const next = servers[1 - primary];
    await atOld.call('REPLICAOF', 'NO', 'ONE');
    await atOld.call('FLUSHALL');
    await follow(next, servers[primary], atNext);
    signs.length = 0;
    const there = (): void => {
      primary = primary === 0 ? 1 : 0;
      service.moved(here(next));
      service.resume();
    };
    /** The replica becomes the primary. The old one takes writes on, as until Sentinel demotes it. */
    const move = async (): Promise<void> => {
      await service.pause();
      await atNext.call('REPLICAOF', 'NO', 'ONE');
      there();
    };
    return { ...moving, atOld, atNext, client: () => withRaw(t, moving.port), there, move };
  };
}

for (const pool of POOLS) {
  for (const workers of FULL ? [1, 2] : [1]) {
    t.test(`${pool} pooling, workers ${workers}`, async (t) => {
      const begin = await lab(t, { pool, workers });

      t.test('in a pause nothing new goes up, and what waited goes up once', async (t) => {
        const { service, client, atOld } = await begin(t);
        const [one, two] = [await client(), await client()];
        await one.call('SET', 'a', '1');
        await two.call('SUBSCRIBE', 'c');
        await service.pause();
        const before = await calls(atOld, 'incr');
        void one.write(command('INCR', 'n'));
        const late = await client();
        void late.write(command('INCR', 'n'));
        await atOld.call('PUBLISH', 'c', 'm');
        t.equal(await calls(atOld, 'incr'), before);
        service.resume();
        t.match(String((await two.readReplies(1))[0]), 'message', 'messages come');
        const replies = [...(await one.readReplies(1)), ...(await late.readReplies(1))].map(String).sort();
        t.same(replies, [':1\r\n', ':2\r\n']);
        t.equal(await calls(atOld, 'incr'), before + 2);
      });

      t.test('a client that leaves in the pause has sent nothing', async (t) => {
        const { service, client, move } = await begin(t);
        const one = await client();
        await one.call('PING');
        await service.pause();
        void one.write(command('SET', 'gone', '1'));
        const late = await client();
        await late.write(command('SET', 'late', '1'));
        one.end();
        late.destroy();
        await one.readUntilClosed();
        await until(() => service.clients === 0);
        await move();
        const other = await client();
        t.equal(String(await other.call('EXISTS', 'gone', 'late')), ':0\r\n');
      });

      t.test('a move: who is owed nothing goes on, or ends in order', async (t) => {
        const { service, client, move, signs, atNext } = await begin(t);
        const idle = await client();
        t.equal(String(await idle.call('SET', 'a', '1')), OK);
        await service.pause();
        const late = await client();
        void late.write(command('SET', 'late', '1'));
        if (pool === 'command') void idle.write(command('SET', 'a', '2'));
        await move();
        t.equal(String((await late.readReplies(1))[0]), OK);
        if (pool === 'command') {
          t.equal(String((await idle.readReplies(1))[0]), OK);
          t.equal(String(await idle.call('GET', 'a')), '$1\r\n2\r\n');
        } else {
          t.equal(String(await idle.readUntilClosed()), '');
          t.equal(idle.error, undefined);
        }
        t.equal(String(await atNext.call('GET', 'late')), '$1\r\n1\r\n');
        t.same(signs, [], 'what was cut is no sign');
      });

      t.test('a late answer in a pause counts only if the server stays the primary', async (t) => {
        const { service, client, move, atOld } = await begin(t);
        for (const moves of [false, true]) {
          const one = await client();
          await one.call('PING');
          const before = await calls(atOld, 'incr');
          await atOld.call('CLIENT', 'PAUSE', '60000', 'WRITE');
          await one.write(command('INCR', 'n'));
          await until(async () => /flags=b .*cmd=incr/.test(String(await atOld.call('CLIENT', 'LIST'))));
          await service.pause();
          await delay(LATE_MS);
          await atOld.call('CLIENT', 'UNPAUSE');
          await until(async () => (await calls(atOld, 'incr')) > before);
          if (moves) {
            await move();
            const end = await (pool === 'command' ? one.readReplies(1) : one.readUntilClosed());
            t.equal(String(end), pool === 'command' ? LOST : '', 'no client is told that it was executed');
          } else {
            service.resume();
            t.equal(String((await one.readReplies(1))[0]), ':1\r\n');
          }
        }
      });

      t.test('a move: clients whose connection is their own', async (t) => {
        const { client, move, atOld, atNext } = await begin(t);
        const [blocked, subscriber] = [await client(), await client()];
        const [watching, open] = [await client(), await client()];
        void blocked.write(command('BLPOP', 'q', '0'));
        await until(async () => /blocked_clients:1/.test(String(await atOld.call('INFO', 'clients'))));
        await subscriber.call('SUBSCRIBE', 'c');
        await watching.call('WATCH', 'k');
        await open.call('MULTI');
        await open.call('SET', 'half', '1');
        await move();
        for (const one of [blocked, subscriber, watching, open]) {
          t.equal(String(await one.readUntilClosed()), '');
          t.equal(one.error?.code, one === blocked ? 'ECONNRESET' : undefined);
        }
        t.equal(String(await atNext.call('EXISTS', 'half')), ':0\r\n');
      });

      t.test('the old primary’s port is closed: new clients wait for the next primary', async (t) => {
        const { service, client, signs, atNext, there } = await begin(t);
        service.moved(here({ port: await closedPort() }));
        const late = await client();
        void late.write(command('SET', 'k', 'v'));
        await until(() => signs.some((sign) => sign.includes('ECONNREFUSED')));
        await service.pause();
        await atNext.call('REPLICAOF', 'NO', 'ONE');
        there();
        t.equal(String((await late.readReplies(1))[0]), OK);
        t.equal(String(await atNext.call('GET', 'k')), '$1\r\nv\r\n');
      });

      t.test('the fence: a replica gets no command, until it is the primary', async (t) => {
        const { service, client, signs, atNext, there } = await begin(t);
        await service.pause();
        there();
        const one = await client();
        const before = await calls(atNext, 'set');
        void one.write(command('SET', 'k', 'v'));
        await until(() => signs.some((sign) => /not the primary/.test(sign)));
        t.equal(await calls(atNext, 'set'), before);
        await atNext.call('REPLICAOF', 'NO', 'ONE');
        t.equal(String((await one.readReplies(1))[0]), OK);
      });

      t.test('READONLY passes, and is a sign', async (t) => {
        const { client, atOld, signs } = await begin(t);
        const one = await client();
        await one.call('SET', 'k', 'v');
        await atOld.call('REPLICAOF', '127.0.0.1', '1');
        t.match(String(await one.call('SET', 'k', 'v')), /^-READONLY/);
        await until(() => signs.includes('readonly'));
      });

      t.test('the pause runs out: who waits is told, and all end; later it goes on', async (t) => {
        const { service, client, move, atNext } = await begin(t);
        const [idle, waits] = [await client(), await client()];
        await idle.call('PING');
        await waits.call('PING');
        await service.pause();
        // Until all has stopped.
        await delay(150);
        const late = await client();
        for (const one of [waits, late]) void one.write(command('SET', 'k', 'v'));
        if (workers === 1) await until(() => service.waiting === 2);
        await until(() => service.clients === 3);
        service.gone();
        for (const one of [waits, late]) {
          const told = String(await one.readUntilClosed());
          t.match(told, workers === 1 ? NO_PRIMARY : /^$|^-ERR spillway found no primary/);
          t.equal(one.error, undefined);
        }
        t.equal(String(await idle.readUntilClosed()), '');
        await move();
        const again = await client();
        t.equal(String(await again.call('SET', 'k', 'v')), OK);
        t.equal(String(await atNext.call('GET', 'k')), '$1\r\nv\r\n');
      });
    });
  }
}

t.test('command pooling: what is owed on a shared connection gets the error of unknown fate', async (t) => {
  const begin = await lab(t, { pool: 'command' });
  const { service, client, move, atOld, atNext } = await begin(t);
  const one = await client();
  await one.call('SET', 'k', 'v');
  await atOld.call('CLIENT', 'PAUSE', '100000', 'WRITE');
  void one.write(command('SET', 'k', 'w'));
  await until(async () => /blocked_clients:[1-9]/.test(String(await atOld.call('INFO', 'clients'))));
  await service.pause();
  void one.write(command('SET', 'k', 'x'));
  await move();
  await atOld.call('CLIENT', 'UNPAUSE');
  t.same((await one.readReplies(2)).map(String), [LOST, OK]);
  t.equal(String(await atNext.call('GET', 'k')), '$1\r\nx\r\n');
});

t.test('a server with a fixed address: pauses and moves do nothing', async (t) => {
  const begin = await lab(t, { pool: 'session', fixed: true });
  const { service, client } = await begin(t);
  const one = await client();
  await service.pause();
  t.equal(String(await one.call('SET', 'k', 'v')), OK);
  service.moved(here(servers[1]));
  service.gone();
  t.equal(String(await one.call('SET', 'k', 'w')), OK);
});
