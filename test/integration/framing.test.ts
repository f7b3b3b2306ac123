// Places where framing by the letter goes wrong: what Redis answers before a command is whole, and what it writes
// into the middle of a reply. Each is compared with the same bytes sent direct.
import t from 'tap';
import { withProxy } from '../support/proxy.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const RULES = { rules: [{ name: 'temp', match: 'temp:*', ttl: '5m' }] };

t.test('an unauthenticated client is refused by the number of its arguments, before they come', async (t) => {
  const redis = await withRedis(t, ['--requirepass', 'secret']);
  const proxy = await withProxy(t, { redis, config: RULES });
  for (const begun of ['*100\r\n', '*11\r\n$3\r\nSET\r\n', '*1\r\n$100000000\r\n']) {
    const answers: string[] = [];
    for (const port of [redis.port, proxy.port]) {
      const client = await withRaw(t, port);
      await client.write(begun);
      answers.push((await client.readUntilClosed()).toString('latin1'));
    }
    t.match(answers[0], /^-ERR Protocol error: unauthenticated/);
    t.equal(answers[1], answers[0], JSON.stringify(begun));
  }
});

t.test('a command that had to be shown before its name came still has its replies counted', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: RULES });
  const channels = Array.from({ length: 12 }, (_, i) => `ch${i}`);
  const subscribe = command('SUBSCRIBE', ...channels);
  const answers: string[] = [];
  for (const port of [redis.port, proxy.port]) {
    const client = await withRaw(t, port);
    await client.write(subscribe.subarray(0, 5));
    await client.write(subscribe.subarray(5));
    await client.write(
      Buffer.concat([command('UNSUBSCRIBE'), command('SETNX', `temp:${port}`, 'x'), command('PING')]),
    );
    answers.push(Buffer.concat(await client.readReplies(12 + 12 + 2)).toString('latin1'));
  }
  t.equal(answers[1], answers[0]);
});

t.test('a message that EXEC publishes to its own client, RESP3', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: RULES });
  const answers: string[] = [];
  for (const port of [redis.port, proxy.port]) {
    const client = await withRaw(t, port);
    await client.write('HELLO 3\r\n');
    await client.readReplies(1);
    await client.write('SUBSCRIBE foo\r\n');
    await client.readReplies(1);
    await client.write(
      'MULTI\r\nPING abc\r\nPUBLISH foo bar\r\nPING def\r\nEXEC\r\nSETNX temp:a 1\r\nSETNX temp:a 1\r\nPING end\r\n',
    );
    let seen = '';
    while (!seen.endsWith('$3\r\nend\r\n')) seen += (await client.readExactly(1)).toString('latin1');
    answers.push(seen);
    await client.write('UNSUBSCRIBE foo\r\nDEL temp:a\r\n');
    await client.readReplies(2);
  }
  t.match(answers[0], />3\r\n\$7\r\nmessage\r\n/);
  t.equal(answers[1], answers[0]);
});

t.test('RESET behind CLIENT REPLY SKIP has its reply skipped', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: RULES });
  const answers: string[] = [];
  for (const port of [redis.port, proxy.port]) {
    const client = await withRaw(t, port);
    await client.write('HELLO 3\r\nCLIENT REPLY SKIP\r\nRESET\r\nSETNX temp:r 1\r\nPING end\r\n');
    await client.readReplies(1);
    answers.push(
      Buffer.concat(await client.readReplies(2))
        .toString('latin1')
        .replace(/^:[01]/, ':n'),
    );
  }
  t.equal(answers[1], answers[0]);
});

t.test('a follow-up that is due in the middle of a value waits for no gap in it', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: RULES });
  const direct = await withRaw(t, redis.port);
  await direct.call('ACL', 'SETUSER', 'nomulti', 'on', '>pw', '~*', '+@all', '-multi');
  const client = await withRaw(t, proxy.port);
  await client.call('AUTH', 'nomulti', 'pw');
  const value = Buffer.alloc(300_000, 'v');
  const set = command('SET', 'big', value);
  await client.write(
    Buffer.concat([command('MULTI'), command('SETNX', 'temp:n', 1), set.subarray(0, 150_000)]),
  );
  const [refused, one] = await client.readReplies(2);
  t.match(String(refused), /^-NOPERM/);
  t.equal(String(one), ':1\r\n');
  await client.write(set.subarray(150_000));
  t.equal(String((await client.readReplies(1))[0]), '+OK\r\n');
  t.ok((await direct.call('GET', 'big')).includes(value), 'the value is what was sent');
});

t.test('nothing is answered behind QUIT', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '20mb']);
  const config = { ...RULES, memory: { shed: { normal: ['0%', '0%'] } } };
  const proxy = await withProxy(t, { redis, config });
  const client = await withRaw(t, proxy.port);
  await client.call('PING');
  await client.write('QUIT\r\nSET a 1\r\n');
  t.equal(String(await client.readUntilClosed()), '+OK\r\n');
});

t.test('growth of a client that blocks is known to be in Redis all the same', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '50mb']);
  const proxy = await withProxy(t, { redis, config: RULES });
  const client = await withRaw(t, proxy.port);
  await client.write(Buffer.concat([command('SET', 'a', Buffer.alloc(15_000)), command('BLPOP', 'none', 0)]));
  await client.readReplies(1);
  const growth = async () => (await proxy.admin('/api/memory')).growthSinceReadingBytes;
  await until(async () => (await growth()) === 0, { describe: 'the growth to be in a reading' });
  t.pass('a blocked client holds no growth back');
});

t.test('a replica leaves memory to its master, and so does Spillway', async (t) => {
  const master = await withRedis(t);
  const replica = await withRedis(t, [
    '--maxmemory',
    '20mb',
    '--replicaof',
    '127.0.0.1',
    String(master.port),
  ]);
  const config = { ...RULES, memory: { shed: { normal: ['0%', '0%'] } } };
  const proxy = await withProxy(t, { redis: replica, config });
  t.match(await proxy.admin('/api/memory'), { active: false, reason: /replica/ });
  const client = await withRaw(t, proxy.port);
  t.match(String(await client.call('SET', 'a', 1)), /^-READONLY/);
});
