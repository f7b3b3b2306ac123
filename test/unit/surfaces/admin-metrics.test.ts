// Every metric carries the value of its snapshot field, under names that are an API.
import t from 'tap';
import type { ConfigSnapshot } from '../../../src/config/reload-outcome.js';
import { PIN_REASONS } from '../../../src/core/commands/spec.js';
import type { MemorySnapshot } from '../../../src/memory/snapshot.js';
import { CALM } from '../../../src/observe/alerts/situation.js';
import type { AlertsSnapshot } from '../../../src/observe/alerts/snapshot.js';
import type { GrowthReport } from '../../../src/observe/history/history.js';
import type { ConnectionSnapshot, PoolSnapshot } from '../../../src/observe/snapshots/connections.js';
import type { FailoverSnapshot, SentinelSnapshot } from '../../../src/observe/snapshots/failover.js';
import type { SweepSnapshot } from '../../../src/observe/snapshots/sweep.js';
import type { WorkersSnapshot } from '../../../src/observe/snapshots/workers.js';
import type { ServiceStateSnapshot } from '../../../src/observe/state/service-state.js';
import { TrafficStats } from '../../../src/observe/stats/counters.js';
import { PauseTimes } from '../../../src/observe/stats/pause-times.js';
import { type RuleStats, type StatsSnapshot, snapshotStats } from '../../../src/observe/stats/snapshot.js';
import { createMetrics } from '../../../src/surfaces/admin/metrics.js';

/** Different numbers everywhere, so that no two fields can be mistaken for each other. */
function ruleStats(name: string, from: number): RuleStats {
  const empty = snapshotStats(new TrafficStats([], () => 0), 0).unregistered;
  let n = from;
  const numbered = Object.entries(empty).map(([key, value]) => [
    key,
    typeof value === 'number' ? n++ : value,
  ]);
  const shedBy = { headroom: n++, rate: n++ };
  const sparedBy = { steady: n++, brief: n++ };
  const holds =
    name === 'unregistered'
      ? null
      : {
          ...{
            bytes: n++,
            errorBytes: n++,
            expiringBytes: n++,
            keys: n++,
            expiringKeys: n++,
            largeKeys: n++,
          },
          lifetime: null,
        };
  return {
    ...(Object.fromEntries(numbered) as RuleStats),
    name,
    shedBy,
    wouldShedBy: { band: n++ },
    sparedBy,
    holds,
  };
}

const latencyStats = new TrafficStats([], () => 0);
for (const ms of [0.2, 3, 4000]) latencyStats.onLatency(ms);
for (const ms of [1, 2]) latencyStats.ownTimes.requests.record(ms);
for (const ms of [5, 6, 7]) latencyStats.ownTimes.replies.record(ms);
latencyStats.ownTimes.eventLoopDelay.record(80);

const stats: StatsSnapshot = {
  ...snapshotStats(latencyStats, 0),
  rules: [ruleStats('cache', 100)],
  unregistered: ruleStats('unregistered', 500),
  upstreamOom: 77,
};
const memory: MemorySnapshot = {
  pressure: 0.85,
  ...{ usedShare: 0.91, committedBytes: 801, committedFlowBytes: 802, serverEvicts: 'volatile' as const },
  ...{ evictableBytes: 48, evictableErrorBytes: 4, evictedKeysPerSecond: 61, evictedAfterSeconds: 62 },
  ...{ hitsPerSecond: 63, missesPerSecond: 64 },
  actingPressure: 0.86,
  cause: 'reading',
  usedBytes: 850,
  notCountedBytes: 1,
  limitBytes: 1000,
  maxmemoryBytes: 1001,
  policy: 'noeviction',
  level: {
    low: { shedShare: 0.5, band: [0.8, 0.9], reservedBytes: 400, growthBytesPerSecond: 10 },
    normal: { shedShare: 0.25, band: [0.9, 0.97], reservedBytes: 300, growthBytesPerSecond: 20 },
    high: { shedShare: 0.125, band: [0.95, 0.99], reservedBytes: 200, growthBytesPerSecond: 30 },
    critical: { shedShare: 0, band: null, reservedBytes: 100, growthBytesPerSecond: 40 },
  },
  othersBytesPerSecond: 0,
  active: true,
  readingAgeMs: 250,
  stale: false,
  reason: '',
  growthSinceReadingBytes: 5,
  headroomBytes: 150,
  upstreamVersion: null,
  proxies: 1,
  upstreamMode: 'standalone',
  upstreamRole: 'primary',
  polls: 7,
  pollErrors: 6,
  levelChanges: 2,
  sparesExpiring: false,
  briefBytes: 87,
  briefMostBytes: 88,
  rehearsal: {
    ...{ pressure: 0.9, endsAt: '2026-01-01T00:00:00.000Z', secondsLeft: 9, refused: [] },
    wouldEvict: {
      ...{ bytes: 71_000, keptBytes: 0 },
      rules: [
        { rule: 'cache', keys: 71, bytes: 70_000 },
        { rule: 'found', keys: null, bytes: 1000 },
      ],
    },
  },
  eviction: {
    ...{
      startShare: 0.78,
      stopShare: 0.76,
      phase: 'unable',
      active: true,
      holding: false,
      trouble: 'no UNLINK',
    },
    ...{ byAgeAlone: false, evictableBytes: 64_000 },
    ring: { keys: 640, bytes: 65_000, capacityBytes: 66_000, dropped: 67 },
    rules: [{ rule: 'cache', keys: 641, bytes: 64_001, oldestSeconds: 62 }],
  },
  budgets: [
    {
      ...{
        rule: 'cache',
        budgetBytes: 400,
        heldBytes: 399,
        refusedShare: 0.9,
        sampledKeys: 3,
        sampledShare: 1,
      },
      method: 'measured',
    },
    {
      ...{
        rule: 'unknown',
        budgetBytes: null,
        heldBytes: 7,
        refusedShare: 0,
        sampledKeys: 1,
        sampledShare: 1,
      },
      method: 'counting',
    },
  ],
  limits: [
    {
      ...{ rule: 'cache', writesPerSecond: 401, bytesPerSecond: null, valueBytes: 402 },
      ...{ writesTaken: 403, bytesTaken: null },
    },
    {
      ...{ rule: 'feed', writesPerSecond: null, bytesPerSecond: 404, valueBytes: null },
      ...{ writesTaken: null, bytesTaken: 405 },
    },
  ],
};
const connections: ConnectionSnapshot = {
  clients: 3,
  clientsTotal: 9,
  listening: true,
  clientsRejected: 11,
  clientsLimit: 97,
  clientsTimedOut: 17,
  clientsTooSlow: 18,
  clientsGivenUp: 29,
  clientsFailed: 28,
  handshakesFailed: 19,
  proxyHeadersRefused: 20,
  tls: { certificateExpiresAt: 1_900_000_000_000, renewals: 1, problem: 'it has expired' },
  failover: null,
  sentinelEndpoint: {
    ...{ clients: 98, clientsTotal: 120, clientsRejected: 99 },
    ...{ handshakesFailed: 121, proxyHeadersRefused: 122 },
  },
  upstreamTls: null,
  upstreamFailures: 12,
  bytesFromClients: 100,
  bytesToClients: 200,
  bytesToUpstream: 300,
  bytesFromUpstream: 400,
  commands: 50,
  rawSessions: 13,
  stalls: 14,
  followUpsUnsupported: false,
  keysGivenUp: 96,
  pausedClients: 15,
  heldReplyBytes: 81,
  heldCommandBytes: 82,
  stalledCommandBytes: 83,
  slabLentBytes: 84,
  slabPooledBytes: 86,
  pool: null,
};
const pool: PoolSnapshot = {
  sharedConnections: 21,
  sharedConnectionsTotal: 22,
  sharedConnectionsLost: 23,
  sharedConnectionsSilent: 36,
  parkedConnections: 24,
  clientsSharing: 25,
  clientsPinned: 26,
  clientsWaiting: 27,
  pins: Object.fromEntries(PIN_REASONS.map((reason, i) => [reason, 40 + i])) as PoolSnapshot['pins'],
  commandsLost: 28,
  windowStalls: 29,
  strayStalls: 30,
};

const workers: WorkersSnapshot = {
  configured: 3,
  running: 2,
  restarts: 31,
  silent: 1,
  logLinesLost: 98,
  workers: [
    { worker: 1, pid: 11, clients: 32, upSeconds: 1, residentBytes: 33, cpuSeconds: 3.4, logLinesLost: 0 },
    { worker: 3, pid: 12, clients: 35, upSeconds: 1, residentBytes: 36, cpuSeconds: 3.7, logLinesLost: 0 },
  ],
};

const growth: GrowthReport = {
  memory: { bytesPerSecond: 61, lowBytesPerSecond: 60, highBytesPerSecond: 62, overSeconds: 63 },
  timeToFull: { seconds: 64, soonestSeconds: 65, latestSeconds: 66 },
  timeToFullUnrefused: { seconds: 61, soonestSeconds: 60, latestSeconds: 62 },
  marks: [],
  writesPerSecond: 67,
  shedPerSecond: 68,
  estimatedBytesPerSecond: 69,
  rules: ['cache', 'unregistered'].map((name, i) => ({
    name,
    writesPerSecond: 70,
    bytesPerSecond: 71,
    shedPerSecond: 72,
    growthBytesPerSecond: 73 + i,
    growthShare: 0.5,
  })),
};
const config: ConfigSnapshot = {
  file: null,
  loadedAt: new Date(80_500).toISOString(),
  needsRestart: ['listen', 'workers'],
  reloads: 81,
  reloadFailures: 82,
  lastError: null,
  config: {},
};
const alerts: AlertsSnapshot = {
  ...{ webhook: true, now: CALM, told: CALM, delivered: 84, failed: 85 },
  problem: 'it answered 500',
};
const sweep: SweepSnapshot = {
  ...{ on: true, running: true, given: 86, failures: 87 },
  ...{ problem: null, doneAt: 88_500 },
};
const state: ServiceStateSnapshot = {
  ...{ state: 'shedding', severity: 'bad', since: '2026-01-01T00:00:00.000Z', text: '' },
  also: [{ state: 'limited', severity: 'warn', since: '2026-01-01T00:00:00.000Z', text: '' }],
  observed: ['high'],
};
const sources = {
  alerts: () => alerts,
  sweep: () => sweep,
  config: () => config,
  stats: () => stats,
  memory: () => memory,
  state: () => state,
  connections: () => connections,
  workers: () => workers,
  growth: () => growth,
};

function parse(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

const PER_RULE: Record<string, keyof RuleStats> = {
  writes_total: 'writes',
  write_bytes_total: 'bytes',
  ttl_injected_total: 'ttlInjected',
  ttl_clamped_total: 'ttlClamped',
  ttl_present_total: 'hadTtl',
  ttl_kept_total: 'kept',
  without_ttl_total: 'withoutTtl',
  ttl_dropped_total: 'ttlDropped',
  ttl_yielded_total: 'ttlYielded',
  ttl_renewed_total: 'ttlRenewed',
  ttl_left_behind_total: 'ttlLeftBehind',
  follow_ups_sent_total: 'followUps',
  shed_bytes_total: 'shedBytes',
  would_inject_total: 'wouldInject',
  would_clamp_total: 'wouldClamp',
  distinct_keys: 'distinctKeys',
  evicted_total: 'evicted',
  evicted_bytes_total: 'evictedBytes',
  evicted_lived_seconds_total: 'evictedLivedSeconds',
  would_evict_total: 'wouldEvict',
  would_evict_bytes_total: 'wouldEvictBytes',
};
const FOLLOW_UPS: Record<string, keyof RuleStats> = {
  set: 'followUpsSet',
  unchanged: 'followUpsUnchanged',
  denied: 'followUpsDenied',
  failed: 'followUpsFailed',
};
const SINGLE: Record<string, number> = {
  config_reload_failures_total: 82,
  config_last_reload_successful: 1,
  config_last_reload_success_timestamp_seconds: 80.5,
  config_needs_restart: 2,
  'alerts_sent_total{result="delivered"}': 84,
  'alerts_sent_total{result="failed"}': 85,
  alerts_failing: 1,
  sweep_running: 1,
  sweep_ttls_given_total: 86,
  sweep_failures_total: 87,
  sweep_last_success_timestamp_seconds: 88.5,
  upstream_oom_total: 77,
  'state{state="shedding"}': 1,
  'state{state="oom"}': 0,
  state_since_timestamp_seconds: 1_767_225_600,
  'state{state="limited"}': 1,
  'state{state="ok"}': 0,
  'state{state="down"}': 0,
  'state{state="closing"}': 0,
  'state{state="blind"}': 0,
  'state{state="failover"}': 0,
  'state{state="rehearsing"}': 0,
  'state{state="config-error"}': 0,
  'state{state="observing"}': 0,
  memory_pressure_ratio: 0.85,
  'evictable_keys{rule="cache"}': 641,
  'evictable_bytes{rule="cache"}': 64_001,
  'evict_oldest_seconds{rule="cache"}': 62,
  evict_active: 1,
  evict_holding: 0,
  evict_trouble: 1,
  evict_known_bytes: 65_000,
  evict_forgotten_total: 67,
  memory_used_bytes: 850,
  memory_committed_bytes: 801,
  memory_evictable_bytes: 48,
  memory_evictable_error_bytes: 4,
  server_evicted_keys_per_second: 61,
  server_evicted_after_seconds: 62,
  memory_limit_bytes: 1000,
  memory_proxies: 1,
  memory_reading_age_seconds: 0.25,
  memory_polls_total: 7,
  memory_poll_errors_total: 6,
  shed_level_changes_total: 2,
  shed_active: 1,
  rehearsal_active: 1,
  'rehearsal_evict_keys{rule="cache"}': 71,
  'rehearsal_evict_bytes{rule="cache"}': 70_000,
  'rehearsal_evict_bytes{rule="found"}': 1000,
  'shed_share{priority="low"}': 0.5,
  'shed_share{priority="normal"}': 0.25,
  'shed_share{priority="high"}': 0.125,
  'shed_share{priority="critical"}': 0,
  'shed_observed{priority="low"}': 0,
  'shed_observed{priority="normal"}': 0,
  'shed_observed{priority="high"}': 1,
  'shed_observed{priority="critical"}': 0,
  'memory_reserved_bytes{priority="low"}': 400,
  'memory_reserved_bytes{priority="normal"}': 300,
  'memory_reserved_bytes{priority="high"}': 200,
  'memory_reserved_bytes{priority="critical"}': 100,
  'priority_growth_bytes_per_second{priority="low"}': 10,
  'priority_growth_bytes_per_second{priority="normal"}': 20,
  'priority_growth_bytes_per_second{priority="high"}': 30,
  'priority_growth_bytes_per_second{priority="critical"}': 40,
  'rule_budget_bytes{rule="cache"}': 400,
  'rule_held_bytes{rule="cache"}': 399,
  'rule_held_bytes{rule="unknown"}': 7,
  'rule_limit_writes_per_second{rule="cache"}': 401,
  'rule_limit_bytes_per_second{rule="feed"}': 404,
  'rule_limit_writes_total{rule="cache"}': 403,
  'rule_limit_bytes_total{rule="feed"}': 405,
  time_to_full_seconds: 64,
  time_to_full_unrefused_seconds: 61,
  memory_growth_bytes_per_second: 61,
  'growth_bytes_per_second{rule="cache"}': 73,
  'growth_bytes_per_second{rule="unregistered"}': 74,
  listening: 1,
  clients: 3,
  paused_clients: 15,
  clients_total: 9,
  clients_rejected_total: 11,
  sentinel_endpoint_clients: 98,
  sentinel_endpoint_rejected_total: 99,
  sentinel_endpoint_handshakes_failed_total: 121,
  sentinel_endpoint_proxy_headers_refused_total: 122,
  clients_limit: 97,
  keys_given_up_total: 96,
  clients_timed_out_total: 17,
  clients_failed_total: 28,
  clients_given_up_total: 29,
  clients_too_slow_total: 18,
  handshakes_failed_total: 19,
  proxy_headers_refused_total: 20,
  'tls_certificate_expires_seconds{side="clients"}': 1_900_000_000,
  'tls_files_unusable{side="clients"}': 1,
  upstream_failures_total: 12,
  'bytes_total{direction="from_clients"}': 100,
  'bytes_total{direction="to_clients"}': 200,
  'bytes_total{direction="to_upstream"}': 300,
  'bytes_total{direction="from_upstream"}': 400,
  commands_total: 50,
  raw_sessions_total: 13,
  stalls_total: 14,
  'workers{state="configured"}': 3,
  'workers{state="running"}': 2,
  'workers{state="silent"}': 1,
  worker_restarts_total: 31,
  log_lines_lost_total: 98,
  'worker_clients{worker="1"}': 32,
  'worker_clients{worker="3"}': 35,
  'worker_resident_memory_bytes{worker="1"}': 33,
  'worker_resident_memory_bytes{worker="3"}': 36,
  'worker_cpu_seconds_total{worker="1"}': 3.4,
  'worker_cpu_seconds_total{worker="3"}': 3.7,
  'upstream_latency_seconds_bucket{le="0.0001"}': 0,
  'upstream_latency_seconds_bucket{le="0.00025"}': 1,
  'upstream_latency_seconds_bucket{le="0.005"}': 2,
  'upstream_latency_seconds_bucket{le="10"}': 3,
  'upstream_latency_seconds_bucket{le="+Inf"}': 3,
  upstream_latency_seconds_sum: 4.0032,
  upstream_latency_seconds_count: 3,
  'added_latency_seconds_bucket{way="request",le="0.001"}': 1,
  'added_latency_seconds_bucket{way="request",le="+Inf"}': 2,
  'added_latency_seconds_sum{way="request"}': 0.003,
  'added_latency_seconds_count{way="request"}': 2,
  'added_latency_seconds_bucket{way="reply",le="0.005"}': 1,
  'added_latency_seconds_sum{way="reply"}': 0.018,
  'added_latency_seconds_count{way="reply"}': 3,
  'event_loop_delay_seconds_bucket{le="0.05"}': 0,
  'event_loop_delay_seconds_bucket{le="0.1"}': 1,
  event_loop_delay_seconds_sum: 0.08,
  event_loop_delay_seconds_count: 1,
  'held_bytes{what="replies"}': 81,
  'held_bytes{what="commands"}': 82,
  'held_bytes{what="stalled"}': 83,
  slab_lent_bytes: 84,
  slab_pooled_bytes: 86,
  'upstream_info{mode="standalone",role="primary",version=""}': 1,
  [`build_info{version="1.2.3",node="${process.version}"}`]: 1,
};

const POOL: Record<string, number> = {
  shared_connections: 21,
  shared_connections_total: 22,
  shared_connections_lost_total: 23,
  shared_connections_silent_total: 36,
  parked_connections: 24,
  'clients{on="shared"}': 25,
  'clients{on="own"}': 26,
  'clients{on="waiting"}': 27,
  commands_lost_total: 28,
  window_stalls_total: 29,
  stray_stalls_total: 30,
  ...Object.fromEntries(PIN_REASONS.map((reason, i) => [`pins_total{reason="${reason}"}`, 40 + i])),
};

t.test('command pooling has its own, session pooling none of these', async (t) => {
  const values = parse(
    await createMetrics({ ...sources, connections: () => ({ ...connections, pool }) }, '1.2.3').render(),
  );
  for (const [name, value] of Object.entries(POOL)) t.equal(values.get(`spillway_pool_${name}`), value, name);
  const shown = [...values.keys()].filter((name) => name.startsWith('spillway_pool_'));
  t.equal(shown.length, Object.keys(POOL).length, 'and no other');
});

t.test('a primary that is followed has its own, a fixed address none of these', async (t) => {
  const sentinel = (state: SentinelSnapshot['state']) => ({ host: 's', port: 1, state, error: null });
  const pauses = new PauseTimes();
  for (const milliseconds of [20, 1200, 100_000]) pauses.record(milliseconds);
  const failover: FailoverSnapshot = {
    ...{ state: 'paused', name: 'm', address: 'h:1', reason: 'x', blind: null, waiting: 7 },
    ...{ switched: 1, returned: 2, timedOut: 3, pausedMs: 4500, lastPauseMs: 1500 },
    sentinels: [sentinel('agrees'), sentinel('silent'), sentinel('agrees')],
    pauses: pauses.snapshot(),
  };
  const of = async (some: Partial<ConnectionSnapshot>) =>
    parse(
      await createMetrics({ ...sources, connections: () => ({ ...connections, ...some }) }, '1').render(),
    );
  const [followed, fixed] = [await of({ failover }), await of({})];
  for (const [name, value] of Object.entries({
    ...{ failover_paused: 1, clients_waiting_for_primary: 7 },
    ...{
      failover_pause_seconds_sum: 101.22,
      failover_pause_seconds_count: 3,
      failover_last_pause_seconds: 1.5,
    },
    ...{ 'failover_pause_seconds_bucket{le="0.05"}': 1, 'failover_pause_seconds_bucket{le="1"}': 1 },
    ...{ 'failover_pause_seconds_bucket{le="1.5"}': 2, 'failover_pause_seconds_bucket{le="60"}': 2 },
    ...{ 'failover_pause_seconds_bucket{le="+Inf"}': 3 },
    ...{ 'failovers_total{result="switched"}': 1, 'failovers_total{result="returned"}': 2 },
    ...{ 'failovers_total{result="timed_out"}': 3, 'sentinels{state="agrees"}': 2 },
    ...{ 'sentinels{state="differs"}': 0, 'sentinels{state="silent"}': 1 },
  })) {
    t.equal(followed.get(`spillway_${name}`), value, name);
    t.notOk(fixed.has(`spillway_${name}`), name);
  }
});

t.test('each metric has the value of its field, and none is left out', async (t) => {
  const values = parse(await createMetrics(sources, '1.2.3').render());
  const known = new Set<string>();
  const expectValue = (name: string, value: unknown) => {
    known.add(`spillway_${name}`);
    t.equal(values.get(`spillway_${name}`), value, name);
  };
  for (const rule of [...stats.rules, stats.unregistered]) {
    for (const [name, field] of Object.entries(PER_RULE))
      expectValue(`${name}{rule="${rule.name}"}`, rule[field]);
    for (const [result, field] of Object.entries(FOLLOW_UPS)) {
      expectValue(`follow_ups_total{rule="${rule.name}",result="${result}"}`, rule[field]);
    }
    for (const [reason, count] of Object.entries({ band: 0, ...rule.shedBy }))
      expectValue(`shed_total{rule="${rule.name}",reason="${reason}"}`, count);
    if (rule.holds !== null) {
      expectValue(`rule_memory_bytes{rule="${rule.name}"}`, rule.holds.bytes);
      expectValue(`rule_memory_error_bytes{rule="${rule.name}"}`, rule.holds.errorBytes);
      expectValue(`rule_memory_expiring_bytes{rule="${rule.name}"}`, rule.holds.expiringBytes);
    }
    for (const [reason, count] of Object.entries({ rewrite: 0, ...rule.sparedBy }))
      expectValue(`spared_total{rule="${rule.name}",reason="${reason}"}`, count);
    for (const [reason, count] of Object.entries(rule.wouldShedBy))
      expectValue(`would_shed_total{rule="${rule.name}",reason="${reason}"}`, count);
  }
  for (const [name, value] of Object.entries(SINGLE)) expectValue(name, value);
  const unknown = [...values.keys()].filter((name) => name.startsWith('spillway_') && !known.has(name));
  t.same(
    unknown.filter((name) => !name.includes('_seconds_bucket')),
    [],
    'no metric that this test does not know',
  );
  t.ok(values.has('process_resident_memory_bytes'), "Node's own metrics, under their usual names");
});

t.test('after a reload that failed', async (t) => {
  const lastError = { at: '', code: 'CONFIG_SYNTAX', source: '', problems: [] };
  const failed = { ...sources, config: () => ({ ...config, lastError }) };
  const values = parse(await createMetrics(failed, '1.2.3').render());
  t.equal(values.get('spillway_config_last_reload_successful'), 0);
});

t.test('each scrape takes each snapshot once, and each metric has its type', async (t) => {
  let scrapes = 0;
  const metrics = createMetrics({ ...sources, stats: () => ({ ...stats, upstreamOom: ++scrapes }) }, '1.2.3');
  const first = await metrics.render();
  t.match(metrics.contentType, /^text\/plain; version=0\.0\.4/);
  t.match(first, '# TYPE spillway_writes_total counter');
  t.match(first, '# TYPE spillway_memory_pressure_ratio gauge');
  t.match(first, '# TYPE spillway_upstream_latency_seconds histogram');
  t.equal(parse(first).get('spillway_upstream_oom_total'), 1);
  t.equal(parse(await metrics.render()).get('spillway_upstream_oom_total'), 2);
});

t.test('an unknown figure has no line', async (t) => {
  const unread = { ...memory, pressure: null, usedBytes: null, limitBytes: null, readingAgeMs: null };
  const still = { ...growth, memory: null, timeToFull: null, timeToFullUnrefused: null };
  const off = { ...sweep, on: false };
  const untold = { ...alerts, webhook: false };
  const blind = {
    ...sources,
    memory: () => unread,
    growth: () => still,
    alerts: () => untold,
    sweep: () => off,
  };
  const values = parse(await createMetrics(blind, '1.2.3').render());
  t.notOk(values.has('spillway_time_to_full_seconds'));
  t.notOk(values.has('spillway_memory_growth_bytes_per_second'));
  t.same(
    [...values.keys()].filter((name) => /^spillway_(alerts|sweep)_/.test(name)),
    [],
  );
  for (const name of ['pressure_ratio', 'used_bytes', 'limit_bytes', 'reading_age_seconds']) {
    t.notOk(values.has(`spillway_memory_${name}`), name);
  }
});
