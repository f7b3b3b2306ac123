// How the primary shares out what is to go, and how keys come from the ring of a worker: in batches, over messages that may
// take any time, and only those go that were not written since.
import t from 'tap';
import type { Candidate, Candidates } from '../../../src/evict/candidates.js';
import { NO_CANDIDATES } from '../../../src/evict/candidates.js';
import type { EvictAnswer, EvictAsk } from '../../../src/evict/messages.js';
import { Owed } from '../../../src/evict/owed.js';
import { RemoteSource } from '../../../src/evict/remote-source.js';
import { RingShare } from '../../../src/evict/ring-share.js';
import { sharesOf, WorkerHands } from '../../../src/evict/worker-hands.js';

const stock = (slot: number, bytes: number) => ({ slot, keys: 1, bytes, oldestMs: 1 });
const priorityOf = (slot: number) => (slot === 1 ? 0 : 1);

t.test('removals are divided by how much each worker has of the lowest priority', async (t) => {
  t.same(sharesOf([[stock(1, 300)], [stock(1, 100)]], 100, priorityOf), [75, 25]);
  t.same(sharesOf([[stock(1, 100), stock(2, 500)], [stock(2, 500)]], 200, priorityOf), [150, 50]);
  t.same(sharesOf([[], []], 200, priorityOf), [100, 100]);
  t.same(sharesOf([[stock(1, 10)], []], 30, priorityOf), [20, 10]);
  t.same(sharesOf([], 30, priorityOf), []);
});

/** Keys of 100 bytes each, the lowest number first. */
class List implements Candidates {
  readonly fill = { keys: 1, bytes: 64, capacityBytes: 1024, dropped: 0 };
  readonly returned: string[] = [];
  readonly written = new Set<string>();
  constructor(readonly keys: string[]) {}
  take(most: number, mostBytes: number, observed: boolean, slot = 2): Candidate[] {
    if (observed || slot !== 2 || most === 0) return [];
    const count = Math.max(1, Math.min(most, Math.ceil(mostBytes / 100)));
    return this.keys.splice(0, count).map((key) => ({
      ...{ db: 3, slot: 2, bytes: 100, at: 50 },
      key: Buffer.from(key),
    }));
  }
  isCurrent({ key }: Candidate): boolean {
    return !this.written.has(String(key));
  }
  again({ key }: Candidate): void {
    this.returned.push(String(key));
  }
  learn(): void {}
  stock() {
    return [stock(2, this.keys.length * 100)];
  }
  knows(): boolean {
    return false;
  }
}

function pair(
  keys: string[],
  owed?: Owed,
): {
  list: List;
  source: RemoteSource;
  asks: EvictAsk[];
  deliver: () => void;
  time: { now: number };
} {
  const list = new List(keys);
  const time = { now: 100 };
  const clock = () => time.now;
  const share = new RingShare(
    () => list,
    () => {},
    clock,
  );
  const asks: EvictAsk[] = [];
  const source = new RemoteSource((ask) => asks.push(structuredClone(ask)), clock, owed);
  const deliver = (): void => {
    while (asks.length > 0) source.hear(structuredClone(share.answer(asks.shift() as EvictAsk)));
  };
  return { list, source, asks, deliver, time };
}

const texts = (taken: readonly Candidate[]) => taken.map(({ key }) => String(Buffer.from(key)));

t.test('keys arrive as the worker knows them, with their age and place', async (t) => {
  const { source, deliver, time } = pair(['a', 'bb', '\u00ff'.repeat(3)]);
  time.now = 1000;
  const taking = source.take(64, 1e6);
  deliver();
  const taken = await taking;
  t.same(texts(taken), ['a', 'bb', '\u00ff'.repeat(3)]);
  t.match(taken[1], { db: 3, slot: 2, bytes: 100, at: 50 });
});

t.test(
  'with many takes at a time, each key is given once, one question is asked at a time, and none is left waiting',
  async (t) => {
    const { source, asks, deliver } = pair(Array.from({ length: 500 }, (_, i) => `k${i}`));
    const takes = [1, 2, 3, 4, 5].map(() => source.take(64, 1e6));
    t.equal(asks.length, 1);
    deliver();
    const taken = (await Promise.all(takes)).flatMap(texts);
    t.equal(new Set(taken).size, 320);
    t.same(
      taken,
      Array.from({ length: 320 }, (_, i) => `k${i}`),
    );
  },
);

t.test('a key that was written since the batch came is not removed', async (t) => {
  const { list, source, deliver, time } = pair(['a', 'b', 'c']);
  const taking = source.take(64, 1e6);
  deliver();
  const taken = (await taking).map((candidate) => ({ candidate }));
  t.equal((await source.current(taken)).length, 3, 'fresh ones are not asked about');
  time.now += 30;
  list.written.add('b');
  const confirming = source.current(taken);
  deliver();
  t.same(texts((await confirming).map(({ candidate }) => candidate)), ['a', 'c']);
});

t.test('keys return to the ring that they came from', async (t) => {
  const { list, source, deliver } = pair(['a', 'b']);
  const taking = source.take(64, 1e6);
  deliver();
  source.again((await taking)[1] as Candidate);
  deliver();
  t.same(list.returned, ['b']);
});

t.test('for a rule near its budget, only keys of that rule come, and no more than it owes', async (t) => {
  const owed = new Owed();
  const { source, deliver, asks } = pair(
    Array.from({ length: 50 }, (_, i) => `k${i}`),
    owed,
  );
  const take = async (): Promise<string[]> => {
    const taking = source.take(64, 1e6);
    deliver();
    return texts(await taking);
  };
  t.same(await take(), [], 'nothing is owed');
  owed.order(new Map([[2, 250]]));
  t.same(await take(), ['k0', 'k1', 'k2']);
  t.same(await take(), []);
  owed.order(new Map([[7, 500]]));
  t.same(await take(), [], 'another rule has none here');
  t.equal(owed.bytes, 0, 'so it is not asked for again');
  source.take(64, 1e6);
  t.equal(asks[0]?.purpose, 'budgets');
});

t.test('nobody waits for a ring without keys', async (t) => {
  const { source, deliver } = pair([]);
  const takes = [source.take(64, 1e6), source.take(64, 1e6)];
  deliver();
  t.same(await Promise.all(takes), [[], []]);
});

t.test('the keys of an old batch count as written since', async (t) => {
  const { source, deliver, time } = pair(Array.from({ length: 45_000 }, (_, i) => `k${i}`));
  const first = source.take(64, 1e6);
  deliver();
  const old = (await first).map((candidate) => ({ candidate }));
  for (let i = 0; i < 640; i++) {
    const next = source.take(64, 1e6);
    deliver();
    await next;
  }
  time.now += 100;
  const confirming = source.current(old);
  deliver();
  t.same(await confirming, []);
});

t.test('when the worker ends, nobody waits, and nothing is removed', async (t) => {
  const { source, deliver, time } = pair(['a']);
  const taking = source.take(1, 1);
  deliver();
  const taken = (await taking).map((candidate) => ({ candidate }));
  time.now += 100;
  const waiting = [source.current(taken), source.take(1, 1), source.take(500, 1)];
  source.close();
  t.same(await Promise.all(waiting), [[], [], []]);
  t.same(await source.take(1, 1), []);
  t.same(await source.current(taken), []);
});

t.test('a process without rules with evict has no keys', async (t) => {
  t.same(NO_CANDIDATES.take(1, 1, false), []);
  t.notOk(NO_CANDIDATES.knows(0, Buffer.from('a')));
});

t.test('what a worker has counted still counts when it has ended, once', async (t) => {
  const endpoint = (): never => {
    throw new Error('no server is needed');
  };
  const unused = () => {};
  const hands = new WorkerHands({
    ...{ priorityOf, endpoint, clock: () => 0, onEvicted: unused, onGone: unused },
  });
  t.teardown(() => hands.close());
  const answer = (observed: number, bytes: number): EvictAnswer => ({
    ...{ purpose: 'memory', confirmed: new Uint8Array(), batch: undefined },
    ...{ observed, stock: [stock(2, bytes)], ring: { keys: 1, bytes, capacityBytes: 1024, dropped: 0 } },
  });
  const [one, other] = [{}, {}];
  hands.welcome(one, unused);
  hands.welcome(other, unused);
  hands.hear(one, answer(300, 64));
  hands.hear(other, answer(50, 32));
  t.match(hands.progress(), {
    observed: 350,
    freed: 0,
    stock: [{ slot: 2, bytes: 96 }],
    ring: { bytes: 96 },
  });
  hands.lose(one);
  hands.lose(one);
  hands.hear(one, answer(900, 64));
  t.match(hands.progress(), {
    observed: 350,
    freed: 0,
    stock: [{ slot: 2, bytes: 32 }],
    ring: { bytes: 32 },
  });
  hands.close();
  t.match(hands.progress(), { observed: 350, freed: 0, stock: [], ring: { bytes: 0 } });
});
