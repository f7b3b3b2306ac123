// What a rehearsal says would be evicted: never below the start, down to the lower mark, the lowest priority first.
import fc from 'fast-check';
import t from 'tap';
import { Priority } from '../../../src/core/policy/rule.js';
import { rehearsedRoom } from '../../../src/evict/rehearsed-room.js';

const LIMIT = 1e9;
const MARKS = { start: 0.78, stop: 0.76 };
const size = fc.integer({ min: 0, max: 3e8 });
const holdings = fc
  .array(
    fc.record({
      priority: fc.constantFrom(Priority.LOW, Priority.NORMAL, Priority.HIGH),
      keys: fc.integer({ min: 1, max: 1e6 }),
      bytes: size,
      sampledBytes: size,
    }),
    { maxLength: 8 },
  )
  .map((rows) => rows.map((row, i) => ({ ...row, rule: `rule ${i}` })));

t.test('of random rules at random pressures', async () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 2, noNaN: true }), holdings, (pressure, rows) => {
      const { bytes, keptBytes, rules } = rehearsedRoom(pressure, LIMIT, MARKS, rows);
      const held = new Map(rows.map((row) => [row.rule, Math.max(row.bytes, row.sampledBytes)]));
      const sum = [...held.values()].reduce((all, each) => all + each, 0);
      const off = rows.length + 2;
      if (Math.abs(bytes + keptBytes - sum) > 2) return false;
      if (Math.abs(rules.reduce((all, rule) => all + rule.bytes, 0) - bytes) > off) return false;
      const used = pressure * LIMIT + sum;
      if (used <= MARKS.start * LIMIT) return bytes === 0 && rules.length === 0;
      const after = used - bytes;
      if (keptBytes > 1 ? Math.abs(after - MARKS.stop * LIMIT) > off : after < MARKS.stop * LIMIT - off)
        return false;
      const went = new Map(rules.map((rule) => [rule.rule, rule.bytes]));
      return rows.every((row) => {
        const gone = went.get(row.rule) ?? 0;
        const all = held.get(row.rule) ?? 0;
        if (gone > all + 1) return false;
        // A rule that loses some: every rule of a lower priority has lost all.
        return (
          gone === 0 ||
          rows.every(
            (lower) =>
              lower.priority >= row.priority ||
              (went.get(lower.rule) ?? 0) >= (held.get(lower.rule) ?? 0) - 2,
          )
        );
      });
    }),
  );
});

t.test('keys are counted by the known ones, and not where none is known', async (t) => {
  const row = { priority: Priority.LOW, sampledBytes: 4e8 };
  const { rules } = rehearsedRoom(0.9, LIMIT, MARKS, [
    { ...row, rule: 'half known', keys: 1000, bytes: 2e8 },
    { ...row, rule: 'unknown', keys: 0, bytes: 0 },
  ]);
  t.same(rules, [
    { rule: 'half known', keys: 2000, bytes: 4e8 },
    { rule: 'unknown', keys: null, bytes: 4e8 },
  ]);
});
