// The queue of pending replies against the obvious one, an array with an entry for each reply.
import fc from 'fast-check';
import t from 'tap';
import { Pending } from '../../../src/core/session/reply/pending-kind.js';
import { DETAIL_LIMIT, PendingQueue } from '../../../src/core/session/reply/pending-queue.js';

interface Run {
  kind: Pending;
  detail: number;
  /** Entries that were pushed in one go, and are settled by popRun() in one go. */
  group: number;
}

const MERGING: readonly Pending[] = [
  Pending.PASS,
  Pending.OPAQUE,
  Pending.FOLLOW_UP,
  Pending.SWALLOW,
  Pending.LOCAL_OOM,
];
const kind = fc.constantFrom(...Object.values(Pending));
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind,
      detail: fc.constantFrom(0, 0, 1, 2, DETAIL_LIMIT - 1),
      count: fc.constantFrom(1, 1, 1, 2, 7),
    }),
  },
  { weight: 2, arbitrary: fc.constantFrom('pop' as const) },
  { weight: 1, arbitrary: fc.constantFrom('popRun' as const, 'replace' as const) },
);

t.test('any sequence of pushes and pops', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
      const queue = new PendingQueue();
      let model: Run[] = [];
      let groups = 0;
      let pushed = 0;
      for (const step of steps) {
        if (typeof step === 'object') {
          queue.push(step.kind, step.detail, step.count);
          pushed += step.count;
          const last = model.at(-1);
          const merges =
            MERGING.includes(step.kind) && last?.kind === step.kind && last.detail === step.detail;
          const group = merges && last !== undefined ? last.group : groups++;
          for (let i = 0; i < step.count; i++) model.push({ kind: step.kind, detail: step.detail, group });
        } else if (model.length > 0) {
          const { group, detail } = model[0];
          if (step === 'pop') {
            queue.pop();
            model.shift();
          } else if (step === 'popRun') {
            queue.popRun();
            model = model.filter((run) => run.group !== group);
          } else {
            queue.replaceHead(Pending.SUBSCRIPTION, 3);
            const others = model.filter((run) => run.group !== group);
            pushed += 3 - (model.length - others.length);
            model = [
              ...Array.from({ length: 3 }, () => ({ kind: Pending.SUBSCRIPTION, detail, group })),
              ...others,
            ];
          }
        }
        if (queue.empty !== (model.length === 0)) throw new Error('empty');
        if (queue.pushed - queue.popped !== model.length) throw new Error('pushed - popped');
        if (queue.pushed !== pushed) throw new Error('pushed');
        if (queue.runs !== new Set(model.map((run) => run.group)).size)
          throw new Error(`runs: ${queue.runs}`);
        if (model.length === 0) continue;
        if (queue.kind !== model[0].kind || queue.detail !== model[0].detail) throw new Error('head');
      }
    }),
    { numRuns: 500 },
  );
});

t.test('a pipeline of a million plain commands is one entry', async (t) => {
  const queue = new PendingQueue();
  for (let i = 0; i < 1_000_000; i++) queue.push(Pending.PASS);
  t.equal(queue.runs, 1);
  for (let i = 0; i < 1_000_000; i++) queue.pop();
  t.ok(queue.empty);
});
