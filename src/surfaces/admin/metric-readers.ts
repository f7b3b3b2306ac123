// The readers of the metrics: each picks the values of one metric from the snapshots of a scrape. Owns neither the labels
// (metric-labels.ts) nor the names and help texts. It keeps nothing.
import { REFUSAL_NAMES } from '../../core/policy/refusal.js';
import { PRIORITY_NAMES } from '../../core/policy/rule.js';
import { SPARED_NAMES } from '../../core/policy/spared.js';
import type { BudgetSnapshot, LimitSnapshot, ShedLevel } from '../../memory/snapshot.js';
import type { Holding } from '../../observe/holders/snapshot.js';
import type { PoolSnapshot, TlsSnapshot } from '../../observe/snapshots/connections.js';
import { type FailoverSnapshot, SENTINEL_STATES } from '../../observe/snapshots/failover.js';
import type { SweepSnapshot } from '../../observe/snapshots/sweep.js';
import type { WorkerSnapshot } from '../../observe/snapshots/workers.js';
import { STATES } from '../../observe/state/service-state.js';
import type { RefusalCounts, SparedCounts } from '../../observe/stats/counters.js';
import type { LatencySnapshot } from '../../observe/stats/latency.js';
import type { PausesSnapshot } from '../../observe/stats/pause-times.js';
import type { RuleStats } from '../../observe/stats/snapshot.js';
import type { Label, Reader, Scrape } from './metric-labels.js';
import type { Sample } from './snapshot-metric.js';

export function perRule(value: (rule: RuleStats) => number): Reader {
  return {
    labels: ['rule'],
    read: ({ stats }) =>
      [...stats.rules, stats.unregistered].map((rule) => ({
        value: value(rule),
        labels: { rule: rule.name },
      })),
  };
}

/** The memory of the keys of each rule, if known. */
export function perHolding(value: (holding: Holding) => number): Reader {
  return {
    labels: ['rule'],
    read: ({ stats }) =>
      [...stats.rules, stats.unregistered].flatMap(({ name, holds }) =>
        holds === null ? [] : [{ value: value(holds), labels: { rule: name } }],
      ),
  };
}

/** A metric without labels. */
export function one(value: (scrape: Scrape) => number | null): Reader {
  return {
    labels: [],
    read(scrape) {
      const now = value(scrape);
      return now === null ? [] : [{ value: now }];
    },
  };
}

/** A metric about TLS. A side without TLS has no line. */
export function perSide(value: (tls: TlsSnapshot) => number | null): Reader {
  return {
    labels: ['side'],
    read: ({ connections }) =>
      (['clients', 'upstream'] as const).flatMap((side) => {
        const tls = side === 'clients' ? connections.tls : connections.upstreamTls;
        const now = tls === null ? null : value(tls);
        return now === null ? [] : [{ value: now, labels: { side } }];
      }),
  };
}

/** A metric about command pooling. With session pooling it has no line. */
export function pool(value: (pool: PoolSnapshot) => number): Reader {
  return one(({ connections }) => (connections.pool === null ? null : value(connections.pool)));
}

/** A metric about a primary that Spillway follows. With a fixed address it has no line. */
export function failover(value: (failover: FailoverSnapshot) => number): Reader {
  return one(({ connections }) => (connections.failover === null ? null : value(connections.failover)));
}

export const pauses = byLabel('result', ({ connections: { failover } }) =>
  failover === null
    ? {}
    : { switched: failover.switched, returned: failover.returned, timed_out: failover.timedOut },
);

export const sentinels = byLabel('state', ({ connections: { failover } }) =>
  failover === null
    ? {}
    : Object.fromEntries(
        SENTINEL_STATES.map((state) => [
          state,
          failover.sentinels.filter((sentinel) => sentinel.state === state).length,
        ]),
      ),
);

export const poolClients = byLabel('on', ({ connections: { pool } }) =>
  pool === null ? {} : { shared: pool.clientsSharing, own: pool.clientsPinned, waiting: pool.clientsWaiting },
);

export const pins = byLabel('reason', ({ connections: { pool } }) => pool?.pins ?? {});

export const workers = byLabel('state', ({ workers: { configured, running, silent } }) => ({
  configured,
  running,
  silent,
}));

export function perWorker(value: (worker: WorkerSnapshot) => number): Reader {
  return {
    labels: ['worker'],
    read: ({ workers }) =>
      workers.workers.map((worker) => ({ value: value(worker), labels: { worker: worker.worker } })),
  };
}

export const growth: Reader = {
  labels: ['rule'],
  read: ({ growth: { rules } }) =>
    rules.map(({ name, growthBytesPerSecond }) => ({
      value: growthBytesPerSecond,
      labels: { rule: name },
    })),
};

export const followUps: Reader = {
  labels: ['rule', 'result'],
  read: ({ stats }) =>
    [...stats.rules, stats.unregistered].flatMap(({ name: rule, ...counts }) => [
      { value: counts.followUpsSet, labels: { rule, result: 'set' } },
      { value: counts.followUpsUnchanged, labels: { rule, result: 'unchanged' } },
      { value: counts.followUpsDenied, labels: { rule, result: 'denied' } },
      { value: counts.followUpsFailed, labels: { rule, result: 'failed' } },
    ]),
};

/** A line for each reason that has occurred, and always one for the first, so that a rule that refused nothing has a 0. */
export function refusals(counts: (rule: RuleStats) => RefusalCounts): Reader {
  return perReason(REFUSAL_NAMES[0], counts);
}

export const spared: Reader = perReason(SPARED_NAMES[0], (rule) => rule.sparedBy);

/** `first`: the reason that is shown even if it did not occur. */
function perReason(first: string, counts: (rule: RuleStats) => RefusalCounts | SparedCounts): Reader {
  return {
    labels: ['rule', 'reason'],
    read: ({ stats }) =>
      [...stats.rules, stats.unregistered].flatMap((rule) =>
        Object.entries({ [first]: 0, ...counts(rule) }).map(([reason, value]) => ({
          value,
          labels: { rule: rule.name, reason },
        })),
      ),
  };
}

function byPriority(read: (level: ShedLevel) => number): Reader {
  return {
    labels: ['priority'],
    read: ({ memory }) =>
      PRIORITY_NAMES.map((priority) => ({ value: read(memory.level[priority]), labels: { priority } })),
  };
}

export const shedShare = byPriority(({ shedShare }) => shedShare);
export const shedObserved: Reader = {
  labels: ['priority'],
  read: ({ state }) =>
    PRIORITY_NAMES.map((priority) => ({
      value: Number(state.observed.includes(priority)),
      labels: { priority },
    })),
};
export const reservedBytes = byPriority(({ reservedBytes }) => reservedBytes);
export const growthBytes = byPriority(({ growthBytesPerSecond }) => growthBytesPerSecond);

/** A line for each rule with a budget. */
export function budgets(value: (budget: BudgetSnapshot) => number | null): Reader {
  return byRule(({ memory }) => memory.budgets, value);
}

/** A line for each rule with a limit. */
export function limits(value: (limit: LimitSnapshot) => number | null): Reader {
  return byRule(({ memory }) => memory.limits, value);
}

/** No line if the value is null. */
function byRule<T extends { readonly rule: string }>(
  rows: (scrape: Scrape) => readonly T[],
  value: (row: T) => number | null,
): Reader {
  return {
    labels: ['rule'],
    read: (scrape) =>
      rows(scrape).flatMap((row) => {
        const sample = value(row);
        return sample === null ? [] : [{ value: sample, labels: { rule: row.rule } }];
      }),
  };
}

export const wireBytes = byLabel('direction', ({ connections }) => ({
  from_clients: connections.bytesFromClients,
  to_clients: connections.bytesToClients,
  to_upstream: connections.bytesToUpstream,
  from_upstream: connections.bytesFromUpstream,
}));

/** A histogram: its buckets, sum and count. */
export function latency(which: (scrape: Scrape) => LatencySnapshot): Reader {
  return { labels: ['le'], read: (scrape, name) => histogram(name, which(scrape), {}) };
}

export const addedLatency: Reader = {
  labels: ['way', 'le'],
  read: ({ stats: { ownTimes } }, name) => [
    ...histogram(name, ownTimes.requests, { way: 'request' }),
    ...histogram(name, ownTimes.replies, { way: 'reply' }),
  ],
};

/** How long clients waited for a primary. With a fixed address it has no line. */
export const pauseTimes: Reader = {
  labels: ['le'],
  read: ({ connections: { failover } }, name) =>
    failover === null ? [] : histogram(name, failover.pauses, {}),
};

function histogram(
  name: string,
  { buckets, samples, sumSeconds }: LatencySnapshot | PausesSnapshot,
  labels: Readonly<Record<string, string>>,
): Sample[] {
  const bucket = (count: number, le: number | string): Sample => ({
    metricName: `${name}_bucket`,
    value: count,
    labels: { ...labels, le },
  });
  return [
    ...buckets.map((b) => bucket(b.count, b.leSeconds)),
    bucket(samples, '+Inf'),
    { metricName: `${name}_sum`, value: sumSeconds, labels },
    { metricName: `${name}_count`, value: samples, labels },
  ];
}

/** Without a webhook there is no line. */
export const alerts = byLabel('result', ({ alerts: { webhook, delivered, failed } }) =>
  webhook ? { delivered, failed } : {},
);

/** Without `sweep.every` there is no line. */
export function sweep(value: (sweep: SweepSnapshot) => number | null): Reader {
  return one(({ sweep }) => (sweep.on ? value(sweep) : null));
}

export const heldBytes = byLabel('what', ({ connections }) => ({
  replies: connections.heldReplyBytes,
  commands: connections.heldCommandBytes,
  stalled: connections.stalledCommandBytes,
}));

/** Always 1; its labels matter. */
export const serviceState: Reader = {
  labels: ['state'],
  read: ({ state }) => {
    const holding = new Set([state, ...state.also].map((one) => one.state));
    return STATES.map((name) => ({ value: Number(holding.has(name)), labels: { state: name } }));
  },
};

export const buildInfo: Reader = {
  labels: ['version', 'node'],
  read: ({ version }) => [{ value: 1, labels: { version, node: process.version } }],
};

export const upstreamInfo: Reader = {
  labels: ['mode', 'role', 'version'],
  read: ({ memory: { upstreamMode, upstreamRole, upstreamVersion } }) => [
    { value: 1, labels: { mode: upstreamMode, role: upstreamRole, version: upstreamVersion ?? '' } },
  ],
};

export function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}

/** A line for each name, as the value of `label`. */
function byLabel(label: Label, values: (scrape: Scrape) => Readonly<Record<string, number>>): Reader {
  return {
    labels: [label],
    read: (scrape) =>
      Object.entries(values(scrape)).map(([name, value]) => ({ value, labels: { [label]: name } })),
  };
}
