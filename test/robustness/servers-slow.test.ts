// Servers that do not answer for a while: stopped, asleep, paused for writes, or busy with a script. Everybody waits,
// or is told so, as without a proxy; nothing is lost.
import t from 'tap';
import { commands, withTwins } from '../support/twins.js';
import { until } from '../support/wait.js';
import { asDirect, untilInfo } from './servers-both.js';
import { pauseUnderLoad } from './servers-pause.js';

const CONFIG = { rules: [{ name: 'every', match: '*', ttl: '1h', applyTo: 'all' }] };

t.test('a server that is stopped under load', { timeout: 120_000 }, async (t) => {
  await pauseUnderLoad(t, 0, 1);
});

t.test('a server that sleeps answers as without Spillway', async (t) => {
  const twins = await withTwins(t, CONFIG, ['--enable-debug-command', 'yes']);
  await asDirect(t, twins, 'DEBUG SLEEP', async ({ open }) => {
    const [sleeper, other] = [await open(), await open()];
    await other.call('PING');
    void sleeper.write(
      commands('SETNX a 1', 'DEBUG SLEEP 0.3', 'INCR n', 'MULTI', 'SETNX b 1', 'EXEC', 'GET b'),
    );
    void other.write(commands('SETNX c 1', 'APPEND c x', 'GET c'));
    return [...(await sleeper.readReplies(7)), ...(await other.readReplies(3))];
  });
});

t.test('a paused server answers as without Spillway', async (t) => {
  const twins = await withTwins(t, CONFIG);
  await asDirect(t, twins, 'CLIENT PAUSE WRITE', async ({ open, direct }) => {
    const [client, admin] = [await open(), await direct()];
    const paused = await admin.call('CLIENT', 'PAUSE', 600_000, 'WRITE');
    void client.write(commands('GET a', 'PING', 'SETNX a 1', 'GET a', 'MULTI', 'APPEND a x', 'EXEC', 'PING'));
    const meanwhile = await client.readReplies(2);
    await untilInfo(admin, 'clients', 'blocked_clients:1');
    const waiting = client.peek();
    const goesOn = await admin.call('CLIENT', 'UNPAUSE');
    return [paused, ...meanwhile, waiting, goesOn, ...(await client.readReplies(6))];
  });
  await asDirect(t, twins, 'CLIENT PAUSE ALL, for a time', async ({ open, direct }) => {
    const [client, admin] = [await open(), await direct()];
    const paused = await admin.call('CLIENT', 'PAUSE', 300);
    void client.write(commands('PING', 'SETNX b 1', 'INCR c', 'MSET d 1 e 2', 'MGET b c d e'));
    return [paused, ...(await client.readReplies(5))];
  });
});

t.test('a server that is busy with a script answers as without Spillway', async (t) => {
  const twins = await withTwins(t, CONFIG, ['--busy-reply-threshold', '5']);
  for (const script of ['EVAL', 'in a transaction']) {
    await asDirect(t, twins, `-BUSY, ${script}`, async ({ open, direct }) => {
      const [looping, other, killer] = [await open(), await open(), await direct()];
      await other.call('PING');
      if (script === 'EVAL') {
        void looping.write(commands('SETNX a 1'));
        await looping.readReplies(1);
      } else {
        void looping.write(commands('MULTI', 'SETNX a 1'));
        await looping.readReplies(2);
      }
      const loop = Buffer.from('*3\r\n$4\r\nEVAL\r\n$17\r\nwhile true do end\r\n$1\r\n0\r\n');
      void looping.write(Buffer.concat([loop, commands('EXEC', 'SETNX b 1', 'GET b')]));
      await until(async () => String(await killer.call('PING')).startsWith('-BUSY'), { timeoutMs: 20_000 });
      void other.write(
        commands('GET a', 'SETNX c 1', 'MSET d 1 e 1', 'MULTI', 'SETNX f 1', 'EXEC', 'PING', 'SUBSCRIBE x'),
      );
      const refused = await other.readReplies(8);
      const killed = await killer.call('SCRIPT', 'KILL');
      const fate = await looping.readReplies(4);
      return [...refused, killed, ...fate, await killer.call('EXISTS', 'b', 'c', 'd', 'f')];
    });
  }
});
