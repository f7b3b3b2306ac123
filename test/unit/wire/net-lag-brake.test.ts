// What slow readers may hold of a shared connection, and what may wait for them: for all of them together.
import t from 'tap';
import { LagBrake } from '../../../src/wire/upstream/lag-brake.js';
import { UnreadReplies } from '../../../src/wire/upstream/unread-replies.js';

function brake() {
  const seen = { held: false, now: 0 };
  const held = {
    pause(): void {
      seen.held = true;
    },
    resume(): void {
      seen.held = false;
    },
  };
  return { seen, brake: new LagBrake<string>(held, () => seen.now) };
}

t.test('a client alone on its connection may lag as long as it likes', async (t) => {
  const { seen, brake: lag } = brake();
  lag.apply('a', true);
  seen.now = 60_000;
  t.ok(seen.held && lag.isOn);
  lag.release('b');
  t.ok(seen.held, 'who does not hold has nothing to release');
  lag.release('a');
  t.notOk(seen.held || lag.isOn);
});

t.test('the share of a second is one for all holders, and comes back with time', async (t) => {
  const { seen, brake: lag } = brake();
  lag.apply('a', false);
  lag.apply('b', false);
  seen.now = 60;
  lag.release('a');
  t.ok(seen.held, 'another one still holds');
  seen.now = 95;
  lag.release('b');
  t.notOk(seen.held);
  lag.apply('c', false);
  t.notOk(seen.held, 'nearly all of it is used up');
  seen.now = 95 + 500;
  lag.apply('c', false);
  t.ok(seen.held, 'half a second gives half of it back');
  lag.letGo();
  t.notOk(seen.held || lag.isOn);
});

t.test('waiting bytes are summed over all clients, and the largest holder is found', async (t) => {
  const unread = new UnreadReplies<string>(100);
  t.ok(unread.set('a', 60));
  t.ok(unread.set('b', 40));
  t.notOk(unread.set('c', 1));
  t.equal(unread.most(), 'a');
  t.ok(unread.set('a', 0), 'who keeps up again counts no more');
  t.equal(unread.most(), 'b');
  t.ok(unread.set('b', 30) && unread.set('c', 70));
  t.notOk(unread.set('c', 71));
  t.equal(unread.most(), 'c');
});
