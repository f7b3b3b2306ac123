// A worker goes by the primary's readings: what it is sent says all of it, so that it acts as the primary does.
import t from 'tap';
import { Priority } from '../../../src/core/policy/rule.js';
import { keysOf, LIMIT, makePressure, OPTIONS } from '../../support/pressure-lab.js';

/** A primary that has seen something of everything. */
function primary() {
  const lab = makePressure({ shedWhen: 'always', reserve: { horizonMs: 30_000, most: 0.2 } });
  const { pressure, gate, ...at } = lab;
  pressure.memory.proxies = 3;
  for (let i = 0; i < 20; i++) {
    gate.grow(0.001 * LIMIT);
    at.read(0.5 + 0.01 * i, { policy: 'allkeys-lru' }, keysOf(1000, 500));
  }
  pressure.canEvict(0.05 * LIMIT, at.now());
  return { pressure, gate, at };
}

t.test('a worker adopts everything that the primary sends', async (t) => {
  const { pressure, at } = primary();
  const others = [
    () => {},
    () => pressure.missed(at.now()),
    () => pressure.startRehearsal(0.93, 5000, at.now()),
  ];
  for (const happens of others) {
    happens();
    at.pass(10);
    const state = pressure.state(at.now());
    const worker = makePressure({
      ...OPTIONS,
      shedWhen: 'always',
      reserve: { horizonMs: 30_000, most: 0.2 },
    });
    worker.pressure.adopt(state, at.now());
    t.same(worker.pressure.state(at.now()), state);
  }
});

t.test('and it refuses the same', async (t) => {
  const { pressure, gate, at } = primary();
  for (const share of [0.7, 0.85, 0.93, 0.99]) {
    at.read(share);
    const worker = makePressure({ shedWhen: 'always', reserve: { horizonMs: 30_000, most: 0.2 } });
    worker.pressure.adopt(pressure.state(at.now()), at.now());
    t.same([...worker.gate.thresholds], [...gate.thresholds], `at ${share}`);
    t.equal(worker.gate.active, gate.active);
  }
  t.ok(gate.thresholds[Priority.LOW] > 0);
});
