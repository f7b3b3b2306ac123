// A Pressure with its gate, a clock to turn, and a log of the levels that it has told.

import { PRIORITY_NAMES } from '../../src/core/policy/rule.js';
import { ALL, ShedGate } from '../../src/core/policy/shed.js';
import { Pressure } from '../../src/memory/pressure.js';
import type { LevelChange, PressureOptions } from '../../src/memory/pressure-options.js';
import { coveredBy } from '../../src/memory/pressure-state.js';
import type { KeyspaceReading, Reading } from '../../src/memory/reading.js';

export const LIMIT = 100_000_000;
export const OPTIONS: PressureOptions = {
  bands: [[0.8, 0.9], [0.9, 0.97], [0.95, 0.99], null],
  // As it was before there was one; tests of the reserve turn it on.
  reserve: { horizonMs: 30_000, most: 0 },
  hysteresis: 0.02,
  limitBytes: undefined,
  shedWhen: 'auto',
  staleAfterMs: 5000,
  onStale: 'admit',
};

export function reading(share: number, rest: Partial<Reading> = {}): Reading {
  return {
    usedBytes: share * LIMIT,
    notCountedBytes: 0,
    notKeysBytes: 0,
    tablesBytes: 0,
    maxmemoryBytes: LIMIT,
    policy: 'noeviction',
    freeing: false,
    ...rest,
  };
}

/** All in one database. */
export function keysOf(keys: number, expires: number): KeyspaceReading {
  return { keys, expires, databases: [{ db: 0, keys, expires }], replica: false };
}

export function makePressure(options: Partial<PressureOptions> = {}) {
  const gate = new ShedGate();
  const changes: string[] = [];
  const told: LevelChange[] = [];
  const pressure = new Pressure({ ...OPTIONS, ...options }, gate, (change: LevelChange) => {
    const { priority, from, to, cause } = change;
    told.push(change);
    changes.push(`${PRIORITY_NAMES[priority]} ${from} ${to}: ${cause}`);
  });
  let now = 0;
  const at = {
    now: () => now,
    /** A reading 100 ms later. */
    read: (share: number, rest?: Partial<Reading>, keyspace?: KeyspaceReading) => {
      now += 100;
      pressure.take(reading(share, rest), keyspace, coveredBy(gate), now);
    },
    pass: (ms: number) => {
      now += ms;
      pressure.apply(now);
    },
    /** Growth that is answered at once: in the next reading, if it stays. */
    write: (share: number) => {
      gate.grow(share * LIMIT);
      gate.answer(share * LIMIT, 0);
    },
    miss: () => pressure.missed(now),
  };
  gate.onGrowth = () => pressure.apply(now);
  gate.onRelief = () => pressure.apply(now);
  const shares = () => Array.from(gate.thresholds, (threshold) => Math.round((threshold / ALL) * 100));
  return { pressure, gate, changes, told, shares, ...at };
}
