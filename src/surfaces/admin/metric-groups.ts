// All metrics, each in one place: name, type, help and where its lines come from. Names are an API; docs/METRICS.md is
// generated from here. It owns no value and keeps nothing. It is long since it is a table: one row for each metric.
import {
  addedLatency,
  alerts,
  buildInfo,
  followUps,
  growth,
  heldBytes,
  latency,
  one,
  perRule,
  perSide,
  perWorker,
  pins,
  pool,
  poolClients,
  type Reader,
  seconds,
  shedShare,
  sweep,
  wireBytes,
  workers,
} from './metric-readers.js';

export type MetricRow = readonly [
  type: 'counter' | 'gauge' | 'histogram',
  /** Without METRIC_PREFIX. */
  name: string,
  help: string,
  reader: Reader,
];

/** Metrics that answer one question. */
export interface MetricGroup {
  readonly heading: string;
  readonly about: string;
  /** When to look at them, or what for. */
  readonly look: string;
  readonly metrics: readonly MetricRow[];
}

export const METRIC_PREFIX = 'spillway_';

export const METRIC_GROUPS: readonly MetricGroup[] = [
  {
    heading: 'Writes by rule',
    about: 'What was written, given a TTL or refused. `rule="unregistered"` is what no rule matches.',
    look: 'to see who fills the memory, whether each rule does what it was written for, and what enforcing would do before `mode` is set to `enforce`',
    metrics: [
      ['counter', 'writes_total', 'Keys written by forwarded commands.', perRule((r) => r.writes)],
      ['counter', 'write_bytes_total', 'Payload bytes of forwarded writes.', perRule((r) => r.bytes)],
      [
        'counter',
        'ttl_injected_total',
        "Writes that were given their rule's TTL.",
        perRule((r) => r.ttlInjected),
      ],
      [
        'counter',
        'ttl_clamped_total',
        'Writes whose own TTL was cut to maxTtl.',
        perRule((r) => r.ttlClamped),
      ],
      ['counter', 'ttl_present_total', 'Writes that carried a TTL within bounds.', perRule((r) => r.hadTtl)],
      [
        'counter',
        'ttl_kept_total',
        'Writes that leave the TTL of their key as it is.',
        perRule((r) => r.kept),
      ],
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
      [
        'counter',
        'follow_ups_sent_total',
        'Follow-ups sent: commands that give a TTL behind a write.',
        perRule((r) => r.followUps),
      ],
      ['counter', 'follow_ups_total', 'Follow-ups by what Redis answered.', followUps],
      ['counter', 'shed_total', 'Commands refused with OOM.', perRule((r) => r.shed)],
      ['counter', 'shed_bytes_total', 'Payload bytes of refused commands.', perRule((r) => r.shedBytes)],
      [
        'counter',
        'would_inject_total',
        'Observe mode: writes that lack a TTL.',
        perRule((r) => r.wouldInject),
      ],
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
      [
        'counter',
        'keys_given_up_total',
        'Keys for which no rule was found in bounded time, and none was taken.',
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
        'Last byte of a command sent to last byte of its reply, of a sample of commands.',
        latency((s) => s.stats.latency),
      ],
    ],
  },
  {
    heading: 'Memory',
    about: "The server's memory as last read, how fast it grows, and what is refused for it.",
    look: 'when an alert has come: how full it is, how long that lasts, which priorities are refused',
    metrics: [
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
      [
        'counter',
        'memory_poll_errors_total',
        'Memory readings that failed.',
        one((s) => s.memory.pollErrors),
      ],
      [
        'counter',
        'shed_level_changes_total',
        'Changes of the shed level.',
        one((s) => s.memory.levelChanges),
      ],
      [
        'gauge',
        'rehearsal_active',
        'Whether writes are refused for a rehearsal (POST /api/simulate).',
        one((s) => Number(s.memory.rehearsal !== null)),
      ],
      ['gauge', 'shed_active', 'Whether writes can be refused now.', one((s) => Number(s.memory.active))],
      ['gauge', 'shed_share', 'Share of growing writes refused now, 0 to 1.', shedShare],
    ],
  },
  {
    heading: 'Latency of its own',
    about:
      'What Spillway itself adds. Commands and replies are timed from the read that brought them until what came of them was handed to the other socket, one read in 61 of each process; what a command waits for elsewhere is not in it.',
    look: 'when clients are slow and the upstream latency is not',
    metrics: [
      [
        'histogram',
        'added_latency_seconds',
        'What the proxy adds to a sample of commands and replies.',
        addedLatency,
      ],
      [
        'histogram',
        'event_loop_delay_seconds',
        'How late a timer of 50 ms comes: everything else in that process is as late. A millisecond is usual.',
        latency((s) => s.stats.ownTimes.eventLoopDelay),
      ],
      ['gauge', 'held_bytes', 'Bytes held in memory.', heldBytes],
      [
        'gauge',
        'slab_lent_bytes',
        'Memory in use for bytes that wait to be sent.',
        one((s) => s.connections.slabLentBytes),
      ],
      [
        'gauge',
        'slab_pooled_bytes',
        'Memory kept for bytes that will wait to be sent.',
        one((s) => s.connections.slabPooledBytes),
      ],
    ],
  },
  {
    heading: 'Clients and connections',
    about: 'Both sides of the proxy.',
    look: 'when clients cannot connect, are cut off, or wait',
    metrics: [
      [
        'gauge',
        'listening',
        '1 while the data port is open, 0 while the server refuses connections and so does it.',
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
      [
        'gauge',
        'clients_limit',
        'Clients that are served at most: `limits.maxClients`, or as many as open files and memory allow.',
        one((s) => s.connections.clientsLimit),
      ],
      [
        'counter',
        'clients_rejected_total',
        'Clients turned away.',
        one((s) => s.connections.clientsRejected),
      ],
      [
        'counter',
        'clients_timed_out_total',
        'Silent clients closed.',
        one((s) => s.connections.clientsTimedOut),
      ],
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
      [
        'counter',
        'stalls_total',
        'Times that one side waited for the other.',
        one((s) => s.connections.stalls),
      ],
      [
        'counter',
        'clients_too_slow_total',
        'Clients closed for what waited for them.',
        one((s) => s.connections.clientsTooSlow),
      ],
      [
        'counter',
        'clients_failed_total',
        'Clients ended by a fault of Spillway itself, which the log tells. Report it.',
        one((s) => s.connections.clientsFailed),
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
    ],
  },
  {
    heading: 'Configuration, alerts and build',
    about: 'Reloads of the config file, alerts by webhook, and which build runs.',
    look: 'when a rule was changed and nothing came of it',
    metrics: [
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
        'When the configuration was last taken over, seconds since 1970; the start counts.',
        one((s) => seconds(Date.parse(s.config.loadedAt))),
      ],
      [
        'gauge',
        'config_needs_restart',
        'How many settings have changed since the start and need a restart.',
        one((s) => s.config.needsRestart.length),
      ],
      ['counter', 'alerts_sent_total', 'Attempts to post an alert to the webhook.', alerts],
      [
        'gauge',
        'alerts_failing',
        'Whether the last attempt to post an alert failed; 0 before the first one.',
        one(({ alerts: { webhook, problem } }) => (webhook ? Number(problem !== null) : null)),
      ],
      ['gauge', 'build_info', 'Version of Spillway and Node; always 1.', buildInfo],
    ],
  },
  {
    heading: 'Sweep',
    about:
      'With `sweep.every` only: else these have no lines. Of several proxies with one Redis, one is at it.',
    look: 'when keys without a TTL do not become fewer',
    metrics: [
      ['gauge', 'sweep_running', 'Whether this proxy sweeps now.', sweep((s) => Number(s.running))],
      ['counter', 'sweep_ttls_given_total', 'TTLs given to keys that had none.', sweep((s) => s.given)],
      ['counter', 'sweep_failures_total', 'Sweeps that failed, to be tried again.', sweep((s) => s.failures)],
      [
        'gauge',
        'sweep_last_success_timestamp_seconds',
        'When this proxy last was done with a database, seconds since 1970.',
        sweep((s) => seconds(s.doneAt)),
      ],
    ],
  },
  {
    heading: 'Workers',
    about: 'The processes that serve clients; one where `workers` is 1.',
    look: 'when one core is busy and others are not, or connections were lost',
    metrics: [
      ['gauge', 'workers', 'Processes that serve clients, by state.', workers],
      [
        'counter',
        'worker_restarts_total',
        'Workers that ended and were replaced.',
        one((s) => s.workers.restarts),
      ],
      [
        'counter',
        'log_lines_lost_total',
        'Lines that the log could not take: its disk is full, or its reader does not read.',
        one((s) => s.workers.logLinesLost),
      ],
      ['gauge', 'worker_clients', 'Connected clients, by worker.', perWorker((w) => w.clients)],
      [
        'gauge',
        'worker_resident_memory_bytes',
        'Resident memory, by worker.',
        perWorker((w) => w.residentBytes),
      ],
      [
        'counter',
        'worker_cpu_seconds_total',
        'User and system time, by worker; from 0 again where another takes its place.',
        perWorker((w) => w.cpuSeconds),
      ],
    ],
  },
  {
    heading: 'Shared connections',
    about: 'With `upstream.pool: "command"` only: else these have no lines.',
    look: 'when the server has more connections than expected: pins say why clients need one of their own',
    metrics: [
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
        'counter',
        'pool_shared_connections_silent_total',
        'Shared upstream connections given up: the server was silent on them and answered on others.',
        pool((p) => p.sharedConnectionsSilent),
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
    ],
  },
];
