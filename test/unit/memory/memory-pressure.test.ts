// From readings to the gate: bands, hysteresis, growth between readings, what each eviction policy means, Redis's own
// OOM, stale readings, others' writes; and that a level is told once when it changes.
import t from 'tap';
import { Priority } from '../../../src/core/policy/rule.js';
import { ALL } from '../../../src/core/policy/shed.js';
import { judgeApplicability } from '../../../src/memory/applicability.js';
import { coveredBy } from '../../../src/memory/pressure-state.js';
import {
  type KeyspaceReading,
  parseKeyspace,
  parseMemory,
  type Reading,
} from '../../../src/memory/reading.js';
import { keysOf, LIMIT, makePressure, OPTIONS, reading } from '../../support/pressure-lab.js';

t.test('nothing is refused before the first reading', async (t) => {
  const { gate, pressure } = makePressure();
  pressure.apply(0);
  t.notOk(gate.active);
  t.notOk(gate.refusal(Priority.LOW, 0, 1e9));
});

t.test('bands: none below, a share within, all above; critical never', async (t) => {
  for (const [share, expected] of [
    [0.5, [0, 0, 0, 0]],
    [0.8, [0, 0, 0, 0]],
    [0.85, [50, 0, 0, 0]],
    [0.9, [100, 0, 0, 0]],
    [0.935, [100, 50, 0, 0]],
    [0.97, [100, 100, 50, 0]],
    [0.99, [100, 100, 100, 0]],
    [1.2, [100, 100, 100, 0]],
  ] as const) {
    const { read, shares, gate } = makePressure();
    read(share);
    t.same(shares(), expected, `at ${share}`);
    t.equal(gate.byKey, share > 0.8);
    t.ok(gate.active, 'the headroom is watched in any case');
  }
});

t.test('other bands count at once, for the levels, too; other limits from the next reading on', async (t) => {
  const { read, shares, changes, pressure, now } = makePressure();
  read(0.85);
  t.same(changes, ['low open partial: reading']);
  pressure.reconfigure({ ...OPTIONS, bands: [[0.7, 0.8], [0.8, 0.9], null, null] }, now());
  t.same(shares(), [100, 50, 0, 0]);
  t.same(changes.slice(1), ['low partial full: configuration', 'normal open partial: configuration']);
  pressure.reconfigure({ ...OPTIONS, bands: [null, null, null, null] }, now());
  t.same(shares(), [0, 0, 0, 0]);
  t.same(changes.slice(3), ['low full open: configuration', 'normal partial open: configuration']);
  pressure.reconfigure({ ...OPTIONS, limitBytes: LIMIT / 2 }, now());
  read(0.475);
  t.same(shares(), [100, 71, 0, 0], 'at 95% of the half');
  pressure.reconfigure({ ...OPTIONS, shedWhen: 'never' }, now());
  read(0.99);
  t.same(shares(), [0, 0, 0, 0]);
});

t.test('other options count while no readings come, too', async (t) => {
  const { read, miss, shares, pressure, now } = makePressure({ onStale: 'hold' });
  read(0.99, {}, keysOf(10, 0));
  t.same(shares(), [100, 100, 100, 0]);
  miss();
  pressure.reconfigure({ ...OPTIONS, onStale: 'hold', shedWhen: 'never' }, now());
  t.same(shares(), [0, 0, 0, 0], 'nothing is refused any more');
  pressure.reconfigure({ ...OPTIONS, onStale: 'hold', limitBytes: LIMIT / 2 }, now());
  t.same(shares(), [100, 100, 100, 0]);
});

t.test('an OOM that a reading below all bands contradicts refuses nothing from there on', async (t) => {
  const { read, shares, pressure, now } = makePressure();
  read(0.795);
  pressure.upstreamOom(now());
  read(0.795);
  t.same(shares(), [0, 0, 0, 0]);
});

t.test('memory that Redis does not count against maxmemory does not count', async (t) => {
  const { read, shares, pressure } = makePressure();
  read(0.99, { notCountedBytes: 0.3 * LIMIT });
  t.ok(Math.abs(pressure.memory.measured - 0.69) < 1e-9);
  t.same(shares(), [0, 0, 0, 0]);
});

t.test('hysteresis: levels go up at once and come down late, and do not flap', async (t) => {
  const { read, shares, changes } = makePressure();
  read(0.84);
  t.same(shares(), [40, 0, 0, 0]);
  for (let i = 0; i < 20; i++) read(i % 2 === 0 ? 0.825 : 0.84);
  t.same(shares(), [40, 0, 0, 0], 'within the hysteresis nothing moves');
  read(0.81);
  t.same(shares(), [30, 0, 0, 0], 'let down, but not below the reading and the hysteresis');
  read(0.79);
  t.same(shares(), [10, 0, 0, 0]);
  read(0.779);
  t.same(shares(), [0, 0, 0, 0]);
  t.same(changes, ['low open partial: reading', 'low partial open: reading']);
});

t.test('growth between readings counts from the moment it is forwarded', async (t) => {
  const { read, shares, gate, changes } = makePressure();
  read(0.79);
  t.same(shares(), [0, 0, 0, 0]);
  for (let i = 0; i < 60; i++) gate.grow(100_000);
  t.ok(shares()[0] > 40, `6% of the limit later, low is shed by ${shares()[0]}%`);
  t.same(changes, ['low open partial: growth since the reading'], 'and is told, as it is what is refused');
  gate.answered = gate.admitted;
  read(0.85);
  t.same(shares(), [50, 0, 0, 0], 'all of it is in the reading now');
});

t.test('growth that was under way when a reading was asked for still counts', async (t) => {
  const { pressure, gate, shares } = makePressure();
  gate.grow(5_000_000);
  pressure.take(reading(0.8), undefined, coveredBy(gate), 1);
  t.same(shares(), [50, 0, 0, 0]);
  gate.answered = gate.admitted;
  pressure.take(reading(0.8), undefined, coveredBy(gate), 2);
  t.same(shares(), [0, 0, 0, 0]);
});

t.test('the gate wakes its owner before a band can be passed unseen', async (t) => {
  const { read, gate, shares } = makePressure();
  read(0.5);
  let wakes = 0;
  const { onGrowth } = gate;
  gate.onGrowth = () => {
    wakes++;
    onGrowth();
  };
  let grown = 0.5 * LIMIT;
  while (shares()[0] === 0) {
    gate.grow(10_000);
    grown += 10_000;
  }
  t.ok(grown < 0.805 * LIMIT, `noticed at ${grown / LIMIT}`);
  t.ok(wakes < 100, `${wakes} wakes for 3000 writes`);
});

t.test('headroom: what Redis would refuse at the limit, where it would', async (t) => {
  const { read, gate } = makePressure();
  read(0.5);
  t.equal(gate.headroom[Priority.NORMAL], 0.5 * LIMIT);
  t.ok(gate.refusal(Priority.NORMAL, ALL - 1, 0.26 * LIMIT), 'a large write that would overshoot');
  t.notOk(gate.refusal(Priority.NORMAL, ALL - 1, 0.24 * LIMIT));
  gate.grow(0.1 * LIMIT);
  read(0.5);
  t.equal(Math.round(gate.headroom[Priority.NORMAL]), 0.4 * LIMIT, 'growth under way is taken off');
  t.equal(gate.headroom[Priority.CRITICAL], 0.5 * LIMIT, 'but not for what is never shed');
  read(1.1);
  t.equal(gate.headroom[Priority.CRITICAL], 0);
  t.notOk(gate.refusal(Priority.CRITICAL, 0, 1000), 'small writes are never measured against it');
});

t.test('on which servers shedding is active', async (t) => {
  const few = keysOf(1000, 10);
  const many = keysOf(1000, 900);
  const judge = (
    rest: Partial<Reading>,
    keyspace?: KeyspaceReading,
    shedWhen: 'auto' | 'always' | 'never' = 'auto',
    limitBytes?: number,
    oomSeen = false,
  ) => {
    const found = judgeApplicability(reading(0.5, rest), keyspace, { shedWhen, limitBytes }, oomSeen);
    t.match(found.reason, found.applies ? /^on: / : /^off: /);
    return [found.applies, found.limitBytes, found.refusesAtLimit];
  };
  t.same(judge({}), [true, LIMIT, true], 'noeviction');
  t.same(judge({ policy: '' }), [true, LIMIT, true], 'a server that does not tell');
  t.same(judge({ policy: 'allkeys-lru' }), [false, LIMIT, false]);
  t.same(
    judge({ policy: 'allkeys-lru' }, few, 'auto', undefined, true),
    [true, LIMIT, false],
    'it answers OOM all the same',
  );
  t.same(judge({ policy: 'allkeys-lru' }, few, 'always'), [true, LIMIT, false]);
  for (const keys of [many, few, keysOf(0, 0), undefined]) {
    t.same(
      judge({ policy: 'volatile-lru' }, keys),
      [true, LIMIT, true],
      'it refuses once it has evicted all',
    );
  }
  t.same(judge({ maxmemoryBytes: 0 }), [false, 0, false]);
  t.same(judge({ maxmemoryBytes: 0 }, few, 'always'), [false, 0, false], 'nothing to measure against');
  t.same(judge({ maxmemoryBytes: 0 }, few, 'auto', 7000), [true, 7000, false], "the user's own limit");
  t.same(judge({}, few, 'auto', 7000), [true, 7000, true], 'the lower of two limits');
  t.same(judge({}, few, 'auto', 2 * LIMIT), [true, LIMIT, true]);
  t.same(judge({}, few, 'never', 7000), [false, 7000, false]);
});

t.test('where it makes no sense, the gate is open, and closes when that changes', async (t) => {
  const { read, gate, changes, pressure } = makePressure();
  read(0.99, { policy: 'allkeys-lru' });
  t.notOk(gate.active);
  t.same(changes, []);
  t.equal(pressure.distanceToShedding(0), Number.POSITIVE_INFINITY);
  read(0.99);
  t.ok(gate.active);
  t.equal(changes.length, 3);
  read(0.99, { policy: 'allkeys-lru' });
  t.notOk(gate.active);
  t.same(changes.slice(3), [
    'low full open: not applicable',
    'normal full open: not applicable',
    'high full open: not applicable',
  ]);
});

t.test("Redis's own OOM raises all levels at once, and is told once", async (t) => {
  const { read, shares, changes, pressure, now } = makePressure();
  read(0.5);
  pressure.upstreamOom(now());
  t.same(shares(), [0, 0, 0, 0], 'far below the first band the next reading decides');
  read(0.75);
  pressure.upstreamOom(now());
  pressure.upstreamOom(now());
  t.same(shares(), [100, 100, 100, 0]);
  t.same(changes, [
    'low open full: upstream OOM',
    'normal open full: upstream OOM',
    'high open full: upstream OOM',
  ]);
  read(0.7);
  t.same(shares(), [0, 0, 0, 0], 'the next reading knows better');
  read(0.99);
  t.same(shares(), [100, 100, 100, 0]);
  t.equal(pressure.cause, 'reading', 'and what it raises is not told as an OOM');
});

t.test("Redis's own OOM proves that eviction does not help, for some seconds", async (t) => {
  const { read, gate, pressure, now, pass } = makePressure();
  read(0.99, { policy: 'allkeys-lru' });
  pressure.upstreamOom(now());
  read(0.99, { policy: 'allkeys-lru' });
  t.ok(gate.refusal(Priority.LOW, 0, 1));
  pass(5000);
  read(0.99, { policy: 'allkeys-lru' });
  t.notOk(gate.active);
});

t.test('a stale reading: admit opens and says so, hold keeps', async (t) => {
  const admit = makePressure();
  admit.read(0.99);
  admit.pass(5000);
  t.same(admit.shares(), [100, 100, 100, 0], 'not yet stale');
  admit.pass(1);
  t.notOk(admit.gate.active);
  admit.pass(1000);
  admit.pass(1000);
  t.same(admit.changes.slice(3), [
    'low full open: stale reading',
    'normal full open: stale reading',
    'high full open: stale reading',
  ]);
  admit.read(0.99);
  t.same(admit.shares(), [100, 100, 100, 0], 'readings come again');
  t.equal(admit.changes.length, 9);

  const hold = makePressure({ onStale: 'hold' });
  hold.read(0.99);
  hold.pass(60_000);
  t.same(hold.shares(), [100, 100, 100, 0]);
  t.equal(hold.changes.length, 3);
});

t.test('growth by others is learnt, and counts while a reading ages', async (t) => {
  const { read, shares, pass, gate } = makePressure();
  // 1% of the limit each 100 ms, none of it through this gate.
  for (let i = 0; i < 30; i++) read(0.49 + i * 0.01);
  t.same(shares(), [0, 0, 0, 0]);
  pass(300);
  t.ok(shares()[0] > 5, `300 ms later some 3% more are assumed: low is shed by ${shares()[0]}%`);
  const own = makePressure();
  for (let i = 0; i < 30; i++) {
    own.gate.grow(0.01 * LIMIT);
    own.gate.answered = own.gate.admitted;
    own.read(0.49 + i * 0.01);
  }
  own.pass(300);
  t.same(own.shares(), [0, 0, 0, 0], 'what went through this gate is not counted twice');
  t.ok(gate.active);
});

t.test('INFO is read as it comes', async (t) => {
  const info =
    '# Memory\r\nused_memory:1000\r\nmem_not_counted_for_evict:10\r\nmaxmemory:5000\r\nmaxmemory_policy:volatile-lru\r\n';
  t.same(parseMemory(info), {
    usedBytes: 1000,
    notCountedBytes: 10,
    notKeysBytes: 0,
    tablesBytes: 0,
    maxmemoryBytes: 5000,
    policy: 'volatile-lru',
    freeing: false,
  });
  t.same(parseMemory('used_memory:7'), {
    usedBytes: 7,
    notCountedBytes: 0,
    notKeysBytes: 0,
    tablesBytes: 0,
    maxmemoryBytes: 0,
    policy: '',
    freeing: false,
  });
  t.throws(() => parseMemory('# Memory\r\n'), /no used_memory/);
  t.throws(() => parseMemory('used_memory:lots\r\n'), /used_memory is not a number: "lots"/);
  const keyspace =
    '# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\ndb12:keys=10,expires=4,avg_ttl=5,subexpiry=0\r\n';
  t.same(parseKeyspace(keyspace, ''), {
    ...keysOf(13, 5),
    databases: [
      { db: 0, keys: 3, expires: 1 },
      { db: 12, keys: 10, expires: 4 },
    ],
  });
  t.same(parseKeyspace('# Keyspace\r\n', ''), { keys: 0, expires: 0, databases: [], replica: false });
});

t.test('a worker trusts an OOM no more than the primary whose readings it uses', async (t) => {
  const { read, pressure, now } = makePressure();
  const worker = makePressure();
  read(0.75);
  const oom = (): number[] => {
    pressure.upstreamOom(now());
    worker.pressure.adopt(pressure.state(now()), worker.now());
    read(0.75);
    worker.pressure.adopt(pressure.state(now()), worker.now());
    worker.pressure.upstreamOom(worker.now());
    return worker.shares();
  };
  t.same(oom(), [0, 0, 0, 0], 'a reading has contradicted it');
  read(0.78);
  worker.pressure.adopt(pressure.state(now()), worker.now());
  worker.pressure.upstreamOom(worker.now());
  t.same(worker.shares(), [100, 100, 100, 0], 'memory is fuller than then');
});
