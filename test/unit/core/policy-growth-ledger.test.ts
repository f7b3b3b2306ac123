// What a reading contains of the growth that has passed: all that was answered, and what is two ages old, but nothing younger.
import t from 'tap';
import { GrowthLedger } from '../../../src/core/policy/growth-ledger.js';
import { Priority } from '../../../src/core/policy/rule.js';

const AGE_MS = 400;

t.test('growth without a reply is contained once it is two ages old', async (t) => {
  const ledger = new GrowthLedger();
  ledger.readingAsked(0);
  ledger.grow(100);
  ledger.grow(10, Priority.HIGH);
  ledger.readingAsked(AGE_MS - 1);
  ledger.readingAsked(AGE_MS);
  t.equal(ledger.answered, 0, 'it may be on its way');
  ledger.grow(1000);
  ledger.answer(0, 30);
  t.equal(ledger.answered, 30);
  ledger.readingAsked(2 * AGE_MS - 1);
  t.equal(ledger.answered, 30, 'the age is not over');
  ledger.readingAsked(2 * AGE_MS);
  t.equal(ledger.answered, 110);
  ledger.readingAsked(3 * AGE_MS);
  t.equal(ledger.answered, 1110);
  t.equal(ledger.admitted, 1110);
  t.same(
    [...ledger.admittedBy],
    [Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.CRITICAL].map((one) =>
      one === Priority.NORMAL ? 1100 : one === Priority.HIGH ? 10 : 0,
    ),
  );
  t.throws(() => ledger.answer(1, 0), /no more growth is answered/);
});

t.test('announced growth counts for two ages, or until it has arrived', async (t) => {
  const ledger = new GrowthLedger();
  let woken = 0;
  ledger.onGrowth = () => void woken++;
  ledger.readingAsked(0);
  const first = ledger.age;
  ledger.promise(100);
  ledger.redeem(10, first);
  t.same([ledger.promised, woken], [90, 1]);
  ledger.readingAsked(AGE_MS);
  const second = ledger.age;
  t.not(second, first);
  ledger.promise(1000);
  ledger.redeem(20, first);
  ledger.redeem(200, second);
  t.equal(ledger.promised, 870);
  ledger.readingAsked(2 * AGE_MS);
  t.equal(ledger.promised, 800, 'the first age is over');
  ledger.redeem(70, first);
  t.equal(ledger.promised, 800, 'what is not promised any more cannot come');
  ledger.redeem(800, second);
  t.equal(ledger.promised, 0);
});

t.test('its owner is woken when the growth has come to where it asked', async (t) => {
  const ledger = new GrowthLedger();
  let woken = 0;
  ledger.onGrowth = () => void woken++;
  ledger.gates = 2;
  ledger.wakeAt = 100;
  ledger.grow(49);
  t.same([ledger.admitted, woken], [98, 0], 'each gate is taken to admit as much');
  ledger.grow(1);
  t.same([ledger.admitted, woken], [100, 1]);
});
