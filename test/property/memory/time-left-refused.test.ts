// When each priority is first refused, and when memory is full, while refusals slow the growth: forecast from what a real Pressure
// knows, against a model of a server with four writers of different rates, whose end is known.
import t from 'tap';
import { PRIORITY_NAMES, type Priority } from '../../../src/core/policy/rule.js';
import { ALL } from '../../../src/core/policy/shed.js';
import { History } from '../../../src/observe/history/history.js';
import { GrowingServer } from '../../support/growing-server.js';
import { OPTIONS } from '../../support/pressure-lab.js';
import { seeded } from '../../support/random.js';

const LIMIT = 100e6;
const BANDS = [[0.8, 0.88], [0.88, 0.94], [0.94, 0.98], null] as const;
const LONGEST_MS = 900_000;

interface Model {
  /** Bytes a second by priority. */
  readonly adds: readonly [number, number, number, number];
  readonly overwrites?: number;
  readonly reserve?: number;
}

interface Look {
  readonly at: number;
  readonly full: number | null;
  /** By Priority: until it is first refused. */
  readonly begins: readonly (number | null)[];
}

function run({ adds, overwrites = 0, reserve = 0.1 }: Model, seed: number) {
  const pressureOptions = { ...OPTIONS, bands: BANDS, reserve: { horizonMs: 30_000, most: reserve } };
  const server = new GrowingServer({
    ...{ limit: LIMIT, usedShare: 0.2, bypass: 0, readingMs: 5, noise: 100_000 },
    ...{ pressure: pressureOptions, random: seeded(seed) },
  });
  const { pressure, gate } = server.connect(
    adds.map((bytes) => ({ adds: bytes, overwrites, estimated: 1.4 })),
  );
  const history = new History(() => 0);
  const looks: Look[] = [];
  let fullAt = Number.POSITIVE_INFINITY;
  let next = 1000;
  server.run(LONGEST_MS, () => {
    if (server.used > 0.995 * LIMIT) fullAt = Math.min(fullAt, server.now);
    if (server.now < next || fullAt < server.now) return;
    next += 1000;
    const committedBytes = pressure.memory.committedBytes;
    history.take({
      ...{ at: server.now, countedBytes: committedBytes, limitBytes: LIMIT, committedBytes, rules: [] },
      ...{ flowBytes: pressure.memory.committedFlowBytes, errorBytes: 0, evictsAll: false },
      growth: {
        othersBytesPerSecond: pressure.memory.growthPerSecond('others'),
        classes: PRIORITY_NAMES.map((_, i) => ({
          bytesPerSecond: pressure.memory.growthPerSecond(i as Priority),
          refusedShare: gate.thresholds[i] / ALL,
          band: pressure.band(i as Priority),
          enforced: 1,
        })),
      },
    });
    if (server.now % 2000 !== 0) return;
    const marks = PRIORITY_NAMES.flatMap((name, i) => {
      const band = pressure.band(i as Priority);
      return band === null ? [] : [{ name, pressure: band[0] }];
    });
    const { timeToFull, marks: told } = history.growth(marks);
    looks.push({
      at: server.now / 1000,
      full: timeToFull?.seconds ?? null,
      begins: told.map(({ seconds }) => seconds),
    });
  });
  return { looks, full: fullAt / 1000, first: server.firstRefused.map((at) => at / 1000) };
}

/** Within half to one and a half of the truth; never, where that is the truth. */
function isRight(told: number | null, left: number): boolean {
  if (!Number.isFinite(left)) return told === null;
  return told !== null && told >= left / 2 && told <= left * 1.5;
}

/** Shares of the looks after a third of the way that are right: of the end, and of the first refusals. */
function right(model: Model, runs: number) {
  const count = { full: 0, ofFull: 0, begins: 0, ofBegins: 0 };
  for (let seed = 1; seed <= runs; seed++) {
    const { looks, full, first } = run(model, seed);
    const end = Number.isFinite(full) ? full : Math.max(...first.filter(Number.isFinite)) * 2;
    for (const { at, full: told, begins } of looks) {
      if (at >= end / 3 && at < end) {
        count.ofFull++;
        if (isRight(told, full - at)) count.full++;
      }
      for (const [i, seconds] of begins.entries()) {
        const begin = first[i] as number;
        if (!Number.isFinite(begin) || at < begin / 3 || at >= begin) continue;
        count.ofBegins++;
        if (isRight(seconds, begin - at)) count.begins++;
      }
    }
  }
  return { full: count.full / count.ofFull, begins: count.begins / count.ofBegins };
}

const MB = 1e6;
const MODELS: Record<string, Model> = {
  'four writers alike': { adds: [0.35 * MB, 0.35 * MB, 0.35 * MB, 0.35 * MB] },
  'the lowest grows most': { adds: [2 * MB, 0.1 * MB, 0.1 * MB, 0.05 * MB] },
  'the highest grows most': { adds: [0.1 * MB, 0.1 * MB, 0.2 * MB, 1 * MB] },
  'beside writers that only overwrite': { adds: [0.5 * MB, 0, 0.3 * MB, 0.2 * MB], overwrites: 3 * MB },
  'without a reserve': { adds: [0.5 * MB, 0.2 * MB, 0.3 * MB, 0.2 * MB], reserve: 0 },
  'nothing that may not be refused': { adds: [1 * MB, 0, 0.3 * MB, 0] },
};

for (const [name, model] of Object.entries(MODELS)) {
  t.test(`time left while writes are refused: ${name}`, async (t) => {
    const { full, begins } = right(model, Number(process.env.RUNS ?? 1));
    t.comment(full, begins);
    t.ok(full >= 0.8, `${Math.round(full * 100)}% of the looks at the end are right`);
    t.ok(begins >= 0.8, `${Math.round(begins * 100)}% of the looks at first refusals are right`);
  });
}
