// A session that is paused while the primary may move: nothing new goes up, what has begun is finished, and what waited goes
// up when the pause is over, once and in order. What is played at random is in property/core/session*.test.ts.
import t from 'tap';
import type { CommandRouter } from '../../../src/core/session/request/command-router.js';
import { cmd, makeSession, OK } from '../../support/session-lab.js';

const transaction = cmd('MULTI') + cmd('SET', 'k', 'v') + cmd('EXEC');
const executed = '+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n';
const large = cmd('SET', 'k', 'v'.repeat(20_000));
const piped = cmd('MULTI') + cmd('SUBSCRIBE', 'c') + cmd('SET', 'k', 'v') + cmd('EXEC');

function paused(before: string, answers = '', all = false) {
  const made = makeSession({ rules: [] });
  const { session, upstream } = made;
  session.fromClient(Buffer.from(before));
  if (answers !== '') session.fromUpstream(Buffer.from(answers));
  upstream.take();
  session.pause(all);
  const send = (text: string): string => {
    session.fromClient(Buffer.from(text));
    return upstream.take().toString('latin1');
  };
  const answer = (text: string): string => {
    session.fromUpstream(Buffer.from(text));
    return upstream.take().toString('latin1');
  };
  const unpause = (): string => {
    session.unpause();
    return upstream.take().toString('latin1');
  };
  return { ...made, send, answer, unpause };
}

t.test('new commands wait, wherever they are cut, and go up once', async (t) => {
  const text = cmd('GET', 'a') + cmd('INCR', 'n') + large.slice(0, 17_000);
  for (let cut = 0; cut <= text.length; cut += cut < 60 ? 1 : 1500) {
    const { session, send, unpause } = paused('');
    t.equal(send(text.slice(0, cut)) + send(text.slice(cut)), '');
    t.ok(session.stalled);
    t.equal(unpause(), text);
    t.equal(send(large.slice(17_000)), large.slice(17_000));
  }
});

t.test('replies that are owed come, and let nothing through', async (t) => {
  const { client, send, answer, unpause } = paused(cmd('GET', 'a'));
  t.equal(send(cmd('GET', 'b')), '');
  t.equal(answer('$1\r\n'), '');
  t.equal(answer('x\r\n'), '');
  t.equal(client.all(), '$1\r\nx\r\n');
  t.equal(unpause(), cmd('GET', 'b'));
});

t.test('a transaction goes on to its EXEC, unless all is to stop', async (t) => {
  for (let cut = cmd('MULTI').length; cut < transaction.length; cut++) {
    for (const all of [false, true]) {
      const { session, send, answer, unpause } = paused(transaction.slice(0, cut), OK, all);
      const rest = transaction.slice(wholeUpTo(cut));
      const sent = send(transaction.slice(cut) + cmd('GET', 'a'));
      t.equal(sent, all ? '' : rest, `cut at ${cut}`);
      if (!all) t.equal(answer(executed.slice(OK.length)), '');
      const queued = session.heldBytes > 0 && wholeUpTo(cut) > cmd('MULTI').length;
      const held = unpause() + (all && queued ? answer('+QUEUED\r\n') : '');
      t.equal(sent + held, rest + cmd('GET', 'a'));
    }
  }
});

/** Behind the last whole command of the transaction that has come by `cut`. */
function wholeUpTo(cut: number): number {
  const ends = [cmd('MULTI').length, cmd('MULTI').length + cmd('SET', 'k', 'v').length];
  return Math.max(...ends.filter((end) => end <= cut));
}

t.test('a streaming command goes on to its end, unless all is to stop', async (t) => {
  for (const all of [false, true]) {
    const { send, unpause } = paused(large.slice(0, 18_000), '', all);
    const rest = large.slice(18_000);
    t.equal(send(rest + cmd('GET', 'a')), all ? '' : rest);
    t.equal(unpause(), all ? rest + cmd('GET', 'a') : '', 'what waits for replies waits on');
  }
});

t.test('a pipe waits whole, also one that the pause meets on the way', async (t) => {
  const there = paused(cmd('MONITOR'), OK);
  t.equal(there.send('PING\r\n'), '');
  t.equal(there.unpause(), 'PING\r\n');
  const begun = paused(cmd('MULTI'), OK);
  const goesUp = begun.send(piped.slice(cmd('MULTI').length));
  t.equal(goesUp, cmd('SUBSCRIBE', 'c'), 'what makes it a pipe');
  t.equal(begun.unpause(), cmd('SET', 'k', 'v') + cmd('EXEC'));
  const refused = paused(cmd('MONITOR'));
  t.equal(refused.answer(OK) + refused.send('PING\r\n'), '');
  t.equal(refused.unpause(), 'PING\r\n');
  const malformed = paused('');
  t.equal(malformed.send('*1\r\n!\r\n'), '');
  t.equal(malformed.unpause(), '*1\r\n!\r\n');
});

t.test('commands of a client that leaves in the pause never reach the server', async (t) => {
  for (const all of [false, true]) {
    const { session, send, answer, unpause } = paused(cmd('GET', 'a'), '', all);
    t.equal(send(cmd('SET', 'k', 'v') + large.slice(0, 18_000)), '');
    session.clientEnded();
    t.notOk(session.stalled);
    t.equal(session.heldBytes, 0);
    t.equal(answer('$-1\r\n'), '');
    t.equal(unpause(), '');
  }
});

t.test('follow-ups of what went up before the pause go up', async (t) => {
  const { session, upstream } = makeSession({});
  session.fromClient(Buffer.from(cmd('MULTI') + cmd('INCR', 'ttl:n') + cmd('EXEC')));
  session.fromUpstream(Buffer.from(OK));
  session.pause();
  session.fromClient(Buffer.from(cmd('GET', 'a')));
  upstream.take();
  session.fromUpstream(Buffer.from('+QUEUED\r\n*1\r\n:1\r\n'));
  t.match(upstream.take().toString(), /PEXPIRE/);
  session.fromUpstream(Buffer.from(':1\r\n'));
  t.equal(upstream.take().toString(), '');
  session.unpause();
  t.equal(upstream.take().toString(), cmd('GET', 'a'));
});

t.test('a drain in a pause, and a pause in a drain', async (t) => {
  for (const first of ['drain', 'pause'] as const) {
    const { session, upstream } = makeSession({ rules: [] });
    session.fromClient(Buffer.from(cmd('MULTI')));
    if (first === 'drain') session.drain();
    session.pause(true);
    if (first === 'pause') session.drain();
    upstream.take();
    session.fromUpstream(Buffer.from(OK));
    session.fromClient(Buffer.from(transaction.slice(cmd('MULTI').length) + cmd('GET', 'a')));
    t.equal(upstream.take().toString(), '');
    t.notOk(session.idle, 'the transaction is still waited for');
    session.unpause();
    session.fromUpstream(Buffer.from(executed.slice(OK.length)));
    t.equal(upstream.take().toString(), transaction.slice(cmd('MULTI').length), 'and nothing behind it');
    t.ok(session.idle);
  }
});

t.test('a client that waits in a pause is not idle', async (t) => {
  const { session, send } = paused('');
  t.ok(session.mayTimeOut);
  send(cmd('GET', 'a'));
  t.notOk(session.mayTimeOut);
});

t.test('a refusal is for the held command alone, also if that goes up after all', async (t) => {
  const refusal = '-ERR refused\r\n';
  // Each waits for the reply to GET, and goes up then. No caller refuses such a command: that is asked of the router itself.
  for (const held of [cmd('AUTH', 'secret'), cmd('HELLO', '3', 'AUTH', 'default', 'secret')]) {
    for (const all of [false, true]) {
      const { session, client, upstream } = makeSession({ rules: [] });
      const { router } = session as unknown as { readonly router: CommandRouter };
      session.fromClient(Buffer.from(cmd('GET', 'a') + held));
      t.equal(upstream.take().toString(), cmd('GET', 'a'));
      router.refuse(Buffer.from(refusal));
      session.fromUpstream(Buffer.from('$-1\r\n'));
      t.equal(upstream.take().toString(), held);
      session.fromUpstream(Buffer.from(OK));
      session.pause(all);
      session.fromClient(Buffer.from(cmd('GET', 'b')));
      t.ok(session.stalled);
      session.unpause();
      t.equal(upstream.take().toString(), cmd('GET', 'b'));
      t.equal(client.all(), `$-1\r\n${OK}`);
    }
  }
});
