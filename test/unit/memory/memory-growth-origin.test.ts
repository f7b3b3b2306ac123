// Which priority makes memory grow, told from sums alone; what is kept for whom, and of others' growth; and that a refusal
// for the reserve is told from one by the band.
import fc from 'fast-check';
import t from 'tap';
import { Refusal } from '../../../src/core/policy/refusal.js';
import { Priority } from '../../../src/core/policy/rule.js';
import { ALL } from '../../../src/core/policy/shed.js';
import { GrowthOrigin } from '../../../src/memory/growth-origin.js';
import { Reserve } from '../../../src/memory/reserve.js';
import { LIMIT, makePressure } from '../../support/pressure-lab.js';

const MB = 1_000_000;
const INTERVAL_MS = 200;

t.test('the part of each priority is learnt when they do not write in step', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
      fc.array(fc.array(fc.nat(MB), { minLength: 4, maxLength: 4 }), { minLength: 200, maxLength: 200 }),
      (truth, intervals) => {
        const origin = new GrowthOrigin();
        for (const admitted of intervals) {
          const grown = admitted.reduce((sum, bytes, i) => sum + bytes * (truth[i] as number), 0);
          origin.learn(grown, admitted, INTERVAL_MS);
        }
        const busy = intervals.flat().filter((bytes) => bytes > MB / 10).length > 400;
        for (const [i, part] of truth.entries()) {
          const learnt = origin.parts[i] as number;
          if (learnt < 0 || learnt > 1) return false;
          if (busy && Math.abs(learnt - part) > 0.2) return false;
        }
        return true;
      },
    ),
    { numRuns: 100 },
  );
  t.pass('always');
});

t.test('a priority that only overwrites is told from one that grows once either pauses', async (t) => {
  const origin = new GrowthOrigin();
  const learn = (low: number, critical: number, times: number) => {
    for (let i = 0; i < times; i++) origin.learn(low, [low, 0, 0, critical], INTERVAL_MS);
  };
  learn(MB, MB, 50);
  t.ok((origin.parts[Priority.CRITICAL] as number) > 0.2, 'not to be told yet');
  learn(0, MB, 20);
  t.ok((origin.parts[Priority.CRITICAL] as number) < 0.1);
  learn(MB, MB, 20);
  t.ok((origin.parts[Priority.CRITICAL] as number) < 0.1, 'and remembered');
  t.ok((origin.parts[Priority.LOW] as number) > 0.85);
});

t.test('memory that falls, or grows by nobody here, is not these writes’ doing', async (t) => {
  const origin = new GrowthOrigin();
  origin.learn(50 * MB, [0, 0, 0, 0], INTERVAL_MS);
  t.same(Array.from(origin.parts), [0.7, 0.7, 0.7, 0.7]);
  for (let i = 0; i < 50; i++) origin.learn(-50 * MB, [MB, 0, 0, 0], INTERVAL_MS);
  t.ok((origin.parts[0] as number) < 0.05);
  for (let i = 0; i < 50; i++) origin.learn(50 * MB, [MB, 0, 0, 0], INTERVAL_MS);
  t.ok((origin.parts[0] as number) > 0.95 && (origin.parts[0] as number) <= 1);
});

t.test('as much is kept as all higher ones add in the horizon, at most so much', async (t) => {
  const reserve = new Reserve();
  const options = { horizonMs: 10_000, most: 0.1 };
  const learn = (rates: number[], others: number, refused: number[]) => {
    reserve.learn(rates, others, (priority) => refused[priority] as number, INTERVAL_MS, options, LIMIT);
    return Array.from(reserve.bytes, (bytes) => Math.round(bytes / MB));
  };
  // Bytes a millisecond: 100 are 1 MB in the horizon.
  t.same(learn([500, 300, 200, 100], 0, [0, 0, 0, 0]), [6, 3, 1, 0]);
  t.same(learn([500, 3000, 200, 100], 0, [0, 0, 0, 0]), [10, 3, 1, 0], 'and no more than most');
  t.same(learn([0, 0, 0, 0], 0, [0, 0, 0, 0]), [10, 3, 1, 0], 'it falls late');
  for (let i = 0; i < 30; i++) learn([0, 0, 0, 0], 0, [0, 0, 0, 0]);
  t.same(learn([0, 0, 0, 0], 0, [0, 0, 0, 0]), [0, 0, 0, 0]);
  t.same(learn([0, 0, 0, 0], 400, [0, 0, 0, 0]), [4, 4, 4, 0], 'others count as above all');
  for (let i = 0; i < 30; i++) learn([0, 0, 0, 0], 100, [1, 0.5, 0, 0]);
  t.same(
    learn([0, 0, 0, 0], 100, [1, 0.5, 0, 0]),
    [1, 1, 1, 0],
    'what stopped when low was refused was not above low',
  );
  for (let i = 0; i < 30; i++) learn([0, 0, 0, 0], 400, [0, 0, 0, 0]);
  t.same(learn([0, 0, 0, 0], 400, [0, 0, 0, 0]), [4, 4, 4, 0], 'but nothing of high has been seen to stop');
});

t.test('a refusal for the reserve has a reason of its own', async (t) => {
  const { pressure, gate, read, changes } = makePressure({ reserve: { horizonMs: 10_000, most: 0.1 } });
  for (let i = 0; i < 60; i++) {
    gate.grow(0.002 * LIMIT, Priority.CRITICAL);
    gate.answer(0.002 * LIMIT, 0);
    read(0.7 + i * 0.002);
  }
  t.equal(Math.round((100 * pressure.reserved(Priority.LOW)) / LIMIT), 10);
  t.ok(pressure.memory.measured > 0.81);
  t.equal(gate.refusal(Priority.LOW, 0, 1), Refusal.BAND, 'at 82% the band of low refuses some');
  t.equal(gate.refusal(Priority.LOW, ALL - 1, 1), Refusal.RESERVE, 'and the reserve all others');
  t.equal(gate.refusal(Priority.NORMAL, 0, 1), Refusal.RESERVE);
  t.equal(gate.refusal(Priority.CRITICAL, 0, 1), Refusal.NONE);
  t.ok(
    gate.headroom[Priority.NORMAL] < gate.headroom[Priority.CRITICAL] - 0.09 * LIMIT,
    'nor may one large write take what is kept',
  );
  t.equal(changes[0], 'low open partial: reserve');
});
