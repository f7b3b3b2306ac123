// The assembled proxy: builds every part from the config, hands each what it needs, starts and stops them in order.
// The only place that knows all parts. Holds no logic of its own beyond wiring and the sentences of the log.
import type { Logger } from 'pino';
import { startAdmin } from '../admin/server.js';
import type { ConnectionSnapshot } from '../admin/types.js';
import { type CommandTable, defaultCommandTable } from '../commands/table.js';
import { describeConfig } from '../config/describe.js';
import type { EffectiveConfig } from '../config/effective.js';
import { MemoryMonitor, type ServerFacts } from '../memory/monitor.js';
import { type LevelChange, Pressure } from '../memory/pressure.js';
import { Listener } from '../net/listener.js';
import type { TrafficObserver } from '../policy/observer.js';
import { Policy } from '../policy/policy.js';
import { PRIORITY_NAMES, Priority } from '../policy/rule.js';
import { RuleSet } from '../policy/rule-set.js';
import { ShedGate } from '../policy/shed.js';
import { noPoolingYet, type SessionContext } from '../session/session.js';
import { TrafficStats } from '../stats/counters.js';
import { snapshotStats } from '../stats/snapshot.js';
import { describeMemory } from './describe-memory.js';
import { VERSION } from './version.js';

export interface RunningProxy {
  readonly address: { readonly host: string; readonly port: number };
  readonly adminAddress: { readonly host: string; readonly port: number } | undefined;
  /** Drains for up to `graceMs`, then ends what is left. */
  close(graceMs: number): Promise<void>;
}

/** How often the time that statistics are stamped with is refreshed, milliseconds. */
const STAMP_INTERVAL_MS = 50;
/** PEXPIRE … NX came with this major version. */
const FOLLOW_UP_MAJOR = 7;

/**
 * Starts a proxy as `config` says. Resolves when it listens and the first memory reading was taken or failed;
 * rejects with the system's error when it cannot listen. An unreachable upstream is no error: clients are then
 * refused as a dead Redis would refuse them, until it is back. `observe` gives what is told of the traffic instead of
 * the statistics.
 */
export async function startProxy(
  config: EffectiveConfig,
  log: Logger,
  observe: (stats: TrafficStats) => TrafficObserver = (stats) => stats,
): Promise<RunningProxy> {
  const clock = () => performance.now();
  let stampedMs = Date.now();
  const stamping = setInterval(() => {
    stampedMs = Date.now();
  }, STAMP_INTERVAL_MS);
  stamping.unref();

  const gate = new ShedGate();
  const pressure = new Pressure({ ...config.memory, bands: config.memory.bands }, gate, (change) =>
    logLevelChange(log, change),
  );
  const stats = new TrafficStats(
    config.rules.map((rule) => rule.name),
    () => stampedMs,
  );
  const commandTable = defaultCommandTable(config.upstream.shareCommands);
  const pooling = noPoolingYet();
  const context: SessionContext = {
    table: commandTable,
    policy: new Policy({
      rules: new RuleSet({
        rules: config.rules,
        unregistered: { priority: Priority.NORMAL, observe: config.mode === 'observe' },
      }),
      gate,
      observer: observe(stats),
      now: Date.now,
      random: Math.random,
    }),
    followUps: true,
    lookaheadBytes: config.limits.lookaheadBytes,
    pendingRuns: config.limits.pendingReplies,
    clock,
    counters: { commands: 0, stalls: 0, raw: 0 },
    pooling,
  };
  const monitor = new MemoryMonitor({
    upstream: config.upstream,
    pollIntervalMs: config.memory.pollIntervalMs,
    pressure,
    gate,
    log,
    clock,
    onServer: (server) => adoptServer(server, commandTable, context, log),
    onLost: () => listener.suspectUpstream(),
  });
  stats.upstreamOomSeen = () => {
    pressure.upstreamOom(clock());
    monitor.pollSoon();
  };
  const listener = new Listener({
    listen: config.listen,
    upstream: config.upstream,
    maxClients: config.limits.maxClients,
    sharedConnections: config.upstream.pool === 'command' ? config.upstream.sharedConnections : 0,
    idleTimeoutMs: config.limits.idleTimeoutMs,
    context,
    onAcceptFailed: (error) => log.error({ err: error.message }, 'a client could not be accepted'),
    onUpstreamFailed: (error) =>
      log.error({ err: error.message }, 'upstream cannot be reached: client reset'),
    onRefusing: (refusing) => {
      if (refusing) log.error('upstream refuses connections: so does the data port, until it is back');
      else log.info('upstream accepts connections again, and so does the data port');
    },
    onReopenFailed: (error) =>
      log.error({ err: error.message }, 'the data port cannot be opened again yet: tried on'),
  });

  const connections = (): ConnectionSnapshot => {
    const { commands, stalls, raw } = context.counters;
    const { pool, ...links } = listener.snapshot();
    return {
      ...links,
      pool: pool && { ...pool, ...pooling },
      commands,
      stalls,
      rawSessions: raw,
      followUpsUnsupported: !context.followUps,
    };
  };
  let closing = false;
  const stop = async (graceMs: number): Promise<void> => {
    closing = true;
    const ended = await listener.close(graceMs);
    if (ended > 0) log.warn({ connections: ended }, 'connections ended before they were idle');
    monitor.close();
    clearInterval(stamping);
  };

  await monitor.start();
  try {
    const address = await listener.start();
    const admin = config.admin.listen
      ? await startAdmin({
          listen: config.admin.listen,
          log,
          version: VERSION,
          stats: () => snapshotStats(stats, Date.now()),
          rules: () => describeConfig(config).rules,
          memory: () => describeMemory(pressure, gate, monitor, config.memory.bands, clock()),
          connections,
          health: () => ({ live: true }),
          ready: () => {
            if (closing) return CLOSING;
            return listener.listening ? readiness(monitor, pressure, clock()) : REFUSING;
          },
        })
      : undefined;
    return {
      address,
      adminAddress: admin && { host: admin.host, port: admin.port },
      async close(graceMs) {
        await stop(graceMs);
        await admin?.close();
      },
    };
  } catch (error) {
    await stop(0);
    throw error;
  }
}

function adoptServer(
  { version, commands }: ServerFacts,
  table: CommandTable,
  context: SessionContext,
  log: Logger,
): void {
  context.table = table.overlaidBy(commands);
  const major = Number.parseInt(version, 10);
  context.followUps = !(major < FOLLOW_UP_MAJOR);
  log.info({ version, commands: commands.length }, 'upstream recognised');
  if (!context.followUps) {
    log.warn(
      { version },
      'the upstream has no PEXPIRE … NX (7.0): rules work by rewriting only; SETNX, MSET, GETSET, SET KEEPTTL and applyTo "all" give no TTL',
    );
  }
}

function logLevelChange(log: Logger, { priority, from, to, pressure, cause, reading }: LevelChange): void {
  const percent = `${(pressure * 100).toFixed(1)}%`;
  const fields = { priority: PRIORITY_NAMES[priority], from, to, pressure: percent, cause, reading };
  if (to === 'open') log.info(fields, 'shedding ended');
  else
    log.warn(
      fields,
      to === 'full' ? 'shedding all writes of this priority' : 'shedding a share of this priority',
    );
}

const CLOSING = { ready: false, reasons: ['the proxy is closing: no client is accepted any more'] };
const REFUSING = { ready: false, reasons: ['the upstream refuses connections, and so does the data port'] };

/** Ready: clients will find an upstream. Reasons may be given all the same: what then works only in part. */
function readiness(
  monitor: MemoryMonitor,
  pressure: Pressure,
  now: number,
): { ready: boolean; reasons: string[] } {
  const reasons: string[] = [];
  if (!monitor.reachable) reasons.push('the upstream cannot be reached');
  if (pressure.reading === undefined)
    reasons.push('there is no memory reading, so nothing is shed: may the monitor run INFO?');
  else if (pressure.isStale(now)) reasons.push('the last memory reading is stale');
  return { ready: monitor.reachable, reasons };
}
