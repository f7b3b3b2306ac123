// Places where framing by the letter goes wrong: what Redis answers before a command is whole, and what it writes
// into the middle of a reply. Each is compared with the same bytes sent direct.
import t from 'tap';
import { withProxy } from '../support/proxy.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';

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
