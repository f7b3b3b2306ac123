// A shared connection that is lost under a client that a fault of Spillway's own has ended: nothing of that client stays on
// it, nothing is said to it any more, and the loss is no second fault.
import t from 'tap';
import { Place, type SharedUpstream } from '../../../src/core/session/pooling/placement.js';
import { SharedLane } from '../../../src/core/session/pooling/shared-lane.js';
import { cmd, makeSession, Sink } from '../../support/session-lab.js';

const ERROR = Buffer.from('-LOST\r\n');
const bytes = (...words: string[]): Buffer => Buffer.from(cmd(...words), 'latin1');

/** A client that shares, whose next write is a fault. */
function sharing() {
  const batch = new Sink();
  const lane = new SharedLane();
  const shared: SharedUpstream = { batch, lane, allowance: 1 << 20 };
  const made = makeSession({}, true, () => shared);
  const { session, observer } = made;
  session.vouched(true);
  session.fromClient(bytes('SET', 'k', 'v'));
  session.attachShared(shared);
  const fault = new Error('said by the test');
  let writes = 0;
  observer.onWrite = () => {
    if (++writes > 1) throw fault;
  };
  return { ...made, ...{ batch, lane, shared, fault } };
}

for (const [when, reply] of [
  ['between two replies', '+OK\r\n'],
  ['in the middle of a reply', '+O'],
  ['before its reply', ''],
] as const) {
  t.test(when, async (t) => {
    const { session, client, batch, lane, shared, fault } = sharing();
    t.equal(batch.take().toString('latin1'), cmd('SET', 'k', 'v'));
    if (reply !== '') lane.receive(Buffer.from(reply));
    t.equal(client.take().toString('latin1'), reply);
    session.fromClient(Buffer.concat([bytes('SET', 'k', 'w'), bytes('SET', 'k', 'x')]));
    t.equal(session.fault, fault);
    t.ok(session.spoilsShared, 'it may have got half a command');

    // As the owner of a lost connection does.
    t.doesNotThrow(() => lane.fail(ERROR));
    t.doesNotThrow(() => session.detachShared(shared));
    t.doesNotThrow(() => session.detachShared(shared), 'of which both kinds may tell');
    t.equal(session.fault, fault, 'the first fault is the one that is told');
    t.ok(session.hasOwnUpstream === false && session.wants === 0, 'it wants no other one');

    session.fromClient(bytes('GET', 'k'));
    session.attachShared(shared);
    session.close();
    t.equal(batch.take().length, 0, 'nothing goes up any more');
    t.ok(lane.idle, 'no reply is owed to it');
    t.equal(client.take().length, 0, 'and none is made up');
  });
}

t.test('a client for whose shared connection there is no room wants an own one', async (t) => {
  const { session } = makeSession({}, true, () => undefined);
  session.vouched(true);
  session.fromClient(bytes('SET', 'k', 'v'));
  t.equal(session.wants, Place.SHARED);
  session.keepOwn('no-room');
  t.equal(session.wants, Place.OWN);
  session.keepOwn('no-room');
  t.equal(session.wants, Place.OWN, 'and goes on wanting it');
});

t.test('a client leaves the shared connection that is lost, and no other', async (t) => {
  const made = () => ({ batch: new Sink(), lane: new SharedLane(), allowance: Number.POSITIVE_INFINITY });
  const [here, other] = [made(), made()];
  const { session } = makeSession({}, true);
  session.vouched(true);
  session.fromClient(bytes('SET', 'k', 'v'));
  session.attachShared(here);
  here.lane.receive(Buffer.from('+OK\r\n'));
  session.detachShared(other);
  session.fromClient(bytes('SET', 'k', 'w'));
  t.equal(session.wants, Place.NOWHERE);
  t.equal(here.batch.all(), cmd('SET', 'k', 'v') + cmd('SET', 'k', 'w'));
  here.lane.receive(Buffer.from('+OK\r\n'));
  session.detachShared(here);
  t.notOk(session.spoilsShared);
  session.fromClient(bytes('SET', 'k', 'x'));
  t.equal(session.wants, Place.SHARED);
  t.equal(here.batch.all(), cmd('SET', 'k', 'v') + cmd('SET', 'k', 'w'), 'nothing more goes up there');
});
