// What counting a write costs, by how its key is found again.
import { specify } from '../../src/core/commands/table.js';
import { KeyMemory, TtlEffect } from '../../src/core/policy/key-memory.js';
import { TtlOutcome } from '../../src/core/policy/observer.js';
import { TrafficStats } from '../../src/observe/stats/counters.js';
import { numberedRules } from '../../test/support/numbered-rules.js';
import type { MicroCase } from './case.js';

const SET = specify({
  name: 'set',
  arity: -3,
  flags: new Set(['write', 'denyoom']),
  keys: { first: 1, last: 1, step: 1, keywords: [] },
});
const KEYS = 4096;
/** Writes in a read. */
const READ = 16;
const now = Date.now();

/** Cycles through prepared keys, as they lie in a read buffer: each with an offset, and a hash ready. */
function write(what: string, slot: number, nameKey: (i: number) => string): MicroCase {
  const stats = new TrafficStats(numberedRules('sessions', 'cache'), () => now);
  const keys = Array.from({ length: KEYS }, (_, i) => Buffer.from(`*3\r\n$3\r\nSET\r\n$20\r\n${nameKey(i)}`));
  const hashes = Int32Array.from(keys, (_, i) => Math.imul(i + 1, 0x9e3779b1));
  let next = 0;
  const run = (): void => {
    const i = next++ & (KEYS - 1);
    stats.onWrite(slot, SET, 100, TtlOutcome.WITHOUT_TTL, keys[i], 18, keys[i].length, hashes[i], 0, false);
  };
  return { what, commands: 1, run };
}

/** What is remembered of a key: with a TTL and without one by turns, of more keys than any cache has room for. */
function remember(): MicroCase {
  const memory = new KeyMemory(() => now);
  const key = Buffer.from('cache:user:1234567');
  let next = 0;
  const run = (): void => {
    const hash = Math.imul(next++ & 0x3ffff, 0x9e3779b1);
    const effect = next & 0x40000 ? TtlEffect.NONE : TtlEffect.OWN;
    memory.note(1, effect, 60_000, 7, false, key, 0, key.length, hash, 0);
    if ((next & (READ - 1)) === 0) memory.settle();
  };
  return { what: 'what is remembered of the key, 16 in a read', commands: 1, run };
}

export function statisticsCases(): MicroCase[] {
  return [
    write('key of a rule', 1, (i) => `cache:user:${i * 7919}`),
    write('no rule, one pattern', 0, (i) => `cart:user:${i * 7919}`),
    write('no rule, 40 patterns', 0, (i) => `app${i % 40}x:order:${i * 7919}:items`),
    write(
      'no rule, long key with uuid',
      0,
      (i) => `tenant:3f2504e0-4f89-11d3-9a0c-0305e82c${1000 + i}:profile:settings:${i}`,
    ),
    write('no rule, 4,096 patterns, one gives way each time', 0, (i) => `name${i}x:order`),
    remember(),
  ];
}
