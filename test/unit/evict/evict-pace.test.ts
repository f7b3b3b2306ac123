// How much is to be freed, and when: a model of a server that grows by what is written and shrinks by what is freed.
import t from 'tap';
import { Pace } from '../../../src/evict/pace.js';

const MB = 1024 * 1024;
const LIMIT = 100 * MB;
const MARKS = { start: 0.78, stop: 0.76 };

interface World {
  used: number;
  admitted: number;
  freed: number;
  pending: number;
  now: number;
}

/** Looks each 20 ms, reads each `readMs`; what is due is freed at once, but for a part of `lost` that was gone already. */
function run(
  t0: Partial<World>,
  ms: number,
  {
    perMs = 0,
    perWire = 1,
    readMs = 20,
    estimate = 1,
  }: { perMs?: number; perWire?: number; readMs?: number; estimate?: number } = {},
  pace = new Pace(MARKS),
): { world: World; pace: Pace; highest: number; lowest: number } {
  const world: World = { used: 0, admitted: 0, freed: 0, pending: 0, now: 0, ...t0 };
  let read = Number.NEGATIVE_INFINITY;
  let [highest, lowest] = [0, Number.POSITIVE_INFINITY];
  for (const end = world.now + ms; world.now < end; world.now += 20) {
    const flow = (): { admitted: number; freed: number } => ({
      admitted: world.admitted,
      freed: world.freed,
    });
    if (world.now - read >= readMs) {
      read = world.now;
      pace.take({ usedBytes: world.used, limitBytes: LIMIT }, flow(), world.pending, world.now);
    }
    const due = pace.due(flow(), world.now);
    world.freed += due;
    world.used -= due * estimate;
    world.admitted += perMs * 20;
    world.used += perMs * 20 * perWire;
    highest = Math.max(highest, world.used / LIMIT);
    if (world.now > end / 2) lowest = Math.min(lowest, world.used / LIMIT);
  }
  return { world, pace, highest, lowest };
}

t.test('nothing is due without a reading, without a limit, or below the start', async (t) => {
  const pace = new Pace(MARKS);
  t.equal(pace.due({ admitted: 1e9, freed: 0 }, 0), 0);
  pace.take({ usedBytes: 99 * MB, limitBytes: 0 }, { admitted: 0, freed: 0 }, 0, 0);
  t.equal(pace.due({ admitted: 0, freed: 0 }, 20), 0);
  t.equal(run({ used: 77.9 * MB }, 2000).world.freed, 0);
});

t.test('from start, memory falls to the lower mark and stays there', async (t) => {
  const { world, pace } = run({ used: 78.2 * MB }, 10_000);
  t.ok(Math.abs(world.used / LIMIT - 0.76) < 0.001, String(world.used / LIMIT));
  t.notOk(pace.active);
  t.ok(pace.held);
});

for (const perMs of [1, 10, 100].map((each) => each * 1024)) {
  for (const perWire of [0.5, 1, 1.5]) {
    for (const estimate of [0.7, 1, 1.4]) {
      t.test(
        `${perMs} bytes/ms, ${perWire} of memory by the wire, keys of ${estimate} × what is thought`,
        async (t) => {
          const { highest, lowest } = run({ used: 77.9 * MB }, 20_000, { perMs, perWire, estimate });
          t.ok(highest < 0.8 + (perMs * 20 * perWire) / LIMIT, `at most ${highest}`);
          t.ok(lowest > 0.75 - (perMs * 20) / LIMIT, `at least ${lowest}`);
        },
      );
    }
  }
}

t.test('memory that the server is still freeing is not freed twice', async (t) => {
  const pace = new Pace(MARKS);
  const flow = { admitted: 0, freed: 5 * MB };
  pace.take({ usedBytes: 80 * MB, limitBytes: LIMIT }, flow, 5 * MB, 0);
  t.equal(pace.due(flow, 20), 0);
});

t.test('far above start, holding is false until memory is well below again', async (t) => {
  const pace = new Pace(MARKS);
  const at = (used: number, now: number): boolean => {
    pace.take({ usedBytes: used * LIMIT, limitBytes: LIMIT }, { admitted: 0, freed: 0 }, 0, now);
    pace.due({ admitted: 0, freed: 0 }, now);
    return pace.held;
  };
  t.ok(at(0.84, 0));
  t.notOk(at(0.86, 1000));
  t.notOk(at(0.83, 2000));
  t.ok(at(0.81, 3000));
  pace.forget();
  t.notOk(pace.held);
  t.equal(pace.due({ admitted: 0, freed: 0 }, 4000), 0);
});

t.test('full at the first reading: the mark is held while memory falls, and no longer', async (t) => {
  const pace = new Pace(MARKS);
  const at = (used: number, now: number, limitBytes = LIMIT): boolean => {
    pace.take({ usedBytes: used * limitBytes, limitBytes }, { admitted: 0, freed: 0 }, 0, now);
    pace.due({ admitted: 0, freed: 0 }, now);
    return pace.held;
  };
  t.notOk(at(0.98, 0), 'no room is left');
  t.notOk(at(0.95, 100), 'it had its chance');
  t.ok(at(0.95, 200, 2 * LIMIT), 'another limit: it begins anew');
  t.ok(at(0.93, 300, 2 * LIMIT));
  t.ok(at(0.935, 400, 2 * LIMIT), 'a little more is let in than has gone');
  t.notOk(at(0.945, 500, 2 * LIMIT), 'memory grows');
  t.notOk(at(0.9, 600, 2 * LIMIT));
  pace.forget();
  t.ok(at(0.9, 700, 2 * LIMIT), 'after a time without readings it begins anew, too');
  t.ok(at(0.8, 800, 2 * LIMIT));
  t.notOk(at(0.86, 900, 2 * LIMIT), 'once it was down, seven points above the start are too much');
});

t.test('between rare readings, growth is estimated', async (t) => {
  const { highest } = run({ used: 77 * MB }, 10_000, { perMs: 20 * 1024, perWire: 1, readMs: 500 });
  t.ok(highest < 0.81, `at most ${highest}`);
});

/** What each of several proxies lets in, bytes a millisecond; it reads and looks at times of its own. */
interface Peer {
  perMs: number;
  readonly pace: Pace;
  readonly started: number;
  admitted: number;
  freed: number;
  /** What it let in as memory, and has not freed yet: it knows its own keys only. */
  known: number;
}

interface Crowd {
  used: number;
  highest: number;
  lowest: number;
  readonly peers: Peer[];
}

const peer = (perMs: number, proxies: () => number, started = 0): Peer => ({
  ...{ perMs, started, pace: new Pace(MARKS, proxies) },
  ...{ admitted: 0, freed: 0, known: 0 },
});

/** `perWire`: memory by a byte on the wire. A reading comes each 25 ms, and each proxy's is asked for at another time. */
function together(crowd: Crowd, from: number, to: number, perWire: number): void {
  for (let now = from; now < to; now++) {
    for (const [i, each] of crowd.peers.entries()) {
      const flow = (): { admitted: number; freed: number } => ({
        admitted: each.admitted,
        freed: each.freed,
      });
      each.admitted += each.perMs;
      each.known += each.perMs * perWire;
      crowd.used += each.perMs * perWire;
      if ((now + i * 7) % 25 === 0)
        each.pace.take({ usedBytes: crowd.used, limitBytes: LIMIT }, flow(), 0, now);
      if ((now + i * 3) % 20 !== 0) continue;
      const freed = Math.min(each.known, each.pace.due(flow(), now));
      each.freed += freed;
      each.known -= freed;
      crowd.used -= freed;
    }
    if (crowd.used > 0.77 * LIMIT || crowd.highest > 0)
      crowd.highest = Math.max(crowd.highest, crowd.used / LIMIT);
    if (crowd.highest > 0) crowd.lowest = Math.min(crowd.lowest, crowd.used / LIMIT);
  }
}

const KB = 1024;
for (const [load, perMs] of [
  ['even', [10, 10, 10, 10]],
  ['uneven', [40, 4, 1, 0]],
] as const) {
  for (const perWire of [0.3, 1, 1.4]) {
    t.test(
      `four proxies, ${load} load, ${perWire} of memory by the wire; one killed, one added`,
      async (t) => {
        let proxies = 4;
        const peers = perMs.map((each) => peer(each * KB, () => proxies));
        const crowd: Crowd = { used: 0, highest: 0, lowest: 1, peers };
        together(crowd, 0, 20_000, perWire);
        const killed = peers.shift() as Peer;
        // Its clients go to another one; the number is known later.
        peers[0].perMs += killed.perMs;
        together(crowd, 20_000, 25_000, perWire);
        proxies = 3;
        together(crowd, 25_000, 30_000, perWire);
        const added = peer(10 * KB, () => proxies, 30_000);
        peers.push(added);
        together(crowd, 30_000, 31_000, perWire);
        proxies = 4;
        together(crowd, 31_000, 45_000, perWire);
        t.ok(crowd.highest < 0.82, `at most ${crowd.highest}`);
        t.ok(crowd.lowest > 0.74, `at least ${crowd.lowest}`);
      },
    );
  }
}
