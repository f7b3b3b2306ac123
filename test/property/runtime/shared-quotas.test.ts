// Rates that workers hold together, over their reports to the primary and its answers, which come late: made time.
import fc from 'fast-check';
import t from 'tap';
import { Quotas } from '../../../src/core/policy/quota.js';
import type { QuotaNews } from '../../../src/runtime/workers/messages.js';
import { SharedQuotas } from '../../../src/runtime/workers/shared-quotas.js';
import { TotalQuotas } from '../../../src/runtime/workers/total-quotas.js';
import { RULES } from '../../support/session-lab.js';

const SECONDS = 10;
const TICK_MS = 10;
/** How often workers report (runtime/workers). */
const REPORT_TICKS = 5;

interface Load {
  readonly writesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of each worker: writes that it is asked for in a tick. */
  readonly demands: readonly number[];
  /** How many ticks an answer takes, in turn. */
  readonly delays: readonly number[];
  readonly bytes: number;
}

/** What passes within SECONDS, and what the primary knows of it in the end. */
function play({ writesPerSecond, bytesPerSecond, demands, delays, bytes }: Load) {
  const limit = { writesPerSecond, bytesPerSecond, valueBytes: 0, error: undefined };
  const rules = RULES.map((rule) => (rule.slot === 2 ? { ...rule, limit } : rule));
  const adopted = (takers: number) => {
    const quotas = new Quotas(takers);
    quotas.adopt(rules);
    return quotas;
  };
  const known = adopted(1);
  const total = new TotalQuotas(known);
  const workers = demands.map((demand) => {
    const quotas = adopted(demands.length);
    const worker = {
      ...{ demand, quotas, shared: new SharedQuotas(quotas, demands.length) },
      answer: undefined as { news: QuotaNews; at: number } | undefined,
    };
    total.welcome(worker);
    return worker;
  });
  let [passed, reports] = [0, 0];
  const report = (worker: (typeof workers)[number], tick: number): void => {
    const told = worker.shared.tell();
    if (told === undefined) return;
    worker.answer = { news: total.hear(worker, told), at: tick + delays[reports++ % delays.length] };
  };
  for (let tick = 0; tick < (SECONDS * 1000) / TICK_MS; tick++) {
    for (const [i, worker] of workers.entries()) {
      const { demand, quotas, shared, answer } = worker;
      quotas.refill(tick * TICK_MS);
      for (let n = 0; n < demand && quotas.of(2)?.passes(bytes); n++) {
        quotas.of(2)?.take(bytes);
        passed++;
      }
      if (answer !== undefined && answer.at <= tick) {
        worker.answer = undefined;
        shared.hear(answer.news);
      }
      if ((tick + i) % REPORT_TICKS === 0) report(worker, tick);
    }
  }
  for (const worker of workers) {
    if (worker.answer !== undefined) worker.shared.hear(worker.answer.news);
    report(worker, 0);
  }
  return { passed, writesTaken: known.of(2)?.writes?.taken, bytesTaken: known.of(2)?.bytes?.taken };
}

t.test(
  'whoever of the workers has the load, the rates hold, all that comes passes, and its sum is known',
  async (t) => {
    fc.assert(
      fc.property(
        fc.record({
          writesPerSecond: fc.integer({ min: 200, max: 5000 }),
          bytes: fc.integer({ min: 20, max: 2000 }),
          byWrites: fc.boolean(),
          demands: fc
            .array(fc.constantFrom(0, 1, 1000), { minLength: 1, maxLength: 8 })
            .filter((demands) => demands.includes(1000)),
          delays: fc.array(fc.integer({ min: 0, max: REPORT_TICKS }), { minLength: 1, maxLength: 7 }),
        }),
        ({ writesPerSecond, bytes, byWrites, demands, delays }) => {
          // The other rate is never reached.
          const bytesPerSecond = writesPerSecond * bytes * (byWrites ? 3 : 1);
          const rate = { writesPerSecond: byWrites ? writesPerSecond : writesPerSecond * 3, bytesPerSecond };
          const { passed, writesTaken, bytesTaken } = play({ ...rate, bytes, demands, delays });
          return (
            passed >= writesPerSecond * SECONDS * 0.95 &&
            passed <= writesPerSecond * (SECONDS + 1) * 1.05 &&
            writesTaken === passed &&
            bytesTaken === passed * bytes
          );
        },
      ),
      { numRuns: 60 },
    );
    t.pass();
  },
);

t.test('a worker that hears nothing for long takes half as much again, at most', async (t) => {
  for (const demands of [
    [1000, 1000],
    [1000, 0],
  ]) {
    const { passed } = play({
      writesPerSecond: 1000,
      bytesPerSecond: 1e9,
      demands,
      delays: [0, 900],
      bytes: 100,
    });
    t.ok(passed <= 1.5 * 1000 * (SECONDS + 1), `${demands}: ${passed}`);
  }
});
