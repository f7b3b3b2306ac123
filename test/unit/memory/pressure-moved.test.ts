// The server is another one: its first reading is taken as it is, and what was learnt of the old one's memory is forgotten.
import t from 'tap';
import { Priority } from '../../../src/core/policy/rule.js';
import { ALL } from '../../../src/core/policy/shed.js';
import { keysOf, LIMIT, makePressure, reading } from '../../support/pressure-lab.js';

t.test('the gate is right before the first write, whichever of the two is fuller', async (t) => {
  for (const [before, after, shed] of [
    [0.95, 0.5, 0],
    [0.5, 0.95, ALL],
  ] as const) {
    const { pressure, gate, ...at } = makePressure();
    at.read(before);
    pressure.moved(reading(after), at.now());
    t.equal(gate.thresholds[Priority.LOW], shed);
    t.equal(pressure.memory.measured, after);
    t.equal(pressure.acting, after, 'no peak of the old one is held on to');
  }
});

t.test('growth that was under way to the old one counts no more', async (t) => {
  const { pressure, gate, ...at } = makePressure();
  at.read(0.5);
  gate.grow(0.6 * LIMIT);
  pressure.apply(at.now());
  t.ok(pressure.acting > 1);
  pressure.moved(reading(0.5), at.now());
  t.equal(pressure.memory.growthSinceReading, 0);
  t.equal(pressure.acting, 0.5);
});

t.test('a new server that holds more is no growth by others', async (t) => {
  const { pressure, ...at } = makePressure();
  for (let i = 0; i < 20; i++) at.read(0.3);
  pressure.moved(reading(0.7), at.now());
  for (let i = 0; i < 20; i++) at.read(0.7);
  at.pass(400);
  t.equal(pressure.acting, 0.7);
  t.equal(pressure.memory.growthPerSecond('others'), 0);
});

t.test('the fence has seen a primary, whatever the old one has become', async (t) => {
  const { pressure, gate, ...at } = makePressure();
  at.read(0.95, {}, { ...keysOf(1000, 0), replica: true });
  t.notOk(gate.active);
  pressure.moved(reading(0.95), at.now());
  t.ok(gate.active);
});

t.test('another limit or policy is said, with both', async (t) => {
  const { pressure, ...at } = makePressure();
  at.read(0.5);
  t.equal(pressure.moved(reading(0.5), at.now()), undefined);
  t.equal(
    pressure.moved(reading(0.5, { maxmemoryBytes: 2 * LIMIT, policy: 'allkeys-lru' }), at.now()),
    `maxmemory is ${2 * LIMIT} bytes (it was ${LIMIT}); maxmemory-policy is allkeys-lru (it was noeviction)`,
  );
});
