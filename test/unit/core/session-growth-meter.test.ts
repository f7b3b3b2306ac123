// What counts as growth under way: what has gone up and has no answer, for two ages at most; never what is only announced.
import t from 'tap';
import { Priority } from '../../../src/core/policy/rule.js';
import { ShedGate } from '../../../src/core/policy/shed.js';
import { Pending } from '../../../src/core/session/reply/pending-kind.js';
import { PendingQueue } from '../../../src/core/session/reply/pending-queue.js';
import { GrowthMeter } from '../../../src/core/session/request/growth-meter.js';

const AGE_MS = 500;

/** A meter with its gate and its queue of replies. */
function make() {
  const gate = new ShedGate();
  const queue = new PendingQueue();
  const meter = new GrowthMeter(gate, queue);
  let now = 0;
  gate.readingAsked(now);
  return {
    gate,
    meter,
    underWay: () => gate.admitted - gate.answered,
    /** A whole write goes up. */
    write: (growth: number) => {
      queue.push(Pending.PASS);
      meter.add(growth, Priority.NORMAL);
      meter.mark();
    },
    /** What grows nothing, and may keep its client waiting. */
    other: () => {
      queue.push(Pending.PASS);
      meter.mark();
    },
    reply: (count = 1) => {
      for (let i = 0; i < count; i++) queue.pop();
      meter.settle();
    },
    age: () => {
      now += AGE_MS;
      gate.readingAsked(now);
    },
  };
}

t.test('a write counts until its reply', async (t) => {
  const { write, reply, underWay } = make();
  write(100);
  t.equal(underWay(), 100);
  reply();
  t.equal(underWay(), 0);
});

t.test('bytes sent behind a mark belong to it once it is reached', async (t) => {
  const { write, reply, underWay } = make();
  write(100);
  write(10);
  write(1);
  reply();
  t.equal(underWay(), 11);
  reply();
  t.equal(underWay(), 11, 'the second mark stands behind the third write');
  reply();
  t.equal(underWay(), 0, 'and is reached with no write behind it');
});

t.test('commands behind a write do not keep it under way', async (t) => {
  const { write, other, reply, underWay } = make();
  write(100);
  other();
  reply();
  t.equal(underWay(), 0);
});

t.test('a write behind a command that waits is in a reading two ages later', async (t) => {
  const { write, other, reply, underWay, age, gate } = make();
  other();
  write(100);
  t.equal(underWay(), 100);
  age();
  t.equal(underWay(), 100, 'it may not have been read yet');
  write(10);
  age();
  t.equal(underWay(), 10);
  age();
  t.equal(underWay(), 0);
  reply(3);
  t.equal(underWay(), 0, 'its reply takes nothing off twice');
  t.equal(gate.answered, 110);
  write(5);
  t.equal(underWay(), 5);
  reply();
  t.equal(underWay(), 0);
});

t.test('replies take off what went up first, whatever age it is of', async (t) => {
  const { write, reply, underWay, age } = make();
  write(100);
  age();
  write(10);
  reply();
  t.equal(underWay(), 10);
  age();
  t.equal(underWay(), 10);
  reply();
  t.equal(underWay(), 0);
});

t.test('ages end with readings, and last', async (t) => {
  const { gate, write, underWay } = make();
  write(100);
  for (let ms = 0; ms < 400; ms += 10) gate.readingAsked(ms);
  t.equal(underWay(), 100, 'many readings are no age');
});

t.test('of a command in pieces, the bytes that have gone up count', async (t) => {
  const { meter, gate, underWay, write, reply, age } = make();
  write(7);
  meter.begin(1000);
  t.equal(underWay(), 7);
  t.equal(gate.promised, 1000);
  meter.progress(200, 800, Priority.NORMAL);
  meter.mark();
  t.equal(underWay(), 207);
  t.equal(gate.promised, 800);
  reply();
  t.equal(underWay(), 200, 'what was whole before it is answered by its own reply');
  age();
  age();
  t.equal(underWay(), 0, 'no progress: what there is of it is in the reading');
  t.equal(gate.promised, 0, 'and the rest may never come');
  meter.progress(300, 700, Priority.NORMAL);
  t.equal(underWay(), 100, 'it goes on');
  t.equal(gate.promised, 0);
  write(1250);
  t.equal(underWay(), 1050);
  reply();
  t.equal(underWay(), 0);
  t.equal(gate.admitted, 1257, 'each byte once');
});

t.test('an end leaves nothing under way, and nothing counts behind it', async (t) => {
  const { meter, gate, underWay, write, reply } = make();
  write(100);
  write(10);
  meter.begin(1000);
  meter.progress(50, 900, Priority.NORMAL);
  meter.close();
  t.equal(underWay(), 0);
  t.equal(gate.promised, 0);
  reply(2);
  write(5);
  reply();
  meter.begin(50);
  t.equal(underWay(), 0, 'replies of a shared connection come late');
  t.equal(gate.answered, 160);
  t.equal(gate.promised, 0);
});

t.test('under CLIENT REPLY OFF nothing tells, so nothing is waited for', async (t) => {
  const { meter, underWay } = make();
  meter.add(100, Priority.NORMAL);
  meter.mark();
  t.equal(underWay(), 0);
});

t.test('a promise calls the owner of the gate, who measures large writes against it', async (t) => {
  const { meter, gate } = make();
  let calls = 0;
  gate.onGrowth = () => {
    calls++;
  };
  meter.begin(10);
  t.equal(calls, 1);
});

t.test('before anything has gone up, nothing is promised', async (t) => {
  const { promised, promisedElsewhere, admitted, answered } = new ShedGate();
  t.same([promised, promisedElsewhere, admitted, answered], [0, 0, 0, 0]);
});
