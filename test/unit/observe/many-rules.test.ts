// What is done each second with the most rules that a config may have: in slices, and in steps that do not multiply.
import t from 'tap';
import { Priority, type Rule } from '../../../src/core/policy/rule.js';
import { RuleSet } from '../../../src/core/policy/rule-set.js';
import { SLICE, type Sliced } from '../../../src/core/policy/slices.js';
import { type LiveSources, liveFacts } from '../../../src/observe/advice/live-facts.js';
import { Holders } from '../../../src/observe/holders/holders.js';
import { TrafficStats } from '../../../src/observe/stats/counters.js';
import { snapshotStats, statsSliced } from '../../../src/observe/stats/snapshot.js';
import { numberedRules } from '../../support/numbered-rules.js';
import { RULES } from '../../support/session-lab.js';

const MANY = 10 * SLICE;
const NAMES = Array.from({ length: MANY }, (_, i) => `rule ${i}`);
const NOW = Date.parse('2026-01-02T03:04:05.000Z');

function play<T>(work: Sliced<T>, atFirst?: () => void): { result: T; pauses: number } {
  for (let pauses = 0; ; pauses++) {
    const next = work.next();
    if (next.done) return { result: next.value, pauses };
    if (pauses === 0) atFirst?.();
  }
}

/** Rules that count how often their names and slots are read. */
function countedRules(): { rules: Rule[]; reads: () => number } {
  let reads = 0;
  const rules = NAMES.map((name, i) => ({
    ...{ ...RULES[0], globs: [Buffer.from(`${name}:*`)], ttlMs: 1000 },
    get name() {
      reads++;
      return name;
    },
    get slot() {
      reads++;
      return i + 1;
    },
  }));
  return { rules, reads: () => reads };
}

t.test('the statistics are read with a pause after each slice', async (t) => {
  const stats = new TrafficStats(numberedRules(...NAMES), () => NOW);
  const { result, pauses } = play(statsSliced(stats, NOW));
  t.equal(pauses, MANY / SLICE - 1);
  t.same(result, snapshotStats(stats, NOW));
});

t.test('a reload in such a pause: they are read anew, with the rules of now', async (t) => {
  const stats = new TrafficStats(numberedRules(...NAMES), () => NOW);
  const reload = (): void => stats.adopt([{ name: 'late', slot: 1, builtIn: false }]);
  const { result } = play(statsSliced(stats, NOW), reload);
  t.same(
    result.rules.map(({ name }) => name),
    ['late'],
  );
});

t.test('the advisor looks at each rule a few times, not at each for each', async (t) => {
  const { rules, reads } = countedRules();
  const stats = snapshotStats(new TrafficStats(numberedRules(...NAMES), () => NOW), NOW);
  for (const row of stats.rules) row.writes = 1;
  const sources = {
    ...{ memory: { policy: 'noeviction', maxmemoryBytes: 100, usedBytes: 50, evictedKeysPerSecond: 0 } },
    ...{ keyspace: { keys: 10, expires: 5 }, stats, growth: { rules: [] }, rules, refusedLastHour: 0 },
    ttlCost: undefined,
  } as unknown as LiveSources;
  t.equal(liveFacts(sources)?.holders?.length, MANY);
  t.ok(reads() < 10 * MANY, `${reads()} reads for ${MANY} rules`);
});

t.test('the memory that each rule holds is found with a few looks at each rule', async (t) => {
  const { rules } = countedRules();
  const set = new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: false } });
  let reads = 0;
  for (const [i, rule] of set.rules.entries())
    Object.defineProperty(rule, 'slot', {
      get() {
        reads++;
        return i + 1;
      },
    });
  let now = 0;
  const holders = new Holders(set, {
    ...{ ask: async () => [], memory: () => ({ usedBytes: 100, limitBytes: 200 }), clock: () => now },
    ...{ denied: () => false, evicts: () => true },
  });
  holders.onRound({ keys: 10, expires: 5, databases: [{ db: 0, keys: 10, expires: 5 }] } as never);
  for (let i = 0; i < 1000; i++, now++)
    holders.onSample({ db: 0, key: Buffer.from('rule 7:x'), bytes: 1000, ttlMs: 500 } as never);
  holders.look([], []);
  const before = reads;
  for (let slot = 1; slot <= MANY; slot++) holders.holding(slot);
  holders.snapshot();
  t.ok(reads - before < 10 * MANY, `${reads - before} reads for ${MANY} rules`);
  t.not(holders.holding(8), null);
});
