// Metrics of writes, by rule.
import { followUps, latency, one, perHolding, perRule, refusals, spared } from '../metric-readers.js';
import type { MetricGroup } from './metric-group.js';

export const WRITE_METRICS: MetricGroup = {
  heading: 'Writes by rule',
  about: 'Writes, TTLs and refusals. `rule="unregistered"` stands for keys that no rule matches.',
  look: 'to see which rule fills the memory, whether each rule works as intended, and what `"mode": "enforce"` would change',
  metrics: [
    ['counter', 'writes_total', 'Keys written by forwarded commands.', perRule((r) => r.writes)],
    ['counter', 'write_bytes_total', 'Payload bytes of forwarded writes.', perRule((r) => r.bytes)],
    [
      'counter',
      'ttl_injected_total',
      "Writes to which Spillway added their rule's TTL.",
      perRule((r) => r.ttlInjected),
    ],
    [
      'counter',
      'ttl_clamped_total',
      'Writes whose own TTL Spillway cut to maxTtl.',
      perRule((r) => r.ttlClamped),
    ],
    [
      'counter',
      'ttl_present_total',
      'Writes with their own TTL, not longer than maxTtl.',
      perRule((r) => r.hadTtl),
    ],
    ['counter', 'ttl_kept_total', 'Writes that do not change the TTL of their key.', perRule((r) => r.kept)],
    [
      'counter',
      'without_ttl_total',
      'Writes that leave their key without a TTL.',
      perRule((r) => r.withoutTtl),
    ],
    [
      'counter',
      'ttl_dropped_total',
      'Writes that removed the TTL of their key; a lower bound.',
      perRule((r) => r.ttlDropped),
    ],
    [
      'counter',
      'ttl_yielded_total',
      'TTLs of the rule that gave way to one that the application set by EXPIRE with NX or LT.',
      perRule((r) => r.ttlYielded),
    ],
    [
      'counter',
      'ttl_renewed_total',
      'TTLs of the rule that a write to their key renewed.',
      perRule((r) => r.ttlRenewed),
    ],
    [
      'counter',
      'ttl_left_behind_total',
      'Keys renamed or copied to names of the rule, which lost the TTL of their former rule.',
      perRule((r) => r.ttlLeftBehind),
    ],
    [
      'counter',
      'follow_ups_sent_total',
      'Follow-ups sent: commands that give a TTL after a write that could not carry one.',
      perRule((r) => r.followUps),
    ],
    ['counter', 'follow_ups_total', "Follow-ups by Redis's reply.", followUps],
    ['counter', 'shed_total', 'Commands refused with OOM, by reason.', refusals((r) => r.shedBy)],
    [
      'counter',
      'spared_total',
      'Commands that passed although Spillway refused their key at that moment, by reason.',
      spared,
    ],
    ['counter', 'shed_bytes_total', 'Payload bytes of refused commands.', perRule((r) => r.shedBytes)],
    [
      'counter',
      'would_inject_total',
      'Observe mode: writes that would have got a TTL.',
      perRule((r) => r.wouldInject),
    ],
    [
      'counter',
      'would_clamp_total',
      'Observe mode: writes whose TTL would have been cut to maxTtl.',
      perRule((r) => r.wouldClamp),
    ],
    [
      'counter',
      'would_shed_total',
      'Observe mode: commands that would have been refused, by reason.',
      refusals((r) => r.wouldShedBy),
    ],
    [
      'gauge',
      'distinct_keys',
      'Estimated distinct keys written since the start.',
      perRule((r) => r.distinctKeys),
    ],
    [
      'gauge',
      'rule_memory_bytes',
      'Memory that the keys of the rule hold, no matter which client wrote them, estimated from random keys. No line: the monitor lacks the rights to measure keys.',
      perHolding((h) => h.bytes),
    ],
    [
      'gauge',
      'rule_memory_error_bytes',
      'Half of the 95% confidence interval of spillway_rule_memory_bytes.',
      perHolding((h) => h.errorBytes),
    ],
    [
      'gauge',
      'rule_memory_expiring_bytes',
      'The part of spillway_rule_memory_bytes that keys with a TTL hold.',
      perHolding((h) => h.expiringBytes),
    ],
    [
      'counter',
      'keys_given_up_total',
      'Keys to which no rule was applied, because comparing them with the patterns took too long.',
      one((s) => s.connections.keysGivenUp),
    ],
    [
      'counter',
      'upstream_oom_total',
      'OOM errors answered by Redis itself.',
      one((s) => s.stats.upstreamOom),
    ],
    [
      'histogram',
      'upstream_latency_seconds',
      'Time from the last byte of a command sent to the last byte of its reply, for a sample of commands.',
      latency((s) => s.stats.latency),
    ],
  ],
};
