// Several proxies on one server, in steps of a millisecond: with their number known, no burst through all of them fills the server
// before they refuse, and one that writes alone is refused no earlier.
import fc from 'fast-check';
import t from 'tap';
import { Priority } from '../../../src/core/policy/rule.js';
import { ALL } from '../../../src/core/policy/shed.js';
import { intervalAt, isNear } from '../../../src/memory/pacing.js';
import { coveredBy } from '../../../src/memory/pressure-state.js';
import { LIMIT, makePressure, OPTIONS, reading } from '../../support/pressure-lab.js';

const LEISURE_MS = 500;
/** From the question to the answer, and between two questions (pacing.ts). */
const ANSWER_MS = 2;
const GAP_MS = 5;
/** Where refusing begins, and where all is refused. */
const [START, FULL] = [0.9, 0.97];

interface Scenario {
  readonly proxies: number;
  /** How many of them write. */
  readonly writing: number;
  /** What they write together in a second, in shares of the limit. */
  readonly perSecond: number;
  /** As each is told; 1: as if it was alone. */
  readonly told: number;
  /** The first readings come so much later one after the other. */
  readonly phaseMs: number;
}

/** The highest share of the limit that was reached, and the lowest at which a write was refused. */
function play({ proxies, writing, perSecond, told, phaseMs }: Scenario): { peak: number; refusedAt: number } {
  let [used, peak, refusedAt] = [0.2 * LIMIT, 0, Number.POSITIVE_INFINITY];
  let now = 0;
  const all = Array.from({ length: proxies }, (_, i) => {
    const { gate, pressure } = makePressure({ bands: OPTIONS.bands.map(() => [START, FULL] as const) });
    pressure.memory.proxies = told;
    const proxy = {
      gate,
      pressure,
      wanted: false,
      askedAt: Number.NEGATIVE_INFINITY,
      dueAt: (i * phaseMs) % LEISURE_MS,
      answer: undefined as undefined | (() => void),
    };
    pressure.take(reading(used / LIMIT), undefined, coveredBy(gate), 0);
    gate.onGrowth = () => {
      pressure.apply(now);
      if (isNear(pressure.distanceToReading(now))) proxy.wanted = true;
    };
    return proxy;
  });
  for (now = 1; now < 3000; now++) {
    for (const proxy of all) {
      const { gate, pressure } = proxy;
      if (proxy.answer !== undefined && now >= proxy.askedAt + ANSWER_MS) {
        proxy.answer();
        proxy.answer = undefined;
      }
      const due = proxy.wanted ? proxy.askedAt + GAP_MS : proxy.dueAt;
      if (proxy.answer !== undefined || now < due) continue;
      proxy.wanted = false;
      proxy.askedAt = now;
      const covered = coveredBy(gate);
      const share = used / LIMIT;
      proxy.answer = () => {
        pressure.take(reading(share), undefined, covered, now);
        proxy.dueAt = now + intervalAt(pressure.distanceToReading(now), LEISURE_MS);
      };
    }
    for (const { gate } of all.slice(0, writing)) {
      const bytes = (perSecond * LIMIT) / 1000 / writing;
      // The part of the keys that is not refused.
      const admitted = bytes * (1 - gate.thresholds[Priority.NORMAL] / ALL);
      if (admitted < bytes) refusedAt = Math.min(refusedAt, used / LIMIT);
      gate.grow(admitted);
      gate.answer(admitted, 0);
      used += admitted;
    }
    peak = Math.max(peak, used / LIMIT);
  }
  return { peak, refusedAt };
}

t.test('a burst through all proxies is refused in time', async (t) => {
  const scenarios = fc.record({
    proxies: fc.integer({ min: 1, max: 64 }),
    perSecond: fc.double({ min: 0.2, max: 4, noNaN: true }),
    phaseMs: fc.integer({ min: 0, max: LEISURE_MS }),
  });
  fc.assert(
    fc.property(
      scenarios,
      ({ proxies, ...rest }) => play({ proxies, writing: proxies, told: proxies, ...rest }).peak < 1,
    ),
    { numRuns: 60, seed: 22 },
  );
  const burst = { proxies: 8, writing: 8, perSecond: 1.36, phaseMs: 61 };
  t.ok(play({ ...burst, told: 8 }).peak < 0.98);
  t.ok(play({ ...burst, told: 1 }).peak > 1, 'each as if it was alone: the server itself refuses');
});

t.test('the only proxy of many that writes is not refused before the band', async (t) => {
  const scenarios = fc.record({
    proxies: fc.integer({ min: 2, max: 64 }),
    perSecond: fc.double({ min: 0.05, max: 1, noNaN: true }),
    phaseMs: fc.integer({ min: 0, max: LEISURE_MS }),
  });
  fc.assert(
    fc.property(scenarios, ({ proxies, ...rest }) => {
      const { peak, refusedAt } = play({ proxies, writing: 1, told: proxies, ...rest });
      return peak < 1 && refusedAt > START - 0.005;
    }),
    { numRuns: 40, seed: 22 },
  );
  t.pass('never');
});
