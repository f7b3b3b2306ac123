// When keys without a TTL will have filled a server that evicts the others, forecast from random keys as the proxy sees them,
// against a model of such a server whose end is known.
import t from 'tap';
import { CommittedFlow } from '../../../src/memory/committed-flow.js';
import { evictableOf } from '../../../src/memory/evictable.js';
import { SampleWindow } from '../../../src/memory/sampling/sample-window.js';
import { History } from '../../../src/observe/history/history.js';
import { lognormal, seeded } from '../../support/random.js';

const LIMIT = 64e6;
/** What a key takes beside what MEMORY USAGE says: its TTL (32), and its part of the tables. */
const TTL_BYTES = 32;
const TABLES = 16;
const EMPTY = 1e6;

interface Model {
  /** Of the caches: a lognormal's. */
  readonly sigma: number;
  /** Bytes a second that go into a list without a TTL. */
  readonly growth: number;
  /** Keys with a TTL that are rewritten: there are so many, of so many bytes each; they are not evicted while caches are left. */
  readonly sessions?: { readonly keys: number; readonly bytes: number };
  /** Which cache goes: the oldest, or any. */
  readonly evicts: 'oldest' | 'any';
}

interface Look {
  readonly at: number;
  readonly seconds: number | null;
  readonly soonest: number | null;
  readonly latest: number | null;
  readonly committed: number;
  readonly truth: number;
}

/** Runs until nothing is left to evict; a look every two seconds. */
function run({ sigma, growth, sessions, evicts }: Model, seed: number): { looks: Look[]; end: number } {
  const random = seeded(seed);
  const window = new SampleWindow();
  const flow = new CommittedFlow();
  const history = new History(() => 0);
  const caches: number[] = [];
  let head = 0;
  let [cacheBytes, list] = [0, 0];
  const held = {
    keys: sessions?.keys ?? 0,
    bytes: (sessions?.keys ?? 0) * ((sessions?.bytes ?? 0) + TTL_BYTES),
  };
  const looks: Look[] = [];
  const STEP = 0.5;
  for (let at = 0; at < 600; at += STEP) {
    list += growth * STEP;
    const room = () =>
      LIMIT - EMPTY - list - held.bytes - cacheBytes - TABLES * (caches.length - head + held.keys);
    for (let bytes = 0; bytes < 3e6 * STEP; ) {
      const size = 120 + lognormal(random, sigma);
      caches.push(size);
      cacheBytes += size + TTL_BYTES;
      bytes += size;
    }
    while (room() < 0 && caches.length > head) {
      if (evicts === 'any') {
        const i = head + Math.floor(random() * (caches.length - head));
        [caches[i], caches[head]] = [caches[head], caches[i]];
      }
      cacheBytes -= caches[head++] + TTL_BYTES;
    }
    if (room() < 0) return { looks, end: at };
    const count = caches.length - head;
    const keys = count + held.keys + 1;
    for (let i = 0; i < 20; i++) {
      const pick = Math.floor(random() * keys);
      if (pick < count) window.add(caches[head + pick], 3_600_000, at * 1000);
      else if (pick < count + held.keys) window.add(sessions?.bytes, 86_400_000, at * 1000);
      else window.add(list + 1, -1, at * 1000);
    }
    const usedBytes = LIMIT - room();
    const reading = {
      ...{ usedBytes, notCountedBytes: 0, notKeysBytes: EMPTY, tablesBytes: 0, maxmemoryBytes: LIMIT },
      ...{ policy: 'volatile-lru', freeing: false },
    };
    const keyspace = {
      keys,
      expires: keys - 1,
      replica: false,
      databases: [{ db: 0, keys, expires: keys - 1 }],
    };
    const evictable = evictableOf(reading, keyspace, window, at * 1000);
    flow.take(usedBytes, evictable, at * 1000);
    const committedBytes = usedBytes - evictable.bytes;
    history.take({
      ...{ at: at * 1000, countedBytes: usedBytes, limitBytes: LIMIT, committedBytes, rules: [] },
      ...{ flowBytes: flow.bytes, errorBytes: evictable.errorBytes ?? 0, evictsAll: false },
    });
    if (at % 2 !== 0) continue;
    const { timeToFull } = history.growth([]);
    looks.push({
      ...{ at, committed: committedBytes, truth: usedBytes - cacheBytes - held.bytes },
      seconds: timeToFull?.seconds ?? null,
      soonest: timeToFull?.soonestSeconds ?? null,
      latest: timeToFull?.latestSeconds ?? null,
    });
  }
  throw new Error('nothing fills this server');
}

/** Share of the looks after a third of the way that are within half to one and a half of the truth. */
function right(model: Model, runs: number): number {
  let [good, all] = [0, 0];
  for (let seed = 1; seed <= runs; seed++) {
    const { looks, end } = run(model, seed);
    for (const { at, seconds } of looks) {
      if (at < end / 3) continue;
      all++;
      const truth = end - at;
      if (seconds !== null && seconds >= truth / 2 && seconds <= truth * 1.5) good++;
    }
  }
  return good / all;
}

const caches = { growth: 0.8e6, evicts: 'oldest' } as const;
const sessions = { keys: 4000, bytes: 420 };
const MODELS: Record<string, Model> = {
  'equal sizes': { ...caches, sigma: 0 },
  'lognormal sizes': { ...caches, sigma: 1.5 },
  'lognormal sizes, any key evicted': { ...caches, sigma: 1.5, evicts: 'any' },
  'beside sessions': { ...caches, sigma: 0, sessions },
  'beside large sessions that stay': { ...caches, sigma: 0, sessions: { keys: 2000, bytes: 5000 } },
  'slow growth': { sigma: 1, growth: 0.2e6, evicts: 'oldest' },
};

for (const [name, model] of Object.entries(MODELS)) {
  t.test(`time left: ${name}`, async (t) => {
    const share = right(model, Number(process.env.RUNS ?? 2));
    t.comment(share);
    t.ok(share >= 0.8, `${Math.round(share * 100)}% of the looks are right`);
  });
}
