import net from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { serving } from '../../support/listen.js';
import { command, connectRaw, withRaw } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';
import { frameReply } from '../../support/resp-framing.js';
import { until } from '../../support/wait.js';

const REPLIES = [
  '+OK\r\n',
  '-ERR no\r\n',
  ':-12\r\n',
  '$5\r\na\r\nbc\r\n',
  '$0\r\n\r\n',
  '$-1\r\n',
  '*-1\r\n',
  '*0\r\n',
  '*2\r\n*1\r\n:1\r\n$1\r\nx\r\n',
  '_\r\n',
  '#t\r\n',
  ',1.5\r\n',
  '(123456789012345678901234567890\r\n',
  '!9\r\nERR oh no\r\n',
  '=7\r\ntxt:abc\r\n',
  '%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n',
  '~2\r\n:1\r\n:2\r\n',
  '>2\r\n+pubsub\r\n+x\r\n',
  '|1\r\n+ttl\r\n:3\r\n$1\r\nv\r\n',
];

t.test('every reply ends where it ends, and is incomplete at every cut', async (t) => {
  for (const reply of REPLIES) {
    const bytes = Buffer.from(reply);
    t.same(frameReply(Buffer.concat([bytes, Buffer.from(':9\r\n')]), 0), { end: bytes.length }, reply);
    for (let cut = 0; cut < bytes.length; cut++) {
      const framing = frameReply(bytes.subarray(0, cut), 0);
      t.ok(
        'atLeast' in framing && framing.atLeast > cut && framing.atLeast <= bytes.length,
        `${reply} cut at ${cut}`,
      );
    }
  }
  t.throws(() => frameReply(Buffer.from('GET\r\n'), 0), /no RESP/);
  t.throws(() => frameReply(Buffer.from('$abc\r\n'), 0), /bad length/);
});

t.test('the raw client hands out replies as they were sent, however they are cut', async (t) => {
  const server = net.createServer();
  const port = await serving(t, server);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...REPLIES), { maxLength: 8 }),
      fc.array(fc.nat(200), { maxLength: 6 }),
      async (replies, cuts) => {
        const bytes = Buffer.from(replies.join(''));
        const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
        const client = await connectRaw(port);
        const peer = await accepted;
        let from = 0;
        for (const to of [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]) {
          peer.write(bytes.subarray(from, to));
          from = to;
        }
        peer.end('tail');
        const got = await client.readReplies(replies.length);
        const rest = await client.readUntilClosed();
        client.destroy();
        return got.join('') === replies.join('') && got.length === replies.length && String(rest) === 'tail';
      },
    ),
    { numRuns: 60 },
  );
});

t.test('the raw client says what it waited for', async (t) => {
  const port = await serving(
    t,
    net.createServer((socket) => socket.end('+half')),
  );
  const client = await withRaw(t, port);
  await t.rejects(client.readReplies(1), /reply 1 of 1: connection closed; unread: 5 bytes/);
  const waiting = await withRaw(t, await serving(t, net.createServer({ allowHalfOpen: true })), 30);
  await t.rejects(waiting.readExactly(1), /1 bytes: not within 30 ms/);
});

t.test('against a live server', async (t) => {
  const redis = await withRedis(t);
  const client = await withRaw(t, redis.port);
  t.equal(String(await client.call('SET', 'k', Buffer.from([0, 13, 10, 255]))), '+OK\r\n');
  void client.write(Buffer.concat([command('HELLO', 3), command('GET', 'k'), command('GET', 'none')]));
  const [hello, value, none] = await client.readReplies(3);
  t.match(String(hello), /^%\d/);
  t.same(value, Buffer.from([0x24, 0x34, 13, 10, 0, 13, 10, 255, 13, 10]));
  t.equal(String(none), '_\r\n');
});

t.test('until() resolves with the first true value, or says what it waited for', async (t) => {
  let calls = 0;
  t.equal(await until(() => (++calls === 3 ? 'yes' : undefined)), 'yes');
  await t.rejects(
    until(() => false, { timeoutMs: 20, describe: () => `call ${calls}` }),
    /waited 20 ms for call 3/,
  );
});
