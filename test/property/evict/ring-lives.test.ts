// What the ring counts as expired, against a plain list: within an eighth of each TTL, and nothing is left once all keys are gone.
import fc from 'fast-check';
import t from 'tap';
import { ENDLESS, lifeOf, lifeWithin, RingLives, ticksOf } from '../../../src/evict/ring-lives.js';

const ticks = fc.oneof(
  fc.integer({ min: 1, max: 100 }),
  fc.integer({ min: 1, max: 40_000 }),
  fc.integer({ min: 1, max: 2 ** 30 - 1 }),
);

t.test('a lifetime in 9 bits is at most a sixteenth too long or too short', async (t) => {
  fc.assert(
    fc.property(ticks, (life) => {
      const [up, down] = [ticksOf(lifeOf(life)), ticksOf(lifeWithin(life))];
      if (lifeOf(life) >= 2 ** 9 || lifeOf(life) === ENDLESS) throw new Error('no such code');
      if (up < life || up > life * (1 + 1 / 16)) throw new Error(`${life} became ${up}`);
      if (down > life || down < life * (1 - 1 / 16)) throw new Error(`${life} became ${down}, rounded down`);
    }),
    { numRuns: 5000 },
  );
  for (const long of [2 ** 30, 2 ** 40, Number.POSITIVE_INFINITY]) t.equal(lifeOf(long), ENDLESS);
  t.equal(ticksOf(ENDLESS), Number.POSITIVE_INFINITY);
  t.equal(lifeOf(0.01), 1);
});

t.test('an expired key does not count as memory that can be freed', async (t) => {
  const step = fc.record({
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 5000 })),
    life: fc.oneof(ticks, fc.constant(Number.POSITIVE_INFINITY)),
    age: fc.integer({ min: 0, max: 50 }),
    bytes: fc.constantFrom(0, 100, 640),
    slot: fc.constantFrom(0, 3),
    removes: fc.option(fc.nat(30)),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 200, size: 'max' }), (steps) => {
      const lives = new RingLives();
      let now = 60;
      const keys: { slot: number; tick: number; life: number; bytes: number; ticks: number }[] = [];
      const remove = (at: number): void => {
        const [{ slot, tick, life, bytes }] = keys.splice(at, 1);
        lives.change(slot, tick, life, -1, bytes, now);
      };
      for (const { wait, life: ticks, age, bytes, slot, removes } of steps) {
        now += wait;
        const key = { slot, tick: now - age, life: lifeOf(ticks), bytes, ticks };
        keys.push(key);
        lives.change(slot, key.tick, key.life, 1, bytes, now);
        if (removes !== null) remove(removes % keys.length);
        for (const slot of [0, 3]) {
          const { keys: count, sized, unsized } = lives.expired(slot, now);
          const mine = keys.filter((key) => key.slot === slot);
          const over = (slack: number) =>
            mine.filter((key) => key.tick + key.ticks * (1 + slack) + slack <= now);
          const [surely, perhaps] = [over(1 / 8), over(0)];
          if (count < surely.length || count > perhaps.length)
            throw new Error(`${count} keys, not ${surely.length} to ${perhaps.length}`);
          if (unsized > count || sized > 640 * (count - unsized)) throw new Error('more bytes than keys');
        }
      }
      while (keys.length > 0) remove(0);
      now += 2 ** 30;
      for (const slot of [0, 3]) {
        const { keys, sized, unsized } = lives.expired(slot, now);
        if (keys !== 0 || sized !== 0 || unsized !== 0) throw new Error('something is left');
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});
