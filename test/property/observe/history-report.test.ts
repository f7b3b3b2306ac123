// The report of a window against an exact model: every count that any rule ever had, at every moment.
import fc from 'fast-check';
import t from 'tap';
import { REFUSAL_NAMES, type RefusalName } from '../../../src/core/policy/refusal.js';
import { type RuleCounts, RuleHistory } from '../../../src/observe/history/report.js';

const MINUTE = 60_000;
const NAMES = ['a', 'b', 'c', 'unregistered'];
const FIELDS = [
  'writes',
  'withoutTtl',
  'ttls',
  'wouldTtls',
  'shed',
  'wouldShed',
  'spared',
  'evicted',
  'evictedBytes',
  'wouldEvict',
  'wouldEvictBytes',
] as const;

/** Split over two reasons, which one gets how many changes with the number. */
function byReason(count: number): Partial<Record<RefusalName, number>> {
  const band = Math.ceil(count / 2);
  return { ...(count > 0 && { band }), ...(count > band && { script: count - band }) };
}

function countsOf(
  name: string,
  [writes, withoutTtl, ttls, wouldTtls, shed, wouldShed, spared, ...evictions]: readonly number[],
): RuleCounts {
  const [evicted = 0, evictedBytes = 0, wouldEvict = 0, wouldEvictBytes = 0] = evictions;
  // Each sum is of several counters: which one it is does not matter.
  return {
    ...{
      name,
      writes,
      withoutTtl,
      shed,
      wouldShed,
      spared,
      evicted,
      evictedBytes,
      wouldEvict,
      wouldEvictBytes,
      shedBy: byReason(shed),
      wouldShedBy: byReason(wouldShed),
    },
    ...{ ttlInjected: ttls, ttlClamped: 0, followUpsSet: 0, wouldInject: 0, wouldClamp: wouldTtls },
  };
}

const step = fc.record({
  minutes: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 90 })),
  grows: fc.array(
    fc.tuple(
      fc.constantFrom(...NAMES),
      fc.array(fc.nat(50), { minLength: FIELDS.length, maxLength: FIELDS.length }),
    ),
    { maxLength: 3 },
  ),
  present: fc.subarray(NAMES.slice(0, 3)),
});

t.test(
  'what is told is what was counted since a moment that is no later than asked, nor much earlier',
  async (t) => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 120 }),
        fc.integer({ min: 5, max: 1440 }),
        (steps, minutes) => {
          const history = new RuleHistory(REFUSAL_NAMES);
          const totals = new Map(NAMES.map((name) => [name, FIELDS.map(() => 0)]));
          const moments: { at: number; totals: Map<string, number[]> }[] = [];
          let at = 1000;
          let present: string[] = [];
          const take = (): void => {
            const shown = [...present, 'unregistered'];
            history.take(
              at,
              shown.map((name) => countsOf(name, totals.get(name) ?? [])),
            );
            moments.push({ at, totals: structuredClone(totals) });
          };
          take();
          for (const { minutes: later, grows, present: next } of steps) {
            present = next;
            at += later * MINUTE;
            for (const [name, more] of grows) {
              if (name !== 'unregistered' && !present.includes(name)) continue;
              totals.set(
                name,
                (totals.get(name) ?? []).map((count, i) => count + more[i]),
              );
            }
            take();
          }
          const modes = new Map([...present, 'unregistered'].map((name) => [name, 'enforce' as const]));
          const report = history.report(minutes * MINUTE, modes, at, at);
          const since = Date.parse(report.since);
          const from = moments.find((moment) => moment.at === since);
          if (from === undefined) throw new Error('it begins at no moment at which counts were taken');
          const asked = at - minutes * MINUTE;
          if (since > Math.max(asked, 1000)) throw new Error('it begins later than asked');
          // Between two takes there is no mark: a step may be as long as they are apart, and one more.
          const stepMs = (minutes <= 60 ? 5 : 60) * MINUTE + 90 * MINUTE;
          if (since < asked - stepMs)
            throw new Error(`it begins ${(asked - since) / MINUTE} minutes before what was asked`);
          const total = FIELDS.map(() => 0);
          for (const name of NAMES) {
            const done = (totals.get(name) ?? []).map(
              (count, i) => count - (from.totals.get(name)?.[i] ?? 0),
            );
            const told = report.rules.find((rule) => rule.name === name);
            const expected = told?.mode === null || modes.has(name) || done.some((count) => count > 0);
            if ((told !== undefined) !== expected)
              throw new Error(`${name} is ${told === undefined ? 'not ' : ''}told`);
            for (const [i, field] of FIELDS.entries()) {
              total[i] += done[i];
              if (told !== undefined && told[field] !== done[i])
                throw new Error(`${name} ${field}: ${told[field]}, not ${done[i]}`);
            }
            const [shed, wouldShed] = [totals, from.totals].map((of) => of.get(name)?.slice(4) ?? [0, 0]);
            for (const [i, by] of (['shedBy', 'wouldShedBy'] as const).entries()) {
              const [after, before] = [byReason([shed, wouldShed][0][i]), byReason([shed, wouldShed][1][i])];
              for (const reason of ['band', 'script'] as const) {
                const since = (after[reason] ?? 0) - (before[reason] ?? 0);
                if (told !== undefined && (told[by][reason] ?? 0) !== since)
                  throw new Error(`${name} ${by} ${reason}: ${told[by][reason]}, not ${since}`);
              }
            }
          }
          t.same(
            FIELDS.map((field) => report.total[field]),
            total,
          );
        },
      ),
      { numRuns: 200 },
    );
  },
);

t.test('in words', async (t) => {
  const history = new RuleHistory(REFUSAL_NAMES);
  const modes = (mode: 'enforce' | 'observe') => new Map([['a', mode]]);
  const text = (mode: 'enforce' | 'observe', at: number) =>
    history.report(60 * MINUTE, modes(mode), at, at).text;
  t.equal(
    new RuleHistory(REFUSAL_NAMES).report(MINUTE, new Map(), 5, 5).text,
    'in the last 1 second: 0 TTLs given, 0 writes refused',
  );
  history.take(0, []);
  history.take(30_000, [countsOf('a', [41_207, 0, 41_207, 0, 0, 0])]);
  t.equal(text('enforce', 30_000), 'in the last 30 seconds: 41,207 TTLs given, 0 writes refused');
  t.equal(
    text('observe', 50 * MINUTE),
    'in the last 50 minutes: 41,207 TTLs given, 0 writes refused; rules in observe mode would have given 0 TTLs and refused 0 writes',
  );
  history.take(60 * MINUTE, [countsOf('a', [41_208, 0, 41_207, 2, 0, 1])]);
  t.equal(
    text('enforce', 60 * MINUTE),
    'in the last 60 minutes: 41,207 TTLs given, 0 writes refused; rules in observe mode would have given 2 TTLs and refused 1 write',
  );
  history.take(62 * MINUTE, [countsOf('a', [41_208, 0, 41_207, 2, 0, 1, 0, 1200, 3 * 2 ** 20, 1, 2048])]);
  t.match(
    text('enforce', 62 * MINUTE),
    / 0 writes refused, 1,200 keys evicted, which makes 3\.0 MB of room for other writes; .*refused 1 write, with 1 key evicted, which makes 2\.0 KB/,
  );
});
