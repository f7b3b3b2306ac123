// What a client's own connection had to tell of one command is not asked of later ones: on a shared connection its pipeline
// takes one entry of pending replies, whatever its length.
import t from 'tap';
import { Place, type SharedUpstream } from '../../../src/core/session/pooling/placement.js';
import { SharedLane } from '../../../src/core/session/pooling/shared-lane.js';
import { cmd, makeSession, OK, Sink } from '../../support/session-lab.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

for (const telling of [cmd('CLIENT', 'SETNAME', 'me'), cmd('SELECT', 1), cmd('UNWATCH')]) {
  t.test(JSON.stringify(telling), async (t) => {
    const lane = new SharedLane();
    const shared: SharedUpstream = { batch: new Sink(), lane, allowance: Number.POSITIVE_INFINITY };
    const { session, client, context } = makeSession({ pendingRuns: 2 }, true);
    session.vouched(true);
    session.fromClient(bytes(telling));
    session.attach(new Sink(), true);
    session.fromUpstream(bytes(OK));
    t.ok(session.mayRelease);
    session.detach();
    session.fromClient(bytes(cmd('GET', 'a')));
    t.equal(session.wants, Place.SHARED);
    session.attachShared(shared);
    lane.receive(bytes('$-1\r\n'));
    const { stalls } = context.counters;
    session.fromClient(bytes(cmd('GET', 'a').repeat(64)));
    t.equal(context.counters.stalls, stalls, 'the pipeline does not stall');
    const replies = '$-1\r\n'.repeat(64);
    lane.receive(bytes(replies));
    t.equal(client.all(), `${OK}$-1\r\n${replies}`);
    t.match(session, { idle: true, fault: undefined });
  });
}
