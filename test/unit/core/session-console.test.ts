// PROXY in a session: where the answer stands, who gets one, and what the server hears of it.
import t, { type Test } from 'tap';
import {
  cmd,
  consoleAnswer,
  direct,
  everyWay,
  lend,
  makeSession,
  OK,
  type Scenario,
} from '../../support/session-lab.js';

const PROBE = cmd('INFO', 'spillway');
const ASK = cmd('PROXY', 'STATS', 'a*');
const ANSWER = consoleAnswer(['STATS', 'a*'], 2);
const EMPTY = '$0\r\n\r\n';

/** The client sees what it would see of a server that knows PROXY. */
function asOfServer(t: Test, scenario: Scenario): ReturnType<typeof everyWay> {
  const outcome = everyWay({ console: true, ...scenario });
  const { server } = scenario;
  t.equal(outcome.client, direct({ ...scenario, server: { ...server, console: true } }));
  return outcome;
}

t.test('between other commands, cut anywhere, the answer keeps its place', async (t) => {
  const client = `${cmd('SET', 'other', 'v') + ASK}proxy STATS a*\r\n${cmd('GET', 'other')}${ASK}`;
  const { commands } = asOfServer(t, { client });
  t.same(
    commands.map(([name]) => name),
    ['SET', 'INFO', 'INFO', 'GET', 'INFO'],
    'the server is asked whether its client may ask',
  );
});

t.test('a shed write and a follow-up before it keep theirs', async (t) => {
  const client = cmd('SET', 'low:a', 'v') + ASK + cmd('INCR', 'ttl:n') + ASK + cmd('SET', 'low:b', 'v');
  const full = (key: string) => key.startsWith('low:');
  asOfServer(t, { client, shedding: true, server: { full } });
});

t.test('PROXY is answered in the protocol that the client speaks by then', async (t) => {
  const { client } = asOfServer(t, { client: ASK + cmd('HELLO', '3') + ASK + cmd('HELLO', '2') + ASK });
  t.same(client.match(/RESP\d/g), ['RESP2', 'RESP3', 'RESP2']);
});

t.test('a client that may not run INFO gets the server’s own refusal', async (t) => {
  const unauthenticated = asOfServer(t, {
    client: ASK + cmd('AUTH', 'secret') + ASK,
    server: { password: true },
  });
  t.match(unauthenticated.client, /^-NOAUTH /);
  const denied = asOfServer(t, { client: ASK, server: { denied: ['info'] } });
  t.equal(denied.client, "-NOPERM this user has no permissions to run the 'info' command\r\n");
  t.match(asOfServer(t, { client: cmd('SUBSCRIBE', 'c') + ASK }).client, /-ERR Can't execute 'info'/);
});

t.test('in a transaction it is refused, and the transaction with it', async (t) => {
  const { client } = asOfServer(t, {
    client: cmd('MULTI') + cmd('SET', 'other', 'v') + ASK + cmd('EXEC') + ASK,
  });
  const refused = '-ERR Command not allowed inside a transaction\r\n';
  const aborted = '-EXECABORT Transaction discarded because of previous errors.\r\n';
  t.equal(client, `${OK}+QUEUED\r\n${refused}${aborted}${ANSWER}`);
  const none = asOfServer(t, { client: cmd('MULTI') + ASK, server: { denied: ['multi'] } });
  t.equal(
    none.client,
    `-NOPERM this user has no permissions to run the 'multi' command\r\n${ANSWER}`,
    'a MULTI that was refused began none',
  );
});

t.test('silence is kept', async (t) => {
  const skipped = asOfServer(t, { client: cmd('CLIENT', 'REPLY', 'SKIP') + ASK + ASK });
  t.equal(skipped.client, ANSWER);
  asOfServer(t, { client: cmd('CLIENT', 'REPLY', 'OFF') + ASK + cmd('CLIENT', 'REPLY', 'ON') + ASK });
  const client = cmd('CLIENT', 'REPLY', 'SKIP') + cmd('MULTI') + cmd('SETNX', 'str:a', 1) + ASK;
  const unknown = everyWay({ client, console: true, server: { denied: ['multi'] } });
  t.ok(unknown.raw, 'whether a transaction has begun will never be known');
  t.match(unknown.client, /^:1\r\n-ERR unknown command/);
});

t.test('switched off, it passes byte for byte', async (t) => {
  const { client, upstream } = everyWay({ client: ASK });
  t.equal(upstream, ASK);
  t.match(client, /^-ERR unknown command 'PROXY', with args beginning with: '.*' \r\n$/);
});

t.test('PROXY with a large argument goes to Redis', async (t) => {
  const large = cmd('PROXY', 'x'.repeat(100_000));
  const { session, upstream } = makeSession({ console: true });
  lend(Buffer.from(large.slice(0, 50_000)), (bytes) => session.fromClient(bytes));
  lend(Buffer.from(large.slice(50_000)), (bytes) => session.fromClient(bytes));
  t.equal(upstream.all(), large);
});

t.test('later commands wait for the answer; pushes do not', async (t) => {
  const { session, upstream, client } = makeSession({ console: true });
  session.fromClient(Buffer.from(ASK + cmd('GET', 'other')));
  t.equal(upstream.take().toString(), PROBE);
  t.equal(session.takeQuestion(), undefined, 'nothing is asked before the server has said that it may be');
  session.fromUpstream(Buffer.from('=4\r\ntxt:\r\n'));
  const question = session.takeQuestion();
  if (question === undefined) throw new Error('no question');
  t.match(question, { words: ['STATS', 'a*'], resp: 3 });
  t.equal(session.takeQuestion(), undefined, 'it is given once');
  t.ok(session.stalled);
  t.notOk(session.idle, 'a drain waits for it');
  t.notOk(session.mayTimeOut, 'and so does the idle timeout');
  const push = '>2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n';
  session.fromUpstream(Buffer.from(push.slice(0, 9)));
  session.answer(question, Buffer.from('+answer\r\n'));
  t.equal(client.take().toString(), push.slice(0, 9), 'not into the middle of a push');
  session.fromUpstream(Buffer.from(push.slice(9)));
  t.equal(client.take().toString(), `${push.slice(9)}+answer\r\n`);
  t.equal(upstream.take().toString(), cmd('GET', 'other'));
  session.answer(question, Buffer.from('+again\r\n'));
  session.fromUpstream(Buffer.from('$-1\r\n'));
  t.equal(client.take().toString(), '$-1\r\n', 'a question has one answer');
  t.ok(session.idle);
});

t.test('where the connection has become a pipe, replies do not wait for it', async (t) => {
  const { session, client } = makeSession({ console: true });
  session.fromClient(Buffer.from(cmd('BLPOP', 'k', '0') + ASK + cmd('GET', 'other')));
  session.clientEnded();
  session.fromUpstream(Buffer.from(`*-1\r\n${EMPTY}`));
  const question = session.takeQuestion();
  if (question === undefined) throw new Error('no question');
  t.equal(client.take().toString(), '*-1\r\n');
  session.fromUpstream(Buffer.from('$1\r\nv\r\n'));
  t.equal(
    client.take().toString(),
    '-ERR the connection went on before Spillway could answer\r\n$1\r\nv\r\n',
  );
  session.answer(question, Buffer.from('+late\r\n'));
  t.equal(client.take().toString(), '');
});

t.test('a question waits until the server has answered it, and no longer', async (t) => {
  for (const answer of ['-NOPERM no\r\n', '-NOAUTH no\r\n', EMPTY]) {
    const { session } = makeSession({ console: true });
    session.fromClient(Buffer.from(cmd('GET', 'other') + ASK));
    const { waitingQuestion } = session;
    t.not(waitingQuestion, 0);
    session.fromUpstream(Buffer.from('$1\r\nx\r\n'));
    t.equal(session.waitingQuestion, waitingQuestion, 'after the reply before it');
    session.fromUpstream(Buffer.from(answer.slice(0, 3)));
    t.equal(session.waitingQuestion, waitingQuestion, 'in the midst of the answer');
    session.fromUpstream(Buffer.from(answer.slice(3)));
    t.equal(session.waitingQuestion, 0);
  }
});
