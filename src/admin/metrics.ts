// /metrics: the snapshots in Prometheus's words. Owns names, help texts and labels, which are an API.
// It counts nothing and keeps nothing: each scrape takes one snapshot of each source and all metrics read that.
// Invariant: labels are bounded by the config (rule names, priorities, workers) or fixed (reasons); no key and no client is a label.
import { collectDefaultMetrics, Registry } from 'prom-client';
import { PIN_REASONS } from '../commands/spec.js';
import type { GrowthReport } from '../history/history.js';
import { PRIORITY_NAMES } from '../policy/rule.js';
import type { RuleStats, StatsSnapshot } from '../stats/snapshot.js';
import { registerSnapshotMetric, type Sample } from './snapshot-metric.js';
import type {
  AdminSources,
  ConfigSnapshot,
  ConnectionSnapshot,
  MemorySnapshot,
  PoolSnapshot,
  TlsSnapshot,
  WorkerSnapshot,
  WorkersSnapshot,
} from './types.js';

interface Scrape {
  stats: StatsSnapshot;
  memory: MemorySnapshot;
  connections: ConnectionSnapshot;
  workers: WorkersSnapshot;
  growth: GrowthReport;
  config: ConfigSnapshot;
}
type Row = [
  type: 'counter' | 'gauge' | 'histogram',
  name: string,
  help: string,
  read: (scrape: Scrape) => Sample[],
];

const ROWS: readonly Row[] = [
  ['counter', 'writes_total', 'Keys written by forwarded commands.', perRule((r) => r.writes)],
  ['counter', 'write_bytes_total', 'Payload bytes of forwarded writes.', perRule((r) => r.bytes)],
  [
    'counter',
    'ttl_injected_total',
    "Writes that were given their rule's TTL.",
    perRule((r) => r.ttlInjected),
  ],
  ['counter', 'ttl_clamped_total', 'Writes whose own TTL was cut to maxTtl.', perRule((r) => r.ttlClamped)],
  ['counter', 'ttl_present_total', 'Writes that carried a TTL within bounds.', perRule((r) => r.hadTtl)],
  ['counter', 'ttl_kept_total', 'Writes that leave the TTL of their key as it is.', perRule((r) => r.kept)],
  [
    'counter',
    'without_ttl_total',
    'Writes that leave their key without a TTL.',
    perRule((r) => r.withoutTtl),
  ],
  [
    'counter',
    'ttl_dropped_total',
    'Writes that took away the TTL of their key and left it with none; a lower bound.',
    perRule((r) => r.ttlDropped),
  ],
  ['counter', 'follow_ups_sent_total', 'Follow-up PEXPIRE commands sent.', perRule((r) => r.followUps)],
  ['counter', 'follow_ups_total', 'Follow-up PEXPIRE commands by what Redis answered.', followUps],
  ['counter', 'shed_total', 'Commands refused with OOM.', perRule((r) => r.shed)],
  ['counter', 'shed_bytes_total', 'Payload bytes of refused commands.', perRule((r) => r.shedBytes)],
  ['counter', 'would_inject_total', 'Observe mode: writes that lack a TTL.', perRule((r) => r.wouldInject)],
  ['counter', 'would_clamp_total', 'Observe mode: writes above maxTtl.', perRule((r) => r.wouldClamp)],
  [
    'counter',
    'would_shed_total',
    'Observe mode: commands that would be refused.',
    perRule((r) => r.wouldShed),
  ],
  [
    'gauge',
    'distinct_keys',
    'Estimated distinct keys written since the start.',
    perRule((r) => r.distinctKeys),
  ],
  ['counter', 'upstream_oom_total', 'OOM errors answered by Redis itself.', one((s) => s.stats.upstreamOom)],
  ['histogram', 'upstream_latency_seconds', 'Time to the reply of sampled commands.', latency],

  ['gauge', 'memory_pressure_ratio', 'Used memory over its limit.', one((s) => s.memory.pressure)],
  [
    'gauge',
    'time_to_full_seconds',
    'Until memory reaches its limit at the present rate; no line: not in sight.',
    one((s) => s.growth.timeToFull?.seconds ?? null),
  ],
  [
    'gauge',
    'memory_growth_bytes_per_second',
    'By how much memory grows, as measured over two minutes.',
    one((s) => s.growth.memory?.bytesPerSecond ?? null),
  ],
  ['gauge', 'growth_bytes_per_second', 'Estimated bytes of writes that stay.', growth],
  ['gauge', 'memory_used_bytes', "Redis's used_memory.", one((s) => s.memory.usedBytes)],
  ['gauge', 'memory_limit_bytes', 'What pressure is measured against.', one((s) => s.memory.limitBytes)],
  [
    'gauge',
    'memory_reading_age_seconds',
    'Age of the memory reading.',
    one((s) => seconds(s.memory.readingAgeMs)),
  ],
  ['counter', 'memory_polls_total', 'Memory readings asked for.', one((s) => s.memory.polls)],
  ['counter', 'memory_poll_errors_total', 'Memory readings that failed.', one((s) => s.memory.pollErrors)],
  ['counter', 'shed_level_changes_total', 'Changes of the shed level.', one((s) => s.memory.levelChanges)],
  ['gauge', 'shed_active', 'Whether writes can be refused now.', one((s) => Number(s.memory.active))],
  ['gauge', 'shed_share', 'Share of growing writes refused now, 0 to 1.', shedShare],

  [
    'gauge',
    'listening',
    'Whether the data port is open: not while the server refuses.',
    one((s) => Number(s.connections.listening)),
  ],
  ['gauge', 'clients', 'Connected clients.', one((s) => s.connections.clients)],
  [
    'gauge',
    'paused_clients',
    'Clients that are not being read from.',
    one((s) => s.connections.pausedClients),
  ],
  ['counter', 'clients_total', 'Clients that connected.', one((s) => s.connections.clientsTotal)],
  ['counter', 'clients_rejected_total', 'Clients turned away.', one((s) => s.connections.clientsRejected)],
  ['counter', 'clients_timed_out_total', 'Silent clients closed.', one((s) => s.connections.clientsTimedOut)],
  [
    'counter',
    'upstream_failures_total',
    'Upstream connections failed.',
    one((s) => s.connections.upstreamFailures),
  ],
  ['counter', 'bytes_total', 'Bytes on the wire, by direction.', wireBytes],
  ['counter', 'commands_total', 'Commands received.', one((s) => s.connections.commands)],
  [
    'counter',
    'raw_sessions_total',
    'Sessions that became a plain pipe.',
    one((s) => s.connections.rawSessions),
  ],
  ['counter', 'stalls_total', 'Times that one side waited for the other.', one((s) => s.connections.stalls)],
  [
    'counter',
    'clients_too_slow_total',
    'Clients closed for what waited for them.',
    one((s) => s.connections.clientsTooSlow),
  ],
  [
    'counter',
    'handshakes_failed_total',
    'TLS handshakes of clients that failed.',
    one((s) => s.connections.handshakesFailed),
  ],
  [
    'counter',
    'proxy_headers_refused_total',
    'Connections ended for want of a PROXY header.',
    one((s) => s.connections.proxyHeadersRefused),
  ],
  [
    'gauge',
    'tls_certificate_expires_seconds',
    'When the certificate of a side ends, seconds since 1970.',
    perSide((tls) => seconds(tls.certificateExpiresAt)),
  ],
  [
    'gauge',
    'tls_files_unusable',
    '1 while the TLS files of a side have changed and cannot be used, so that the old ones stay.',
    perSide((tls) => (tls.problem === null ? 0 : 1)),
  ],

  [
    'counter',
    'config_reload_failures_total',
    'Reloads that failed, so that the old configuration stayed.',
    one((s) => s.config.reloadFailures),
  ],
  [
    'gauge',
    'config_last_reload_successful',
    'Whether the last reload succeeded; 1 before the first one.',
    one((s) => (s.config.lastError === null ? 1 : 0)),
  ],
  [
    'gauge',
    'config_last_reload_success_timestamp_seconds',
    'When the configuration was last read and taken over.',
    one((s) => seconds(Date.parse(s.config.loadedAt))),
  ],
  [
    'gauge',
    'config_needs_restart',
    'Settings changed since the start that need a restart.',
    one((s) => s.config.needsRestart.length),
  ],

  ['gauge', 'workers', 'Processes that serve clients, by state.', workers],
  [
    'counter',
    'worker_restarts_total',
    'Workers that ended and were replaced.',
    one((s) => s.workers.restarts),
  ],
  ['gauge', 'worker_clients', 'Connected clients, by worker.', perWorker((w) => w.clients)],
  ['gauge', 'worker_resident_memory_bytes', 'Resident memory, by worker.', perWorker((w) => w.residentBytes)],
  ['counter', 'worker_cpu_seconds_total', 'User and system time, by worker.', perWorker((w) => w.cpuSeconds)],

  ['gauge', 'pool_shared_connections', 'Shared upstream connections.', pool((p) => p.sharedConnections)],
  [
    'counter',
    'pool_shared_connections_total',
    'Shared upstream connections made.',
    pool((p) => p.sharedConnectionsTotal),
  ],
  [
    'counter',
    'pool_shared_connections_lost_total',
    'Shared upstream connections lost.',
    pool((p) => p.sharedConnectionsLost),
  ],
  [
    'gauge',
    'pool_parked_connections',
    "Clients' own connections kept for a while.",
    pool((p) => p.parkedConnections),
  ],
  ['gauge', 'pool_clients', 'Clients by what they are on.', poolClients],
  ['counter', 'pool_pins_total', 'Times a client got a connection of its own, by what for.', pins],
  [
    'counter',
    'pool_commands_lost_total',
    'Commands failed by the loss of a shared connection.',
    pool((p) => p.commandsLost),
  ],
  [
    'counter',
    'pool_window_stalls_total',
    'Times a client had too much on a shared connection.',
    pool((p) => p.windowStalls),
  ],
  [
    'counter',
    'pool_stray_stalls_total',
    'Times an unending pipeline was stopped to share again.',
    pool((p) => p.strayStalls),
  ],
];

export interface Metrics {
  readonly contentType: string;
  /** The exposition text of one scrape. */
  render(): Promise<string>;
}

/** All metrics over the given sources, with Node's process metrics, in a registry of their own. */
export function createMetrics(
  sources: Pick<AdminSources, 'stats' | 'memory' | 'connections' | 'workers' | 'growth' | 'config'>,
  version: string,
): Metrics {
  const registry = new Registry();
  let scrape: Scrape;
  let rendering: Promise<string> = Promise.resolve('');
  for (const [type, name, help, read] of ROWS) {
    registerSnapshotMetric(registry, { type, name: `spillway_${name}`, help, read: () => read(scrape) });
  }
  registerSnapshotMetric(registry, {
    type: 'gauge',
    name: 'spillway_build_info',
    help: 'Version of Spillway and Node; always 1.',
    read: () => [{ value: 1, labels: { version, node: process.version } }],
  });
  collectDefaultMetrics({ register: registry });
  return {
    contentType: registry.contentType,
    render() {
      // One after the other, since all metrics read the one scrape.
      rendering = rendering
        .catch(() => '')
        .then(async () => {
          const [stats, connections, workers] = await Promise.all([
            sources.stats(),
            sources.connections(),
            sources.workers(),
          ]);
          scrape = {
            stats,
            memory: sources.memory(),
            connections,
            workers,
            growth: sources.growth(),
            config: sources.config(),
          };
          return registry.metrics();
        });
      return rendering;
    },
  };
}

function perRule(value: (rule: RuleStats) => number) {
  return ({ stats }: Scrape): Sample[] =>
    [...stats.rules, stats.unregistered].map((rule) => ({ value: value(rule), labels: { rule: rule.name } }));
}

/** A metric without labels; it has no line while its value is unknown. */
function one(value: (scrape: Scrape) => number | null) {
  return (scrape: Scrape): Sample[] => {
    const now = value(scrape);
    return now === null ? [] : [{ value: now }];
  };
}

/** One of TLS; a side without it has no line. */
function perSide(value: (tls: TlsSnapshot) => number | null) {
  return ({ connections }: Scrape): Sample[] =>
    (['clients', 'upstream'] as const).flatMap((side) => {
      const tls = side === 'clients' ? connections.tls : connections.upstreamTls;
      const now = tls === null ? null : value(tls);
      return now === null ? [] : [{ value: now, labels: { side } }];
    });
}

/** One of command pooling; it has no line where connections are not shared. */
function pool(value: (pool: PoolSnapshot) => number) {
  return ({ connections }: Scrape): Sample[] =>
    connections.pool === null ? [] : [{ value: value(connections.pool) }];
}

function poolClients({ connections: { pool } }: Scrape): Sample[] {
  if (pool === null) return [];
  return [
    { value: pool.clientsSharing, labels: { on: 'shared' } },
    { value: pool.clientsPinned, labels: { on: 'own' } },
    { value: pool.clientsWaiting, labels: { on: 'waiting' } },
  ];
}

function pins({ connections: { pool } }: Scrape): Sample[] {
  if (pool === null) return [];
  return PIN_REASONS.map((reason) => ({ value: pool.pins[reason], labels: { reason } }));
}

function workers({ workers: { configured, running, silent } }: Scrape): Sample[] {
  return [
    { value: configured, labels: { state: 'configured' } },
    { value: running, labels: { state: 'running' } },
    { value: silent, labels: { state: 'silent' } },
  ];
}

function perWorker(value: (worker: WorkerSnapshot) => number) {
  return ({ workers }: Scrape): Sample[] =>
    workers.workers.map((worker) => ({ value: value(worker), labels: { worker: worker.worker } }));
}

function growth({ growth: { rules } }: Scrape): Sample[] {
  return rules.map(({ name, growthBytesPerSecond }) => ({
    value: growthBytesPerSecond,
    labels: { rule: name },
  }));
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}

function followUps({ stats }: Scrape): Sample[] {
  return [...stats.rules, stats.unregistered].flatMap(({ name: rule, ...counts }) => [
    { value: counts.followUpsSet, labels: { rule, result: 'set' } },
    { value: counts.followUpsUnchanged, labels: { rule, result: 'unchanged' } },
    { value: counts.followUpsDenied, labels: { rule, result: 'denied' } },
    { value: counts.followUpsFailed, labels: { rule, result: 'failed' } },
  ]);
}

function shedShare({ memory }: Scrape): Sample[] {
  return PRIORITY_NAMES.map((priority) => ({
    value: memory.level[priority].shedShare,
    labels: { priority },
  }));
}

function wireBytes({ connections }: Scrape): Sample[] {
  return [
    { value: connections.bytesFromClients, labels: { direction: 'from_clients' } },
    { value: connections.bytesToClients, labels: { direction: 'to_clients' } },
    { value: connections.bytesToUpstream, labels: { direction: 'to_upstream' } },
    { value: connections.bytesFromUpstream, labels: { direction: 'from_upstream' } },
  ];
}

function latency({ stats }: Scrape): Sample[] {
  const { buckets, samples, sumSeconds } = stats.latency;
  const metricName = 'spillway_upstream_latency_seconds';
  return [
    ...buckets.map((b) => ({
      metricName: `${metricName}_bucket`,
      value: b.count,
      labels: { le: b.leSeconds },
    })),
    { metricName: `${metricName}_bucket`, value: samples, labels: { le: '+Inf' } },
    { metricName: `${metricName}_sum`, value: sumSeconds },
    { metricName: `${metricName}_count`, value: samples },
  ];
}
