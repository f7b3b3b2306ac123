// On a server that evicts, what counts is what cannot be evicted: bands, headroom, growth under way, what writers of keys with
// a TTL are spared; whichever policy it has from one reading to the next; and with noeviction nothing of it.
import t from 'tap';
import { Priority } from '../../../src/core/policy/rule.js';
import { ShedGate } from '../../../src/core/policy/shed.js';
import { CommittedFlow } from '../../../src/memory/committed-flow.js';
import { type Evictable, evictableOf } from '../../../src/memory/evictable.js';
import { EvictionRates } from '../../../src/memory/eviction-rates.js';
import { Pressure } from '../../../src/memory/pressure.js';
import { parseStats } from '../../../src/memory/reading.js';
import { SampleWindow } from '../../../src/memory/sampling/sample-window.js';
import { keysOf, LIMIT, makePressure, OPTIONS, reading } from '../../support/pressure-lab.js';

function holding(share: number, rest: Partial<Evictable> = {}): Evictable {
  return {
    ...{ eviction: 'volatile', bytes: share * LIMIT, errorBytes: 0.01 * LIMIT, keys: 1000, basis: 'sampled' },
    ...rest,
  };
}

/** A full server that could evict so much. */
function full(evictable: Evictable, options = {}) {
  const lab = makePressure(options);
  const { pressure, gate } = lab;
  let at = lab.now();
  const take = (next: Evictable, used = 1, policy = 'volatile-lru') => {
    at += 200;
    pressure.take(
      reading(used, { policy }),
      keysOf(2000, 1000),
      { growth: gate.admitted, reliefs: 0 },
      at,
      next,
    );
  };
  take(evictable);
  return { ...lab, take, at: () => at };
}

t.test('evictable memory by policy', async (t) => {
  const window = new SampleWindow();
  const of = (policy: string, keys = keysOf(1000, 500), rest = {}) => {
    const { eviction, bytes, errorBytes, basis } = evictableOf(
      reading(0.9, { policy, notKeysBytes: 0.1 * LIMIT, tablesBytes: 0, ...rest }),
      keys,
      window,
      0,
    );
    return [eviction, bytes / LIMIT, errorBytes === null ? null : errorBytes / LIMIT, basis];
  };
  t.same(of('noeviction'), ['none', 0, 0, 'known']);
  t.same(of(''), ['none', 0, 0, 'known']);
  t.same(of('allkeys-lfu'), ['all', 0.8, 0, 'known']);
  t.same(of('allkeys-lfu', keysOf(0, 0)), ['all', 0, 0, 'known'], 'buffers and the like cannot go');
  t.same(of('volatile-ttl', keysOf(1000, 1000)), ['volatile', 0.8, 0, 'known'], 'all of them have a TTL');
  t.same(of('volatile-ttl', keysOf(1000, 0)), ['volatile', 0, 0, 'known']);
  t.same(of('volatile-ttl'), ['volatile', 0.4, null, 'rough'], 'nobody has looked at keys');
  t.same(of('volatile-ttl', keysOf(1000, 500), { maxmemoryBytes: 0 }), ['none', 0, 0, 'known']);
  t.same(of('volatile-ttl', keysOf(1000, 5000)), ['volatile', 0.8, 0, 'known'], 'impossible figures');
  for (let i = 0; i < 100; i++) window.add(10_000 - 32, i % 2 === 0 ? 5000 : -1, 0);
  // No scatter at all; but each of 500 keys may be off by 8 bytes, all of them alike.
  const alike = (500 * 8) / LIMIT;
  t.same(of('volatile-ttl'), ['volatile', 0.05, alike, 'sampled']);
  const tablesBytes = 1000 * 40 + 500 * 24 + 0.03 * LIMIT;
  t.same(
    of('volatile-ttl', keysOf(1000, 500), { tablesBytes }),
    ['volatile', 0.07, alike, 'sampled'],
    'with their part of the buckets, of which a key with a TTL has two',
  );
  t.same(of('volatile-ttl', keysOf(1000, 500), { tablesBytes: 40_000 }), [
    'volatile',
    0.05,
    alike,
    'sampled',
  ]);
  t.same(
    of('volatile-ttl', keysOf(1_000_000, 500_000)),
    ['volatile', 0.8, 1000 * alike, 'sampled'],
    'no more than keys hold',
  );
});

t.test('a full server that can evict refuses nothing; bands follow what it cannot', async (t) => {
  const { pressure, shares, take, changes } = full(holding(0.5));
  t.same(shares(), [0, 0, 0, 0]);
  t.equal(pressure.memory.measured, 0.5);
  take(holding(0.15));
  t.same(shares(), [50, 0, 0, 0]);
  take(holding(0.035));
  t.same(shares(), [100, 93, 38, 0]);
  t.equal(changes.length, 4);
  take(holding(0));
  t.same(shares(), [100, 100, 100, 0]);
});

t.test('room for higher priorities squeezes the bands; with noeviction it moves them', async (t) => {
  const options = { reserve: { horizonMs: 30_000, most: 0.1 } };
  for (const [policy, begins, ends] of [
    ['volatile-lru', 80, 90],
    ['noeviction', 70, 89],
  ] as const) {
    const none: Evictable = { eviction: 'none', bytes: 0, errorBytes: 0, keys: 0, basis: 'known' };
    const { pressure, gate, take } = full(holding(0.9), options);
    for (let i = 1; i <= 100; i++) {
      gate.grow(0.002 * LIMIT, Priority.CRITICAL);
      const used = 0.1 + i * 0.002;
      if (policy === 'noeviction') take(none, used, policy);
      else take(holding(1 - used, { keys: Math.round((1 - used) * 1e5) }));
    }
    const percent = (share: number | undefined) => Math.round(100 * (share ?? 0));
    t.equal(percent(pressure.band(Priority.LOW)?.[0]), begins, policy);
    t.equal(percent(pressure.band(Priority.HIGH)?.[1]), ends, policy);
    t.equal(percent(pressure.reserved(Priority.HIGH) / LIMIT), policy === 'noeviction' ? 10 : 9, policy);
  }
});

t.test('any policy to any other: right with the next reading', async (t) => {
  const policies: [string, Evictable, number[]][] = [
    ['noeviction', holding(0, { eviction: 'none', basis: 'known', keys: 0 }), [100, 100, 100, 0]],
    ['volatile-lru', holding(0.15), [50, 0, 0, 0]],
    ['volatile-ttl', holding(0.9, { errorBytes: null, basis: 'rough' }), [0, 0, 0, 0]],
    ['allkeys-lru', holding(0.9, { eviction: 'all', basis: 'known' }), [0, 0, 0, 0]],
  ];
  for (const [from, before] of policies) {
    for (const [to, after, expected] of policies) {
      const { shares, take, gate } = full(before, { hysteresis: 0 });
      take(before, 1, from);
      take(after, 1, to);
      t.same(shares(), expected, `${from} to ${to}`);
      t.equal(gate.sparesExpiring, to.startsWith('volatile'), `${from} to ${to}`);
    }
  }
});

t.test(
  'writes that leave a TTL are spared while two percent and what stays of a second of writes can be evicted',
  async (t) => {
    const { gate, take, pressure, at } = full(holding(0.021));
    t.ok(gate.sparesExpiring);
    take(holding(0.019));
    t.notOk(gate.sparesExpiring);
    for (let i = 0; i < 50; i++) {
      gate.grow(0.01 * LIMIT, Priority.LOW);
      take(holding(0.04));
    }
    t.ok(gate.sparesExpiring, 'in a second 5% are written, all of which can be evicted in turn');
    for (let left = 0.8; left > 0.045; left -= 0.01) {
      gate.grow(0.01 * LIMIT, Priority.LOW);
      take(holding(left, { keys: Math.round(left * 1e5) }));
    }
    t.notOk(gate.sparesExpiring, 'in a second 5% are written that stay');
    take(holding(0.08, { keys: 8000 }));
    t.ok(gate.sparesExpiring);
    pressure.startRehearsal(0.99, 60_000, at());
    t.notOk(gate.sparesExpiring, 'at 99% committed no more than 1% could be evicted');
  },
);

t.test('"always" goes by used memory; so does a server that answers OOM', async (t) => {
  const always = full(holding(0.5), { shedWhen: 'always' });
  t.same(always.shares(), [100, 100, 100, 0]);
  t.notOk(always.gate.sparesExpiring);
  const { pressure, shares, take, gate, at } = full(holding(0.5));
  pressure.upstreamOom(at());
  t.same(shares(), [0, 0, 0, 0], 'far from the bands the next reading decides');
  take(holding(0.5));
  t.same(shares(), [100, 100, 100, 0]);
  t.notOk(gate.sparesExpiring);
});

t.test('writes that replace evicted keys are no growth; others are', async (t) => {
  const caches = full(holding(0.25));
  for (let i = 0; i < 100; i++) {
    caches.gate.grow(0.02 * LIMIT, Priority.LOW);
    caches.take(holding(0.25));
  }
  caches.gate.grow(0.06 * LIMIT, Priority.LOW);
  t.same(caches.shares(), [0, 0, 0, 0], 'caches that push each other out');
  const lists = full(holding(0.25, { keys: 25_000 }));
  let left = 0.25;
  for (let i = 0; i < 50; i++) {
    lists.gate.grow(0.001 * LIMIT, Priority.LOW);
    left -= 0.001;
    lists.take(holding(left, { keys: left * 1e5 }));
  }
  lists.gate.grow(0.06 * LIMIT, Priority.LOW);
  t.ok(lists.shares()[0] > 40, `lists: ${lists.shares()}`);
});

t.test('no growth is more than what cannot be evicted takes of it', async (t) => {
  const { gate, shares, take } = full(holding(0.9));
  for (let i = 0; i < 100; i++) {
    gate.grow(0.02 * LIMIT, Priority.LOW);
    take(holding(0.9));
  }
  take(holding(0.21));
  gate.grow(0.4 * LIMIT, Priority.LOW);
  t.ok(shares()[0] > 50, 'caches fill what can be evicted, and no more');
});

t.test('room for a large write is what cannot be evicted leaves', async (t) => {
  const { gate } = full(holding(0.4));
  t.equal(Math.round(gate.headroom[Priority.NORMAL]), 0.4 * LIMIT);
  t.equal(Math.round(gate.headroom[Priority.CRITICAL]), 0.4 * LIMIT);
});

t.test('memory that Spillway itself can evict does not count, under any policy', async (t) => {
  const { pressure, shares, read, now } = makePressure();
  read(0.93);
  t.same(shares(), [100, 43, 0, 0]);
  t.ok(pressure.canEvict(0.3 * LIMIT, now()));
  read(0.93);
  read(0.93);
  t.equal(Math.round(pressure.memory.measured * 100), 63);
  t.same(shares(), [0, 0, 0, 0]);
  t.notOk(pressure.canEvict(0.3005 * LIMIT, now()), 'too little to tell everybody');
  t.ok(pressure.canEvict(0, now()));
  t.same(shares(), [100, 43, 0, 0], 'it does not hold its mark: at once');
});

t.test('a worker that uses the primary’s readings decides the same', async (t) => {
  const { pressure, shares, gate, at } = full(holding(0.15));
  const other = new ShedGate();
  const worker = new Pressure(OPTIONS, other, () => {});
  worker.adopt(structuredClone(pressure.state(at())), at());
  t.same(Array.from(other.thresholds), Array.from(gate.thresholds));
  t.equal(other.sparesExpiring, true);
  t.equal(worker.memory.measured, pressure.memory.measured);
  t.equal(shares()[0], 50);
});

t.test('noeviction: memory itself, to the byte', async (t) => {
  const flow = new CommittedFlow();
  const none = evictableOf(reading(0.5), keysOf(10, 5), undefined, 0);
  for (const bytes of [5, 1_000_003, 999_999, 2 ** 40 + 1, 7]) {
    flow.take(bytes, none, 0);
    t.equal(flow.bytes, bytes);
  }
});

t.test('another kind of estimate is no growth, nor is a mean size that jumps at once', async (t) => {
  const flow = new CommittedFlow();
  const of = (bytes: number, keys: number, basis: Evictable['basis']): Evictable =>
    holding(0, { bytes, keys, basis });
  flow.take(1000, of(900, 90, 'known'), 0);
  t.equal(flow.bytes, 100);
  flow.take(1000, of(500, 90, 'rough'), 1000);
  flow.take(1000, of(700, 90, 'sampled'), 2000);
  t.equal(flow.bytes, 100);
  flow.take(1000, of(500, 90, 'sampled'), 2100);
  t.equal(flow.bytes, 101, '200 bytes more are believed in twenty seconds');
  flow.take(1000, of(450, 81, 'sampled'), 2100);
  t.equal(Math.round(flow.bytes), 151, 'nine keys fewer at once');
});

t.test('rates of eviction and of reads; counters that go back begin anew', async (t) => {
  const rates = new EvictionRates();
  const at = (seconds: number, evicted: number) =>
    rates.take(
      parseStats(`evicted_keys:${evicted}\r\nkeyspace_hits:${2 * evicted}\r\nkeyspace_misses:5\r\n`),
      seconds * 1000,
    );
  t.equal(rates.evictedPerSecond, 0);
  at(0, 0);
  t.equal(rates.evictedPerSecond, 0);
  for (let second = 2; second <= 60; second += 2) at(second, 100 * second);
  t.equal(rates.evictedPerSecond, 100);
  t.equal(rates.hitsPerSecond, 200);
  t.equal(rates.missesPerSecond, 0);
  for (let second = 62; second <= 92; second += 2) at(second, 6000);
  t.equal(rates.evictedPerSecond, 0, 'half a minute later');
  at(94, 3);
  t.equal(rates.evictedPerSecond, 0);
  t.throws(() => parseStats('evicted_keys:-1\r\n'), /evicted_keys is not a number/);
});
