// A client that closes its connection while Spillway holds commands of it: behind a blocking command they go up as they
// are, since only the server can end the wait; in every other case nothing changes, and replies come on.
import t from 'tap';
import { Place } from '../../../src/core/session/pooling/placement.js';
import { cmd, makeSession, OK, Sink } from '../../support/session-lab.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const BLOCKED = cmd('BLPOP', 'k', 0);
/** Waits until every reply has come. */
const LOGIN = cmd('AUTH', 'secret');

t.test('behind a blocking command, what is held goes up, and all else unread', async (t) => {
  for (const held of [LOGIN, LOGIN + cmd('GET', 'a'), LOGIN + cmd('SET', 'k', 'v').slice(0, 12)]) {
    const { session, upstream, client, context } = makeSession({});
    session.fromClient(bytes(BLOCKED + held));
    t.ok(session.stalled);
    t.equal(upstream.take().toString(), BLOCKED);
    session.clientEnded();
    t.equal(upstream.take().toString(), held);
    t.equal(session.heldBytes, 0);
    t.match(context.counters, { raw: 1 });
    session.fromUpstream(bytes(`*-1\r\n${OK}${OK}`));
    t.equal(client.take().toString(), `*-1\r\n${OK}${OK}`, 'replies pass');
    t.equal(session.fault, undefined);
  }
});

t.test('behind a command that does not block, what is held waits for its reply', async (t) => {
  const { session, upstream, context } = makeSession({});
  session.fromClient(bytes(cmd('GET', 'a') + LOGIN));
  session.clientEnded();
  t.equal(upstream.take().toString(), cmd('GET', 'a'));
  session.fromUpstream(bytes('$-1\r\n'));
  t.equal(upstream.take().toString(), LOGIN);
  t.match(context.counters, { raw: 0 });
});

t.test('where nothing is held, the connection does not become a pipe', async (t) => {
  const { session, context } = makeSession({});
  session.fromClient(bytes(BLOCKED));
  session.clientEnded();
  t.match(context.counters, { raw: 0 });
  t.notOk(session.unanswered);
});

t.test(
  'a client that waits for a shared connection behind a blocking command no longer wants it',
  async (t) => {
    const { session } = makeSession({}, true, () => undefined);
    const own = new Sink();
    session.vouched(true);
    session.fromClient(bytes(BLOCKED));
    t.equal(session.wants, Place.OWN);
    session.attach(own, true);
    const reads = cmd('GET', 'a').repeat(1025);
    session.fromClient(bytes(reads));
    t.equal(session.wants, Place.SHARED, 'a pipeline without an end leaves the own connection');
    session.clientEnded();
    t.equal(session.wants, Place.NOWHERE);
    t.equal(own.take().toString(), BLOCKED + reads);
  },
);
