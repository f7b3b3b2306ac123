// All metrics, with name, type, help and reader. Names are an API. docs/METRICS.md is generated from this file. It keeps no
// values. It is long because it is a table: one row for each metric.
import { EVICTION_METRICS } from './eviction-metrics.js';
import {
  addedLatency,
  alerts,
  budgets,
  buildInfo,
  followUps,
  growth,
  growthBytes,
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
  refusals,
  reservedBytes,
  seconds,
  serviceState,
  shedShare,
  spared,
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

/** Metrics about one subject. */
export interface MetricGroup {
  readonly heading: string;
  readonly about: string;
  /** When to look at them, or why. */
  readonly look: string;
  readonly metrics: readonly MetricRow[];
}

export const METRIC_PREFIX = 'spillway_';

export const METRIC_GROUPS: readonly MetricGroup[] = [
  {
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
        'Writes with a TTL of their own, not longer than maxTtl.',
        perRule((r) => r.hadTtl),
      ],
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
        "Keys that were renamed or copied to names of the rule, and lost another rule's TTL there.",
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
        'Commands let pass though their key is among those refused, by reason.',
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
        'counter',
        'keys_given_up_total',
        'Keys that counted as matched by no rule, because comparing them with the patterns took too long.',
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
  },
  {
    heading: 'Memory',
    about: "The server's memory as last read, how fast it grows, and what Spillway refuses.",
    look: 'after an alert: how full memory is, when it will be full, and which priorities are refused',
    metrics: [
      ['gauge', 'memory_pressure_ratio', 'Used memory over its limit.', one((s) => s.memory.pressure)],
      [
        'gauge',
        'time_to_full_seconds',
        'Time until memory reaches its limit at the present rate. No line: the limit is not in sight.',
        one((s) => s.growth.timeToFull?.seconds ?? null),
      ],
      [
        'gauge',
        'memory_growth_bytes_per_second',
        'How fast memory grows, measured over two minutes.',
        one((s) => s.growth.memory?.bytesPerSecond ?? null),
      ],
      ['gauge', 'growth_bytes_per_second', 'Estimated growth of memory by the writes of a rule.', growth],
      ['gauge', 'memory_used_bytes', "Redis's used_memory.", one((s) => s.memory.usedBytes)],
      [
        'gauge',
        'memory_limit_bytes',
        'The limit of memory: maxmemory, or memory.limit.',
        one((s) => s.memory.limitBytes),
      ],
      [
        'gauge',
        'memory_reading_age_seconds',
        'Age of the last reading of memory.',
        one((s) => seconds(s.memory.readingAgeMs)),
      ],
      [
        'counter',
        'memory_polls_total',
        'Readings of memory that Spillway asked for.',
        one((s) => s.memory.polls),
      ],
      [
        'counter',
        'memory_poll_errors_total',
        'Readings of memory that failed.',
        one((s) => s.memory.pollErrors),
      ],
      [
        'counter',
        'shed_level_changes_total',
        "Changes of a priority's level.",
        one((s) => s.memory.levelChanges),
      ],
      [
        'gauge',
        'rehearsal_active',
        '1 during a rehearsal (POST /api/simulate).',
        one((s) => Number(s.memory.rehearsal !== null)),
      ],
      [
        'gauge',
        'shed_active',
        '1 while Spillway can refuse writes, 0 while it cannot.',
        one((s) => Number(s.memory.active)),
      ],
      [
        'gauge',
        'shed_share',
        'Share of the keys to which growing writes are refused now, 0 to 1.',
        shedShare,
      ],
      [
        'gauge',
        'memory_reserved_bytes',
        'Room that is kept from writes of this priority, for higher priorities to grow: so much earlier than its band it is refused.',
        reservedBytes,
      ],
      [
        'gauge',
        'priority_growth_bytes_per_second',
        'Bytes that writes of this priority add to memory in a second, as readings show; overwriting adds nothing.',
        growthBytes,
      ],
      [
        'gauge',
        'rule_budget_bytes',
        'Memory that the keys of a rule with a budget may hold.',
        budgets(({ budgetBytes }) => budgetBytes),
      ],
      [
        'gauge',
        'rule_held_bytes',
        'Memory that the keys of a rule with a budget hold, estimated from a sample of its keys.',
        budgets(({ heldBytes }) => heldBytes),
      ],
    ],
  },
  EVICTION_METRICS,
  {
    heading: 'Added latency and buffers',
    about:
      'The time that Spillway itself adds, from the read of a command or reply until Spillway hands the result to the other socket. Each process measures one read in 61. The time that a command waits for the server or for other commands is not included.',
    look: 'when clients are slow and the upstream latency is low',
    metrics: [
      [
        'histogram',
        'added_latency_seconds',
        'Time that Spillway adds, for a sample of commands and replies.',
        addedLatency,
      ],
      [
        'histogram',
        'event_loop_delay_seconds',
        'How late a timer of 50 ms fires: everything else in that process is as late. A millisecond is usual.',
        latency((s) => s.stats.ownTimes.eventLoopDelay),
      ],
      ['gauge', 'held_bytes', 'Bytes of commands and replies that Spillway holds in memory.', heldBytes],
      ['gauge', 'slab_lent_bytes', 'Memory of buffers in use.', one((s) => s.connections.slabLentBytes)],
      [
        'gauge',
        'slab_pooled_bytes',
        'Memory of free buffers that are kept for reuse.',
        one((s) => s.connections.slabPooledBytes),
      ],
    ],
  },
  {
    heading: 'Clients and connections',
    about: 'Connections on both sides of the proxy.',
    look: 'when clients cannot connect, lose their connections, or wait',
    metrics: [
      [
        'gauge',
        'listening',
        '1 while the data port is open, 0 while Spillway refuses connections because the server does.',
        one((s) => Number(s.connections.listening)),
      ],
      ['gauge', 'clients', 'Connected clients.', one((s) => s.connections.clients)],
      [
        'gauge',
        'paused_clients',
        'Clients that Spillway does not read now.',
        one((s) => s.connections.pausedClients),
      ],
      ['counter', 'clients_total', 'Clients that have connected.', one((s) => s.connections.clientsTotal)],
      [
        'gauge',
        'clients_limit',
        'The most clients at a time: `limits.maxClients`, or fewer if open files or memory do not allow more.',
        one((s) => s.connections.clientsLimit),
      ],
      [
        'counter',
        'clients_rejected_total',
        'Clients refused because of the limit.',
        one((s) => s.connections.clientsRejected),
      ],
      [
        'counter',
        'clients_timed_out_total',
        'Clients closed after limits.idleTimeout.',
        one((s) => s.connections.clientsTimedOut),
      ],
      [
        'counter',
        'upstream_failures_total',
        'Upstream connections that could not be made, or were lost.',
        one((s) => s.connections.upstreamFailures),
      ],
      ['counter', 'bytes_total', 'Bytes on the wire, by direction.', wireBytes],
      ['counter', 'commands_total', 'Commands received.', one((s) => s.connections.commands)],
      [
        'counter',
        'raw_sessions_total',
        'Clients whose bytes pass unread from now on (MONITOR, SYNC, invalid protocol).',
        one((s) => s.connections.rawSessions),
      ],
      [
        'counter',
        'stalls_total',
        "Times that a client's next command had to wait for a reply.",
        one((s) => s.connections.stalls),
      ],
      [
        'counter',
        'clients_too_slow_total',
        'Clients closed because they did not read their replies.',
        one((s) => s.connections.clientsTooSlow),
      ],
      [
        'counter',
        'clients_given_up_total',
        'Clients that had ended, closed because the server was silent on their own connection and answered elsewhere.',
        one((s) => s.connections.clientsGivenUp),
      ],
      [
        'counter',
        'clients_failed_total',
        'Clients closed because of a fault of Spillway itself. The log has the error: report it.',
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
        'Connections closed because they had no PROXY header.',
        one((s) => s.connections.proxyHeadersRefused),
      ],
      [
        'gauge',
        'tls_certificate_expires_seconds',
        'When the certificate of a side expires, seconds since 1970.',
        perSide((tls) => seconds(tls.certificateExpiresAt)),
      ],
      [
        'gauge',
        'tls_files_unusable',
        '1 while the changed TLS files of a side are unusable, so that Spillway keeps the old ones.',
        perSide((tls) => (tls.problem === null ? 0 : 1)),
      ],
    ],
  },
  {
    heading: 'Configuration, alerts and build',
    about: 'Reloads of the config file, alerts by webhook, and the version.',
    look: 'when a changed rule has no effect',
    metrics: [
      [
        'counter',
        'config_reload_failures_total',
        'Reloads that failed; the old configuration stayed in effect.',
        one((s) => s.config.reloadFailures),
      ],
      [
        'gauge',
        'config_last_reload_successful',
        '1 if the last reload succeeded, and before the first one.',
        one((s) => (s.config.lastError === null ? 1 : 0)),
      ],
      [
        'gauge',
        'config_last_reload_success_timestamp_seconds',
        'Time of the last successful reload or of the start, seconds since 1970.',
        one((s) => seconds(Date.parse(s.config.loadedAt))),
      ],
      [
        'gauge',
        'config_needs_restart',
        'Number of settings that have changed since the start and need a restart.',
        one((s) => s.config.needsRestart.length),
      ],
      ['counter', 'alerts_sent_total', 'Attempts to post an alert to the webhook.', alerts],
      [
        'gauge',
        'alerts_failing',
        '1 if the last attempt to post an alert failed; 0 before the first one.',
        one(({ alerts: { webhook, problem } }) => (webhook ? Number(problem !== null) : null)),
      ],
      [
        'gauge',
        'state',
        '1 for the state of the service and for each other condition that holds, such as `down` or `shedding`; else 0.',
        serviceState,
      ],
      ['gauge', 'build_info', 'Version of Spillway and Node; always 1.', buildInfo],
    ],
  },
  {
    heading: 'Sweep',
    about: 'These have lines only with `sweep.every`. Of several proxies on one Redis, one sweeps at a time.',
    look: 'when the number of keys without a TTL does not fall',
    metrics: [
      ['gauge', 'sweep_running', '1 while this proxy sweeps.', sweep((s) => Number(s.running))],
      ['counter', 'sweep_ttls_given_total', 'TTLs given to keys that had none.', sweep((s) => s.given)],
      [
        'counter',
        'sweep_failures_total',
        'Sweeps that failed. Spillway tries them again.',
        sweep((s) => s.failures),
      ],
      [
        'gauge',
        'sweep_last_success_timestamp_seconds',
        'When this proxy last finished a database, seconds since 1970.',
        sweep((s) => seconds(s.doneAt)),
      ],
    ],
  },
  {
    heading: 'Workers',
    about: 'The processes that serve clients. With `"workers": 1` there is one.',
    look: 'when one core is busy and others are not, or clients lost their connections',
    metrics: [
      ['gauge', 'workers', 'Processes that serve clients, by state.', workers],
      [
        'counter',
        'worker_restarts_total',
        'Workers that ended and that Spillway replaced.',
        one((s) => s.workers.restarts),
      ],
      [
        'counter',
        'log_lines_lost_total',
        'Log lines lost, because the disk is full or the reader of the log does not read.',
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
        'User and system time, by worker. A new worker starts at 0.',
        perWorker((w) => w.cpuSeconds),
      ],
    ],
  },
  {
    heading: 'Shared connections',
    about: 'These have lines only with `upstream.pool: "command"`.',
    look: 'when the server has more connections than expected: pins say why clients need connections of their own',
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
        'Shared upstream connections given up because the server was silent on them and answered on others.',
        pool((p) => p.sharedConnectionsSilent),
      ],
      [
        'gauge',
        'pool_parked_connections',
        'Own connections that their clients do not need now and that Spillway keeps for a while.',
        pool((p) => p.parkedConnections),
      ],
      ['gauge', 'pool_clients', 'Clients by the connection that they use.', poolClients],
      ['counter', 'pool_pins_total', 'Times that a client got a connection of its own, by reason.', pins],
      [
        'counter',
        'pool_commands_lost_total',
        'Commands that failed because their shared connection was lost.',
        pool((p) => p.commandsLost),
      ],
      [
        'counter',
        'pool_window_stalls_total',
        'Times that a client waited because it had too many commands on a shared connection.',
        pool((p) => p.windowStalls),
      ],
      [
        'counter',
        'pool_stray_stalls_total',
        'Times that Spillway stopped an endless pipeline so that its client could share again.',
        pool((p) => p.strayStalls),
      ],
    ],
  },
];
