// Metrics of making room: src/evict.
import type { EvictionSnapshot, RuleEvictionSnapshot, WouldEvict } from '../../../memory/eviction.js';
import type { Reader } from '../metric-labels.js';
import { one, perRule } from '../metric-readers.js';
import type { MetricGroup, MetricRow } from './metric-group.js';

/** No line without a rule with evict. */
function whole(value: (eviction: EvictionSnapshot) => number): Reader {
  return one(({ memory: { eviction } }) => (eviction === null ? null : value(eviction)));
}

/** A line for each rule with evict. */
function known(value: (rule: RuleEvictionSnapshot) => number): Reader {
  return {
    labels: ['rule'],
    read: ({ memory: { eviction } }) =>
      (eviction?.rules ?? []).map((rule) => ({ value: value(rule), labels: { rule: rule.rule } })),
  };
}

/** A line for each rule of which the running rehearsal would remove keys; none where the value is unknown. */
function rehearsed(value: (rule: WouldEvict['rules'][number]) => number | null): Reader {
  return {
    labels: ['rule'],
    read: ({ memory: { rehearsal } }) =>
      (rehearsal?.wouldEvict?.rules ?? []).flatMap((row) => {
        const found = value(row);
        return found === null ? [] : [{ value: found, labels: { rule: row.rule } }];
      }),
  };
}

const ROWS: readonly MetricRow[] = [
  ['counter', 'evicted_total', 'Keys that Spillway removed to make room.', perRule((r) => r.evicted)],
  [
    'counter',
    'evicted_bytes_total',
    'Memory that these keys took, estimated.',
    perRule((r) => r.evictedBytes),
  ],
  [
    'counter',
    'evicted_lived_seconds_total',
    'Sum of the times that these keys had lived since they were written. Divided by evicted_total: how long a key lives.',
    perRule((r) => r.evictedLivedSeconds),
  ],
  [
    'counter',
    'would_evict_total',
    'Observe mode: keys that would have been removed to make room.',
    perRule((r) => r.wouldEvict),
  ],
  [
    'counter',
    'would_evict_bytes_total',
    'Memory that these keys took, estimated.',
    perRule((r) => r.wouldEvictBytes),
  ],
  [
    'gauge',
    'rehearsal_evict_keys',
    'During a rehearsal: keys that Spillway would remove if memory were really so full, estimated. No line: none, or unknown.',
    rehearsed((r) => r.keys),
  ],
  [
    'gauge',
    'rehearsal_evict_bytes',
    'During a rehearsal: memory of the keys that Spillway would remove, estimated. No line: none.',
    rehearsed((r) => r.bytes),
  ],
  ['gauge', 'evictable_keys', 'Keys that Spillway knows and may remove.', known((r) => r.keys)],
  ['gauge', 'evictable_bytes', 'Memory that these keys take, estimated.', known((r) => r.bytes)],
  [
    'gauge',
    'evict_oldest_seconds',
    'How long ago the oldest of these keys was written.',
    known((r) => r.oldestSeconds),
  ],
  ['gauge', 'evict_active', '1 while Spillway removes keys.', whole(({ active }) => Number(active))],
  [
    'gauge',
    'evict_holding',
    '1 while memory stays near memory.evict.start. While it is 0, Spillway refuses writes by used memory.',
    whole(({ holding }) => Number(holding)),
  ],
  [
    'gauge',
    'evict_trouble',
    '1 while Spillway cannot remove keys. /readyz and the log say why.',
    whole(({ trouble }) => Number(trouble !== null)),
  ],
  [
    'gauge',
    'evict_known_bytes',
    "Spillway's own memory for its list of these keys. At most memory.evict.keys in each worker.",
    whole(({ ring }) => ring.bytes),
  ],
  [
    'counter',
    'evict_forgotten_total',
    'Keys that Spillway forgot because memory.evict.keys was used up. SCAN finds them again.',
    whole(({ ring }) => ring.dropped),
  ],
];

export const EVICTION_METRICS: MetricGroup = {
  heading: 'Making room',
  about:
    'Keys of rules with `evict` that Spillway removes as memory fills up, and those that it could remove.',
  look: 'to see how long caches live, whether memory is held, and what is left to remove before writes are refused',
  metrics: ROWS,
};
