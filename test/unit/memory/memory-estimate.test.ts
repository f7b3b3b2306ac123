// What is acted upon between readings and without them: growth that comes and goes, readings that fail, an OOM that
// readings contradict, large writes under way, commands that may free memory; and that what is told is what is refused.
import fc from 'fast-check';
import t from 'tap';
import { Priority } from '../../../src/core/policy/rule.js';
import { ALL, type ShedGate } from '../../../src/core/policy/shed.js';
import { coveredBy } from '../../../src/memory/pressure-state.js';
import { LIMIT, makePressure, OPTIONS, reading } from '../../support/pressure-lab.js';

const MB = 1024 * 1024;

t.test('a level raised by growth alone is reported once, and its end when it has settled', async (t) => {
  const { read, write, shares, changes, pass } = makePressure();
  read(0.78);
  for (let i = 0; i < 20; i++) {
    write(0.05);
    t.same(shares(), [30, 0, 0, 0], 'overwrites, as it turns out');
    read(0.78);
    t.same(shares(), [0, 0, 0, 0]);
  }
  t.same(changes, ['low open partial: growth since the reading']);
  pass(899);
  t.equal(changes.length, 1, 'the last write was 999 ms ago');
  pass(1);
  t.same(changes.slice(1), ['low partial open: growth since the reading']);
});

t.test('a level that a reading confirms is reported again only when readings end it', async (t) => {
  const { read, write, changes } = makePressure();
  read(0.78);
  write(0.05);
  read(0.83);
  read(0.7);
  t.same(changes, ['low open partial: growth since the reading', 'low partial open: reading']);
});

t.test('the API says what is acted upon, and why', async (t) => {
  const { read, write, pressure, now } = makePressure();
  read(0.85);
  t.match(pressure, { acting: 0.85, cause: 'reading' });
  write(0.06);
  pressure.apply(now());
  t.ok(Math.abs(pressure.acting - 0.91) < 1e-9);
  t.equal(pressure.cause, 'growth since the reading');
  pressure.startRehearsal(0.99, 1000, now());
  t.match(pressure, { acting: 0.99, cause: 'rehearsal' });
});

for (const onStale of ['admit', 'hold'] as const) {
  t.test(`without readings overwrites do not add up to a full server (${onStale})`, async (t) => {
    const { read, write, shares, miss, pass, changes } = makePressure({ onStale });
    for (let i = 0; i < 10; i++) read(0.5);
    miss();
    for (let i = 0; i < 4000; i++) {
      write(0.01);
      pass(1);
    }
    t.same(shares(), [0, 0, 0, 0]);
    t.same(changes, []);
    read(0.85);
    t.same(shares(), [50, 0, 0, 0], 'until there is a reading');
    write(0.03);
    pass(0);
    t.same(shares(), [80, 0, 0, 0], 'by which growth counts again');
  });
}

t.test(
  'without readings memory is taken to grow as it did, and growth that was let through bounds that',
  async (t) => {
    const { read, write, pressure, miss, pass } = makePressure({ onStale: 'hold' });
    // 1% of the limit in each 100 ms.
    for (let i = 0; i < 20; i++) {
      write(0.01);
      read(0.3 + i * 0.01);
    }
    miss();
    pass(500);
    t.ok(pressure.acting < 0.5, 'nothing was let through since');
    write(1);
    pass(500);
    t.ok(Math.abs(pressure.acting - 0.59) < 0.001, `a second more of it: ${pressure.acting}`);
    pass(60_000);
    t.ok(Math.abs(pressure.acting - 0.99) < 0.001, `and no longer than a reading counts: ${pressure.acting}`);
  },
);

t.test('how fast memory grew is forgotten', async (t) => {
  const { read, write, pressure, miss, pass } = makePressure({ onStale: 'hold' });
  for (let i = 0; i < 10; i++) read(0.1 + i * 0.02);
  for (let i = 0; i < 600; i++) read(0.2);
  write(1);
  miss();
  pass(5000);
  t.ok(pressure.acting < 0.25, `a minute later: ${pressure.acting}`);
});

t.test('an OOM that a reading contradicts is believed once', async (t) => {
  const { read, shares, pressure, now } = makePressure();
  read(0.75);
  pressure.upstreamOom(now());
  t.same(shares(), [100, 100, 100, 0]);
  read(0.75);
  t.same(shares(), [0, 0, 0, 0]);
  for (let i = 0; i < 5; i++) {
    pressure.upstreamOom(now());
    t.same(shares(), [0, 0, 0, 0], 'a client that sends what does not fit, say');
    read(0.75);
  }
  read(0.78);
  pressure.upstreamOom(now());
  t.same(shares(), [100, 100, 100, 0], 'memory is fuller than then');
});

t.test('large writes under way are what other large writes are measured against', async (t) => {
  const { read, gate, shares } = makePressure();
  read(0.1);
  gate.promise(0.4 * LIMIT);
  t.same(shares(), [0, 0, 0, 0], 'a promise makes no pressure');
  t.ok(gate.refusal(Priority.NORMAL, ALL - 1, 0.26 * LIMIT));
  t.notOk(gate.refusal(Priority.NORMAL, ALL - 1, 0.24 * LIMIT));
  t.notOk(gate.refusal(Priority.CRITICAL, ALL - 1, 0.44 * LIMIT), 'but not those of what is never shed');
  gate.promisedElsewhere = 0.2 * LIMIT;
  read(0.1);
  t.ok(gate.refusal(Priority.NORMAL, ALL - 1, 0.16 * LIMIT), 'those of other workers, too');
});

t.test('a large write is refused when twice its size does not fit', async (t) => {
  const { read, gate } = makePressure();
  read(0.5);
  for (const priority of [Priority.NORMAL, Priority.CRITICAL]) {
    t.notOk(gate.refusal(priority, ALL - 1, 0.25 * LIMIT));
    t.ok(gate.refusal(priority, ALL - 1, 0.25 * LIMIT + 1));
  }
});

t.test('large writes are measured against the limit of the config, too', async (t) => {
  const { read, gate } = makePressure({ limitBytes: LIMIT });
  for (const rest of [{ maxmemoryBytes: 0 }, { maxmemoryBytes: 10 * LIMIT }, { policy: 'allkeys-lru' }]) {
    const { read, gate } = makePressure({ limitBytes: LIMIT, shedWhen: 'always' });
    read(0.1, rest);
    gate.promise(0.4 * LIMIT);
    for (const priority of [Priority.LOW, Priority.NORMAL, Priority.HIGH]) {
      t.ok(gate.refusal(priority, ALL - 1, 0.26 * LIMIT));
      t.notOk(gate.refusal(priority, ALL - 1, 0.24 * LIMIT));
    }
    t.notOk(gate.refusal(Priority.CRITICAL, ALL - 1, 2 * LIMIT), 'but not what only Redis may refuse');
  }
  read(1.1, { maxmemoryBytes: 0 });
  t.notOk(gate.refusal(Priority.CRITICAL, ALL - 1, 2 * LIMIT));
});

t.test('half of the distance to the first band may pass unseen, and a step in a band', async (t) => {
  const { read, gate, pressure } = makePressure();
  read(0.5);
  t.ok(Math.abs(gate.wakeAt - gate.admitted - 0.15 * LIMIT) < 1);
  read(0.79);
  t.ok(Math.abs(gate.wakeAt - gate.admitted - 0.005 * LIMIT) < 1);
  read(0.85);
  t.ok(Math.abs(gate.wakeAt - gate.admitted - 0.002 * LIMIT) < 1);
  t.equal(pressure.distanceToShedding(100), 0);
});

/** A command that may free memory goes up; its reply comes by `answered`. */
const relieve = (gate: ShedGate): void => {
  gate.reliefs++;
  gate.onRelief(false);
};
const answered = (gate: ShedGate): void => {
  gate.reliefsAnswered = gate.reliefs;
  gate.onRelief(true);
};

t.test('behind a command that may free memory nothing is refused until a reading knows of it', async (t) => {
  const { read, gate, changes, pressure, now } = makePressure();
  read(0.99);
  t.ok(gate.refusal(Priority.LOW, 0, 1));
  relieve(gate);
  t.notOk(gate.active, 'from when it goes up: what comes behind it is executed behind it');
  t.equal(pressure.cause, 'relief');
  const asked = coveredBy(gate);
  answered(gate);
  pressure.take(reading(0.99), undefined, asked, now() + 1);
  t.notOk(gate.active, 'a reading that was asked for before the reply says nothing');
  read(0.1);
  t.ok(gate.active);
  t.notOk(gate.byKey);
  t.same(changes.slice(3), [
    'low full open: reading',
    'normal full open: reading',
    'high full open: reading',
  ]);
});

t.test('while a server still frees what was taken away, its readings do not show it', async (t) => {
  const { read, gate } = makePressure();
  read(0.99);
  relieve(gate);
  answered(gate);
  read(0.99, { freeing: true });
  t.notOk(gate.active);
  read(0.95, { freeing: true });
  t.notOk(gate.active);
  read(0.5);
  t.notOk(gate.byKey);
});

t.test('a command that freed nothing shows in the next reading, and no level flaps', async (t) => {
  const { read, gate, shares, changes } = makePressure();
  read(0.99);
  const before = changes.length;
  for (let i = 0; i < 10; i++) {
    relieve(gate);
    answered(gate);
    read(0.99);
    t.same(shares(), [100, 100, 100, 0]);
  }
  t.equal(changes.length, before);
});

t.test('writes that pass behind such commands are bounded', async (t) => {
  for (const replies of [true, false]) {
    const { read, gate, pass } = makePressure();
    read(0.99);
    let passed = 0;
    for (let i = 0; i < 5000; i++) {
      relieve(gate);
      if (replies) answered(gate);
      if (!gate.active) {
        passed += 10_000;
        gate.grow(10_000);
        gate.answer(10_000, 0);
      }
      if (i % 10 === 0) read(0.99);
      else pass(1);
    }
    t.ok(passed >= 10_000 && passed <= 1.3 * MB, `${passed} bytes of ${LIMIT}`);
  }
});

t.test('a command that is never answered ends the pause after two seconds', async (t) => {
  const { read, gate, pass } = makePressure();
  read(0.99);
  relieve(gate);
  pass(1999);
  t.notOk(gate.active);
  pass(1);
  t.ok(gate.active);
  relieve(gate);
  t.ok(gate.active, 'nor do more of them help');
  answered(gate);
  t.ok(gate.active);
  read(0.99);
  relieve(gate);
  t.notOk(gate.active, 'those behind it do');
});

t.test('a command that is never answered does not lengthen the pauses of others', async (t) => {
  const { read, gate, pass } = makePressure();
  const inTurn = (): void => {
    gate.reliefsAnswered++;
    gate.onRelief(true);
  };
  read(0.99);
  relieve(gate);
  pass(3000);
  read(0.99);
  t.ok(gate.active);
  for (let i = 0; i < 5; i++) {
    relieve(gate);
    t.equal(gate.active, i === 0, 'once the server has answered one');
    inTurn();
    t.equal(gate.active, i === 0, 'the last reading says nothing yet');
    read(0.99);
    t.ok(gate.active, 'the next one does');
    pass(500);
    t.ok(gate.active);
  }
  inTurn();
  read(0.99);
  relieve(gate);
  t.notOk(gate.active);
  pass(2000);
  t.ok(gate.active, 'nor does the one that was answered at last');
});

t.test('other limits, or none, renew what may pass', async (t) => {
  const { read, gate } = makePressure();
  read(0.99);
  const use = (): boolean => {
    relieve(gate);
    const paused = !gate.active;
    gate.grow(2 * MB);
    gate.answer(2 * MB, 0);
    answered(gate);
    return paused;
  };
  t.ok(use());
  read(0.99);
  t.notOk(use(), 'used up');
  read(0.99, { maxmemoryBytes: LIMIT - 1 });
  t.ok(use());
  read(0.5);
  read(0.99);
  t.ok(use(), 'so does a server that has emptied');
});

t.test('the reported levels are those that are refused', async (t) => {
  const act = fc.oneof(
    fc.record({ what: fc.constant('read' as const), share: fc.double({ min: 0, max: 1.2, noNaN: true }) }),
    fc.record({ what: fc.constant('write' as const), share: fc.double({ min: 0, max: 0.1, noNaN: true }) }),
    fc.record({ what: fc.constant('pass' as const), ms: fc.nat(2000) }),
    fc.record({ what: fc.constantFrom('miss', 'oom', 'relieve', 'answered', 'reconfigure') }),
    fc.record({
      what: fc.constant('rehearse' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    fc.record({ what: fc.constant('policy' as const) }),
  );
  const rank = { open: 0, partial: 1, full: 2 };
  fc.assert(
    fc.property(
      fc.constantFrom('admit' as const, 'hold' as const),
      fc.array(act, { maxLength: 60 }),
      (onStale, acts) => {
        const { pressure, gate, read, write, pass, miss, now } = makePressure({ onStale });
        let lastReached = [0, 0, 0, 0];
        for (const each of acts) {
          if (each.what === 'read' && 'share' in each) read(each.share);
          else if (each.what === 'write' && 'share' in each) write(Math.round(each.share * 1e6) / 1e6);
          else if (each.what === 'pass' && 'ms' in each) pass(each.ms);
          else if (each.what === 'miss') miss();
          else if (each.what === 'oom') pressure.upstreamOom(now());
          else if (each.what === 'relieve') relieve(gate);
          else if (each.what === 'answered') answered(gate);
          else if (each.what === 'policy') read(0.99, { policy: 'allkeys-lru' });
          else if (each.what === 'reconfigure') pressure.reconfigure({ ...OPTIONS, onStale }, now());
          else if ('share' in each) pressure.startRehearsal(each.share, 500, now());
          pass(0);
          lastReached = lastReached.map((at, priority) => {
            const share = gate.thresholds[priority as Priority] / ALL;
            if (!(share >= 0 && share <= 1)) throw new Error(`share ${share}`);
            const refused = share === 0 ? 0 : share === 1 ? 2 : 1;
            const told = rank[pressure.levels.told[priority as Priority]];
            if (told < refused) throw new Error(`${told} is told, ${refused} is refused`);
            // It may be told a second longer, or for as long as refusing pauses.
            if (told > refused && now() - at > 1000 && pressure.cause !== 'relief')
              throw new Error(`${told} is still told ${now() - at} ms after it was so`);
            return told === refused || pressure.cause === 'relief' ? now() : at;
          });
          if (!Number.isFinite(pressure.acting)) throw new Error('no number');
        }
      },
    ),
    { numRuns: 1000 },
  );
  t.pass('always');
});
