// What counts as the server's latency: one command at a time, and neither waiting for work nor an answer of Spillway itself.
import t from 'tap';
import type { TrafficObserver } from '../../../src/core/policy/observer.js';
import { Pending } from '../../../src/core/session/reply/pending-kind.js';
import { PendingQueue } from '../../../src/core/session/reply/pending-queue.js';
import { LatencySampler } from '../../../src/core/session/request/latency-sampler.js';

function lab() {
  const queue = new PendingQueue();
  const seen: number[] = [];
  let now = 0;
  const observer = { onLatency: (ms: number) => void seen.push(ms) } as unknown as TrafficObserver;
  const sampler = new LatencySampler(queue, observer, () => now);
  return {
    seen,
    sampler,
    /** A command goes up; the read that brought it ends with it unless `more`. */
    ask: (mark?: 'blocks' | 'asks', more = false) => {
      queue.push(Pending.PASS);
      if (mark !== undefined) sampler[mark]();
      if (!more) sampler.begin();
    },
    answer: (afterMs: number) => {
      now += afterMs;
      queue.pop();
      sampler.settle();
    },
  };
}

t.test('a command alone, and the last of several that one read brought', async (t) => {
  const { seen, ask, answer } = lab();
  ask();
  answer(3);
  ask(undefined, true);
  ask();
  answer(2);
  answer(5);
  t.strictSame(seen, [3, 7]);
});

t.test('waiting for work is no latency, nor is what stands behind it', async (t) => {
  const { seen, ask, answer } = lab();
  ask('blocks');
  answer(200);
  ask('blocks', true);
  ask();
  answer(200);
  answer(1);
  t.strictSame(seen, []);
  ask();
  answer(4);
  t.strictSame(seen, [4]);
});

t.test(
  'a command under way when a blocking one comes is none any more: its reply may wait, too',
  async (t) => {
    const { seen, ask, answer } = lab();
    ask();
    ask('blocks');
    answer(2);
    answer(200);
    t.strictSame(seen, []);
  },
);

t.test("Spillway's own answers do not count", async (t) => {
  const { seen, ask, answer } = lab();
  ask('asks');
  answer(50);
  t.strictSame(seen, []);
});
