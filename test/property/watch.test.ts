// What a watch tells, and what it does not tell twice.
import fc from 'fast-check';
import t from 'tap';
import type { Reading } from '../../src/memory/reading.js';
import { Teller } from '../../src/watch/tell.js';
import { type WatchEvent, Watcher } from '../../src/watch/watcher.js';

const HOLD_MS = 60_000;
const OPTIONS = { thresholds: [0.8, 0.9], timeToFullMs: 600_000, holdMs: HOLD_MS };

const of = (usedBytes: number, maxmemoryBytes = 1000): Reading => {
  return { usedBytes, maxmemoryBytes, notCountedBytes: 0, policy: 'noeviction' };
};

t.test('levels: up at once, down when it lasts', (t) => {
  const watcher = new Watcher(OPTIONS);
  const told = (used: number, seconds: number) => watcher.see(of(used), seconds * 1000).events;
  t.same(told(500, 0), []);
  t.same(told(850, 10), [{ event: 'level', from: 0, to: 1 }]);
  t.same(told(950, 20), [{ event: 'level', from: 1, to: 2 }]);
  t.same(told(850, 30), []);
  t.same(told(950, 40), [], 'to and fro is not told');
  t.same(told(700, 50), []);
  t.same(told(700, 111), [{ event: 'level', from: 2, to: 0 }]);
  t.end();
});

t.test('what replicas and AOF take does not count, and no limit is told once', (t) => {
  const watcher = new Watcher(OPTIONS);
  const { seen } = watcher.see({ ...of(950), notCountedBytes: 300 }, 0);
  t.match(seen, { pressure: 0.65, level: 0 });
  t.same(watcher.see(of(950, 0), 1000).events, [{ event: 'limit', limited: false }]);
  t.same(watcher.see(of(950, 0), 2000).events, []);
  t.match(watcher.see(of(100), 3000).events, [{ event: 'limit', limited: true }]);
  t.end();
});

t.test('full soon, at a steady growth', (t) => {
  const watcher = new Watcher(OPTIONS);
  const events: WatchEvent[] = [];
  let seen = watcher.see(of(0, 1e6), 0).seen;
  for (let second = 10; second <= 120; second += 10) {
    const result = watcher.see(of(second * 1000, 1e6), second * 1000);
    seen = result.seen;
    events.push(...result.events);
  }
  t.same(events, []);
  t.ok(Math.abs((seen.timeToFullSeconds ?? 0) - 880) < 5);
  for (let second = 130; second <= 500; second += 10)
    events.push(...watcher.see(of(second * 1000, 1e6), second * 1000).events);
  t.same(events, [{ event: 'timeToFull', soon: true }]);
  for (let second = 510; second <= 900; second += 10)
    events.push(...watcher.see(of(500_000, 1e6), second * 1000).events);
  t.same(events.slice(1), [{ event: 'timeToFull', soon: false }]);
  t.end();
});

t.test('nothing twice in a row, and what lasts is told', (t) => {
  const step = fc.oneof(fc.constant('lost' as const), fc.integer({ min: 0, max: 1000 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 1000 }), (steps, last) => {
      const watcher = new Watcher({ ...OPTIONS, timeToFullMs: 0 });
      let now = 0;
      let [level, away] = [0, false];
      const take = (events: readonly WatchEvent[]): boolean =>
        events.every((event) => {
          if (event.event === 'level') {
            if (event.from !== level || event.to === level) return false;
            level = event.to;
          }
          if (event.event === 'lost' || event.event === 'back') {
            if (away === (event.event === 'lost')) return false;
            away = !away;
          }
          return true;
        });
      for (const each of steps) {
        now += 10_000;
        if (!take(each === 'lost' ? watcher.lost('gone') : watcher.see(of(each), now).events)) return false;
      }
      for (let i = 0; i < 10; i++) {
        now += 10_000;
        if (!take(watcher.see(of(last), now).events)) return false;
      }
      return !away && level === [0.8, 0.9].filter((threshold) => last / 1000 >= threshold).length;
    }),
  );
  t.end();
});

t.test('the newest arrives, whatever failed before, and one at a time', async () => {
  const outcome = fc.array(fc.boolean(), { maxLength: 15 });
  // Waiting for a retry keeps no process up.
  const alive = setInterval(() => {}, 1000);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(3), { minLength: 1, maxLength: 10 }),
      outcome,
      async (pauses, outcomes) => {
        const arrived: number[] = [];
        const problems: (string | undefined)[] = [];
        let [underWay, tries] = [0, 0];
        const teller = new Teller({
          url: 'http://127.0.0.1:9/',
          authorization: undefined,
          timeoutMs: 1000,
          signal: new AbortController().signal,
          onProblem: (problem) => problems.push(problem),
          firstRetryMs: 0,
          async deliver(_, body) {
            if (++underWay > 1) throw new Error('two at a time');
            await new Promise(setImmediate);
            underWay--;
            if (outcomes[tries++] === false) return 'it answered 500';
            arrived.push((body as { n: number }).n);
            return undefined;
          },
        });
        for (const [n, turns] of pauses.entries()) {
          teller.tell({ n });
          for (let i = 0; i < turns; i++) await new Promise(setImmediate);
        }
        await teller.settled();
        // What comes at the last moment begins another round.
        await teller.settled();
        const rising = arrived.every((n, i) => i === 0 || n > (arrived[i - 1] as number));
        const alternate = problems.every((problem, i) => (problem === undefined) === (i % 2 === 1));
        return rising && alternate && arrived.at(-1) === pauses.length - 1;
      },
    ),
    { numRuns: 200 },
  );
  clearInterval(alive);
});
