// The stages of a traced request add up to its time, whatever else its client's connection carried before and after.
import t from 'tap';
import { meanStages, STAGES, stagesOf } from '../../bench/trace/stages.js';

const [READ, SENT_UP, REPLY, DELIVERED] = [0, 1, 2, 3];
const request = { port: 1, sentAt: 100, doneAt: 120 };

t.test('a stage lasts from the first note of its kind to the last', async (t) => {
  const before = [READ, 10, SENT_UP, 11, REPLY, 12, DELIVERED, 13];
  const own = [READ, 101, READ, 102, SENT_UP, 105, REPLY, 110, REPLY, 112, DELIVERED, 116];
  const behind = [READ, 130, SENT_UP, 131, REPLY, 132, DELIVERED, 133];
  const staged = stagesOf(request, [...before, ...own, ...behind]);
  t.same(staged, { total: 20, stages: [1, 1, 3, 5, 2, 4, 4] });
  t.same(stagesOf(request, [...before, ...own], before.length), staged, 'also begun where it begins');
});

t.test('a reply that comes while the last bytes go up counts from then on', async (t) => {
  const staged = stagesOf(request, [READ, 101, REPLY, 104, SENT_UP, 106, REPLY, 110, DELIVERED, 111]);
  t.same(staged?.stages, [1, 0, 5, 0, 4, 1, 9]);
});

t.test('a request that was not traced to its end has no stages', async (t) => {
  t.equal(stagesOf(request, [READ, 101, SENT_UP, 105, REPLY, 110]), undefined);
  t.equal(stagesOf(request, []), undefined);
});

t.test('means are taken over the share that is asked for', async (t) => {
  const all = [4, 1, 3, 2].map((total) => ({ total, stages: STAGES.map(() => total / STAGES.length) }));
  t.equal(meanStages(all, 0.75, 1).total, 4);
  t.equal(meanStages(all, 0, 0.5).total, 1.5);
  t.equal(meanStages(all.slice(0, 1), 0.99, 1).total, 4, 'at least one');
});
