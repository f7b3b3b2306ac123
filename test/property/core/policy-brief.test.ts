// What stands of brief writes, against a model that keeps each of them: never counted too low, and hardly too high, whatever
// comes in which order; and processes that spare together, whose messages come late, never let stand more than they may.
import fc from 'fast-check';
import t from 'tap';
import { BRIEF_MS, BriefWrites } from '../../../src/core/policy/brief.js';

const TICK_MS = 125;

t.test('brief memory is what was written and has not expired', async (t) => {
  const step = fc.record({
    afterMs: fc.nat(3000),
    bytes: fc.integer({ min: 1, max: 1000 }),
    lifetimeMs: fc.integer({ min: 1, max: BRIEF_MS }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), fc.nat(1e9), (steps, from) => {
      const brief = new BriefWrites();
      let now = from;
      brief.pass(now);
      const ends: { at: number; bytes: number }[] = [];
      const standing = (at: number) => ends.reduce((sum, end) => sum + (end.at > at ? end.bytes : 0), 0);
      for (const { afterMs, bytes, lifetimeMs } of steps) {
        // The owner's clock ticks.
        for (const until = now + afterMs; now < until; now = Math.min(until, now + 50)) brief.pass(now);
        brief.pass(now);
        if (brief.standing < standing(now) - 1e-6) return false;
        if (brief.standing > standing(now - 2 * TICK_MS) + 1e-6) return false;
        brief.add(bytes, lifetimeMs, 0);
        ends.push({ at: now + lifetimeMs, bytes });
      }
      brief.pass(now + BRIEF_MS + 2 * TICK_MS);
      return brief.standing < 1e-6;
    }),
  );
  t.pass('always');
});

t.test('a key that is written again moves its end', async (t) => {
  const brief = new BriefWrites();
  brief.pass(0);
  let leftMs = 0;
  for (let now = 0; now < 120_000; now += 1000) {
    brief.pass(now);
    brief.add(100, 10_000, leftMs);
    leftMs = 9000;
    t.equal(brief.standing, 100, `at ${now}`);
  }
});

t.test('counters without a TTL stay counted, until the EXPIRE that follows', async (t) => {
  const brief = new BriefWrites();
  brief.pass(0);
  for (let i = 0; i < 10; i++) brief.add(160, 0, 0);
  for (let now = 0; now <= 120_000; now += 1000) brief.pass(now);
  t.ok(brief.standing > 1300, `${brief.standing} of 1600 after two minutes`);
  brief.pass(120_001);
  const before = brief.standing;
  brief.expires(1000);
  t.equal(brief.standing, before, 'a TTL does not make it more or less');
  brief.pass(122_000);
  t.ok(brief.standing < before - 150, 'then it ends');
  for (let i = 0; i < 20; i++) brief.expires(1000);
  brief.pass(124_000);
  t.equal(brief.standing, 0);
});

t.test('a counter that never gets a TTL is forgotten once less than a byte of it is left', async (t) => {
  const brief = new BriefWrites();
  brief.most = 1000;
  brief.pass(0);
  brief.add(128, 0, 0);
  const halfLife = 10 * 60_000;
  brief.pass(7 * halfLife);
  t.ok(brief.waits);
  t.equal(brief.total, 1);
  brief.pass(8 * halfLife);
  t.notOk(brief.waits, 'an EXPIRE is not looked at for its sake any more');
  t.equal(brief.total, 0);
});

t.test('writes that live longer than a minute count in proportion', async (t) => {
  const brief = new BriefWrites();
  brief.pass(0);
  brief.add(100, 3_600_000, 0);
  t.equal(brief.standing, 6000);
});

t.test('processes let stand no more than they may together', async (t) => {
  const act = fc.oneof(
    { weight: 8, arbitrary: fc.constant('write' as const) },
    { weight: 1, arbitrary: fc.constant('tell' as const) },
    { weight: 1, arbitrary: fc.constant('pass' as const) },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(fc.nat(3), act), { maxLength: 600, size: 'max' }),
      (count, steps) => {
        const all = Array.from({ length: count }, () => {
          const brief = new BriefWrites();
          brief.most = 10_000;
          brief.processes = count;
          brief.pass(0);
          return brief;
        });
        let now = 0;
        for (const [who, what] of steps) {
          const one = all[who % count] as BriefWrites;
          if (what === 'write' && one.hasRoom(100)) one.add(100, 5000, 0);
          else if (what === 'tell') {
            const told = all.map((each) => each.tell());
            const sum = told.reduce((total, { standing }) => total + standing, 0);
            for (const [i, each] of all.entries())
              each.hear(sum - (told[i]?.standing ?? 0), told[i]?.spared ?? 0);
          } else if (what === 'pass') {
            now += 50;
            for (const each of all) each.pass(now);
          }
          // Each may have taken its part of what was left when all were last heard from, and the others theirs.
          const standing = all.reduce((total, each) => total + each.standing, 0);
          if (standing > (count === 1 ? 10_000 : 20_000)) return false;
        }
        return true;
      },
    ),
  );
  t.pass('always');
});

t.test('a copy has room for what it was made of, and changes nothing there', async (t) => {
  const [brief, copy] = [new BriefWrites(), new BriefWrites()];
  brief.most = 1000;
  brief.pass(0);
  brief.add(300, 10_000, 0);
  brief.hear(200, 300);
  brief.copyTo(copy);
  t.same([copy.hasRoom(500), copy.hasRoom(501)], [true, false]);
  t.same([brief.hasRoom(500), brief.hasRoom(501)], [true, false]);
  copy.add(500, 1000, 0);
  t.equal(brief.standing, 300);
});

t.test('an end is moved from the tick before or behind, too', async (t) => {
  for (const offMs of [-TICK_MS, 0, TICK_MS]) {
    const brief = new BriefWrites();
    brief.pass(0);
    brief.add(100, 10_000, 0);
    brief.add(100, 20_000, 10_000 + offMs);
    t.equal(brief.standing, 100, `off by ${offMs} ms`);
  }
});
