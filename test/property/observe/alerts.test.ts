// Whatever happens, and however often the receiver fails: it is told of what lasts, never twice of the same, and one alert
// goes on where the last that arrived has left off.
import fc from 'fast-check';
import { pino } from 'pino';
import t from 'tap';
import { checkConfig } from '../../../src/config/check.js';
import { compileConfig } from '../../../src/config/compile.js';
import { PRIORITY_NAMES } from '../../../src/core/policy/rule.js';
import { Alerts } from '../../../src/observe/alerts/alerts.js';
import { Lasting } from '../../../src/observe/alerts/lasting.js';
import type { AlertMessage } from '../../../src/observe/alerts/message.js';
import { CALM, SituationTracker } from '../../../src/observe/alerts/situation.js';
import type { LiveSnapshot } from '../../../src/observe/snapshots/live.js';

const HOLD_MS = 10_000;
const { alerts: OPTIONS } = compileConfig(checkConfig({ alerts: { hold: '10s', timeToFull: '1m' } }), {
  alertsWebhook: 'http://127.0.0.1:1/',
});

interface Seen {
  /** Share of low and of normal writes that are refused. */
  readonly low: number;
  readonly normal: number;
  readonly secondsToFull: number | null;
  readonly rehearsal: boolean;
  /** The mode of all rules. */
  readonly observes: boolean;
}

const share = fc.constantFrom(0, 0.5, 1);
const seen: fc.Arbitrary<Seen> = fc.record({
  low: share,
  normal: share,
  secondsToFull: fc.constantFrom(null, 0, 60, 61, 90, 91),
  rehearsal: fc.boolean(),
  observes: fc.boolean(),
});

function liveOf(
  { low, normal, secondsToFull, rehearsal, observes }: Seen,
  memory: object = {},
): LiveSnapshot {
  const level = (shedShare: number) => ({ shedShare, band: null });
  return {
    state: { state: 'ok', text: '', observed: observes ? PRIORITY_NAMES : [] },
    memory: {
      level: { low: level(low), normal: level(normal), high: level(0), critical: level(0) },
      ...{ stale: false, pressure: 0.9, active: true, policy: 'noeviction', usedBytes: 9, limitBytes: 10 },
      rehearsal: rehearsal ? { pressure: 1, endsAt: '', secondsLeft: 1 } : null,
      ...memory,
    },
    growth: {
      timeToFull: null,
      timeToFullUnrefused: { seconds: secondsToFull, soonestSeconds: null, latestSeconds: null },
      rules: [],
    },
  } as unknown as LiveSnapshot;
}

t.test('a value settles at what lasts, and nowhere else', async () => {
  const steps = fc.array(fc.record({ rank: fc.nat(3), ms: fc.integer({ min: 1, max: 400 }) }), {
    maxLength: 60,
  });
  const wait = fc.constantFrom(0, 100, 1000);
  fc.assert(
    fc.property(steps, wait, wait, (steps, riseMs, fallMs) => {
      const value = new Lasting(3);
      let now = 0;
      let before = 0;
      /** By rank: since when the value has been there or above, and below; NaN: it is not. */
      const above = [0, Number.NaN, Number.NaN, Number.NaN];
      const below = [Number.NaN, 0, 0, 0];
      for (const { rank, ms } of steps) {
        now += ms;
        for (const r of [1, 2, 3]) {
          above[r] = rank < r ? Number.NaN : Number.isNaN(above[r]) ? now : above[r];
          below[r] = rank >= r ? Number.NaN : Number.isNaN(below[r]) ? now : below[r];
        }
        const settled = value.see(rank, now, riseMs, fallMs);
        for (const r of [1, 2, 3]) {
          if (now - above[r] >= riseMs && settled < r) throw new Error(`${r} has lasted`);
          if (now - below[r] >= fallMs && settled >= r) throw new Error(`${r} is over`);
          if (settled >= r && before < r && !(now - above[r] >= riseMs)) throw new Error(`${r} too early`);
          if (settled < r && before >= r && !(now - below[r] >= fallMs))
            throw new Error(`${r} given up early`);
        }
        before = settled;
      }
    }),
  );
});

type Step = {
  readonly see: Seen;
  readonly ms: number;
  readonly arrives: boolean;
  readonly times: number;
  readonly turns: number;
};
const step: fc.Arbitrary<Step> = fc.record({
  see: seen,
  ms: fc.constantFrom(1000, 4000, HOLD_MS),
  arrives: fc.boolean(),
  times: fc.integer({ min: 1, max: 3 }),
  /** That an attempt takes. */
  turns: fc.nat(4),
});

const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 0));

t.test('a receiver that failed gets the state at that time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), seen, async (steps, last) => {
      let [now, arrives, turns, underWay, most] = [0, true, 0, 0, 0];
      const arrived: AlertMessage[] = [];
      let take: (live: LiveSnapshot) => void = () => {};
      const alerts = new Alerts(OPTIONS, {
        subscribe: (taker) => {
          take = taker;
          return () => {};
        },
        ...{ instance: 'here', clock: () => now, log: pino({ level: 'silent' }), firstRetryMs: 0 },
        async deliver(_webhook, body) {
          most = Math.max(most, ++underWay);
          const succeeds = arrives;
          for (let i = turns; i > 0; i--) await nextTurn();
          underWay--;
          if (!succeeds) return 'it answered 500';
          arrived.push(body as AlertMessage);
          return undefined;
        },
      });
      const see = async (what: Seen, ms: number) => {
        now += ms;
        take(liveOf(what));
        // Attempts, and retries that wait no time.
        for (let i = 0; i < 2; i++) await nextTurn();
      };
      for (const each of steps) {
        ({ arrives, turns } = each);
        for (let i = 0; i < each.times; i++) await see(each.see, each.ms);
      }
      [arrives, turns] = [true, 0];
      for (let i = 0; i < 5; i++) await see(last, HOLD_MS);
      for (let i = 0; i < 50 && alerts.snapshot().problem !== null; i++) await see(last, HOLD_MS);
      await alerts.close(0);

      if (most > 1) throw new Error('two at a time');
      let before: AlertMessage['levels'] = CALM.levels;
      let observedBefore: AlertMessage['observed'] = [];
      for (const [i, { number, changes, levels, observed, text }] of arrived.entries()) {
        if (number !== i + 1) throw new Error(`${number} is out of order`);
        if (changes.length === 0) throw new Error('the same again');
        for (const change of changes) {
          if (change.event !== 'level') continue;
          if (change.from !== before[change.priority]) throw new Error('it did not know that');
          const counted = change.to === 'open' ? observedBefore : observed;
          if (change.observed !== counted.includes(change.priority)) throw new Error('another mode');
          const says = `writes of priority ${change.priority} ${change.observed ? 'would be' : 'are'} `;
          if (!text.includes(says)) throw new Error(text);
        }
        before = levels;
        observedBefore = observed;
      }
      const { told, delivered } = alerts.snapshot();
      if (delivered !== arrived.length) throw new Error('miscounted');
      const level = (share: number) => (share === 0 ? 'open' : share < 1 ? 'partial' : 'full');
      const near = last.secondsToFull !== null && last.secondsToFull <= 60;
      const between = last.secondsToFull === 61 || last.secondsToFull === 90;
      const same =
        JSON.stringify(told.levels) ===
        JSON.stringify({ ...CALM.levels, low: level(last.low), normal: level(last.normal) });
      const observed = PRIORITY_NAMES.filter((name) => last.observes && told.levels[name] !== 'open');
      if (told.observed.join() !== observed.join()) throw new Error(JSON.stringify([told, last]));
      if (!same || told.rehearsal !== last.rehearsal) throw new Error(JSON.stringify([told, last]));
      if (!between && told.fullSoon !== near) throw new Error(JSON.stringify([told, last]));
    }),
    { numRuns: 40 },
  );
});

t.test('without a fresh reading nothing changes', async (t) => {
  const tracker = new SituationTracker();
  const full = { low: 1, normal: 0, secondsToFull: null, rehearsal: false, observes: false };
  const open = { ...full, low: 0 };
  t.equal(tracker.see(liveOf(full), OPTIONS, 0).levels.low, 'full');
  t.equal(tracker.see(liveOf(open, { stale: true }), OPTIONS, HOLD_MS).levels.low, 'full');
  t.equal(tracker.see(liveOf(open, { pressure: null }), OPTIONS, 2 * HOLD_MS).levels.low, 'full');
  t.equal(tracker.see(liveOf(open), OPTIONS, 3 * HOLD_MS).levels.low, 'full', 'seen for the first time');
  t.equal(tracker.see(liveOf(open), OPTIONS, 4 * HOLD_MS).levels.low, 'open');
});

t.test('refusals of a rehearsal end with it', async (t) => {
  const tracker = new SituationTracker();
  const seen = { low: 1, normal: 1, secondsToFull: null, rehearsal: true, observes: false };
  t.match(tracker.see(liveOf(seen), OPTIONS, 0), {
    rehearsal: true,
    levels: { low: 'full', normal: 'full' },
  });
  const after = tracker.see(liveOf({ ...seen, normal: 0, rehearsal: false }), OPTIONS, 1);
  t.match(after, { rehearsal: false, levels: { low: 'full', normal: 'open' } });
});

t.test('full before the hold is over is told while there is time left', async (t) => {
  const tracker = new SituationTracker();
  const told = [12, 11, 10, 9, 8, 7].map((secondsToFull, i) => {
    const live = liveOf({ low: 0, normal: 0, secondsToFull, rehearsal: false, observes: false });
    return tracker.see(live, OPTIONS, i * 1000).fullSoon;
  });
  t.same(told, [false, false, false, false, true, true]);
});

t.test('a server that evicts as it should may be full', async (t) => {
  const fullSoon = (memory: object, options = OPTIONS) => {
    const tracker = new SituationTracker();
    const live = liveOf({ low: 0, normal: 0, secondsToFull: 5, rehearsal: false, observes: false }, memory);
    tracker.see(live, options, 0);
    return tracker.see(live, options, HOLD_MS).fullSoon;
  };
  t.equal(fullSoon({}), true);
  t.equal(fullSoon({ active: false }), true, 'noeviction that only is watched');
  t.equal(fullSoon({ active: false, policy: 'allkeys-lru' }), false);
  t.equal(fullSoon({}, { ...OPTIONS, timeToFullMs: 0 }), false, 'switched off');
});
