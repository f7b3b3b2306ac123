// The assembled proxy: the data port, what serves its clients, the memory monitor and the admin server, each handed
// what it needs, started and stopped in order. Holds no logic of its own beyond wiring and the sentences of the log.
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { formatListenAddress } from '../config/address.js';
import { describeConfig } from '../config/describe.js';
import type { EffectiveConfig } from '../config/effective.js';
import type { ReloadCause, ReloadOutcome } from '../config/reload-outcome.js';
import type { TrafficObserver } from '../core/policy/observer.js';
import { PRIORITY_NAMES } from '../core/policy/rule.js';
import { EXPIRE_NX } from '../core/resp/encode.js';
import { MemoryMonitor, type ServerFacts } from '../memory/monitor.js';
import { type LevelChange, Pressure } from '../memory/pressure.js';
import { Alerts } from '../observe/alerts/alerts.js';
import { EventLog } from '../observe/history/event-log.js';
import type { ConnectionSnapshot } from '../observe/snapshots/connections.js';
import type { TrafficStats } from '../observe/stats/counters.js';
import { snapshotStats } from '../observe/stats/snapshot.js';
import { startAdmin } from '../surfaces/admin/server.js';
import type { AdminServer } from '../surfaces/admin/types.js';
import { answerQuestions, type ConsoleSources } from '../surfaces/console/console.js';
import type { SweepJob } from '../tools/sweep/job.js';
import { Listener } from '../wire/client/listener.js';
import { secureOptions } from '../wire/upstream/upstream-socket.js';
import { adminConnections, type Capacity, readRoom } from './capacity.js';
import { consoleAnswers } from './console-answers.js';
import { describeMemory } from './describe-memory.js';
import { Explainer } from './explainer.js';
import { followUpFormOf } from './follow-up-form.js';
import type { LogLosses } from './log/log-output.js';
import { Rehearsals } from './rehearsal.js';
import { Reloader, type ReloadSource } from './reload.js';
import { Sampler } from './sampler.js';
import type { Service, ServiceEvents } from './service.js';
import { SingleProcess } from './single-process.js';
import { startSweep } from './sweep.js';
import { upstreamTls } from './tls.js';
import { VERSION } from './version.js';
import { WorkerPool } from './workers/worker-pool.js';

export interface ProxyParts {
  /** What is told of the traffic instead of the statistics, where one process does it all. */
  readonly observe?: (stats: TrafficStats) => TrafficObserver;
  /** Where the config came from; without it there is no other to be had. */
  readonly source?: ReloadSource;
  /** Where `log` goes, if lines of it can be lost. */
  readonly logOutput?: LogLosses;
}

export interface RunningProxy {
  readonly address: { readonly host: string; readonly port: number; readonly path?: string | undefined };
  readonly adminAddress: { readonly host: string; readonly port: number } | undefined;
  /** Reads the configuration again; how that ended is in the log, too. */
  reload(cause: ReloadCause): Promise<ReloadOutcome>;
  /** Drains for up to `graceMs`, then ends what is left. */
  close(graceMs: number): Promise<void>;
}

/**
 * Starts a proxy as `config` says. Resolves when it listens and the first memory reading was taken or failed;
 * rejects with the system's error when it cannot listen. An unreachable upstream is no error: clients are then
 * refused as a dead Redis would refuse them, until it is back.
 */
export async function startProxy(
  config: EffectiveConfig,
  log: Logger,
  { observe, source, logOutput }: ProxyParts = {},
): Promise<RunningProxy> {
  const clock = () => performance.now();
  const eventLog = new EventLog(Date.now);
  // What is wrong with its files is said by those that serve clients.
  const secure = upstreamTls(config, log.child({}, { level: 'silent' }));
  const events: ServiceEvents = {
    upstreamFailed: (error) => listener.upstreamFailed(error),
    upstreamOom: () => {
      pressure.upstreamOom(clock());
      pressureChanged();
      monitor.pollSoon();
    },
    asked: consoleAnswers((questions) => answerQuestions(questions, consoleSources)),
  };
  const service: Service =
    config.workers === 1
      ? new SingleProcess(config, log, events, observe, logOutput)
      : await WorkerPool.start(config, log, events, logOutput);
  const { gate } = service;
  const pressure = new Pressure(config.memory, gate, (change) => {
    logLevelChange(log, change);
    eventLog.record('level', describeLevelChange(change));
    pressureChanged();
  });
  const pressureChanged = (): void => service.pressureChanged(pressure.state(clock()));
  const monitor = new MemoryMonitor({
    upstream: config.upstream,
    tls: secure && (() => secureOptions(config.upstream, secure)),
    pollIntervalMs: config.memory.pollIntervalMs,
    pressure,
    gate,
    log,
    clock,
    covered: () => service.covered(),
    onReading: pressureChanged,
    onServerTime: (epochMs) => service.adoptServerTime(epochMs),
    onServer: (server) => {
      service.adoptServer(server);
      explainer.adoptServer(server);
      logServer(log, server);
      eventLog.record('upstream', `connected to a server of version ${server.version || 'unknown'}`);
    },
    onLost: () => {
      listener.suspectUpstream();
      eventLog.record('upstream', 'the connection that memory is read by was lost');
    },
  });
  const rehearsals = new Rehearsals(pressure, pressureChanged, clock, log, eventLog);
  const memory = () =>
    describeMemory(pressure, gate, monitor, reloader.config.memory.bands, clock(), rehearsals.snapshot());
  const explainer = new Explainer(config, { gate, memory });
  let chronicle: Sampler | undefined;
  let alerts: Alerts | undefined;
  let sweep: SweepJob | undefined;
  let admin: AdminServer | undefined;
  const goBy = async (next: EffectiveConfig): Promise<readonly number[]> => {
    if (next.log.level !== reloader.config.log.level) {
      log.level = next.log.level;
      admin?.setLogLevel(next.log.level);
    }
    pressure.reconfigure(next.memory, clock());
    pressureChanged();
    const pending = await service.reload(next);
    logCapacity(log, next, service.capacity);
    monitor.reconfigure(next.memory);
    explainer.reload(next);
    chronicle?.reload(next);
    alerts?.reload(next.alerts);
    sweep?.reload(next);
    void secure?.renewal.reload();
    return pending;
  };
  const reloader = new Reloader(config, source ?? unchanging(config), goBy, log, eventLog);
  const listener = new Listener({
    listen: { ...config.listen, mode: config.listenMode },
    secure: config.listenTls !== undefined,
    upstream: config.upstream,
    maxClients: () => Math.min(reloader.config.limits.maxClients, service.capacity.clients),
    hasRoom: () => service.hasRoom,
    clients: () => service.clients,
    onClient: (client) => service.accept(client),
    onAcceptFailed: (error) => log.error({ err: error.message }, 'a client could not be accepted'),
    onRefusing: (refusing) => {
      if (refusing) {
        service.serverGone();
        log.error('upstream refuses connections: so does the data port, until it is back');
        eventLog.record('upstream', 'the upstream refuses connections, and so does the data port');
      } else {
        log.info('upstream accepts connections again, and so does the data port');
        eventLog.record('upstream', 'the upstream accepts connections again, and so does the data port');
      }
    },
    onReopenFailed: (error) =>
      log.error({ err: error.message }, 'the data port cannot be opened again yet: tried on'),
  });

  let consoleSources: ConsoleSources;
  let closing = false;
  let stopWatching = (): void => {};
  const stop = async (graceMs: number): Promise<void> => {
    closing = true;
    reloader.close();
    rehearsals.close();
    listener.close();
    eventLog.record('proxy', 'closing: clients may finish');
    const [ended] = await Promise.all([service.close(graceMs), alerts?.close(graceMs), sweep?.close()]);
    stopWatching();
    if (ended > 0) log.warn({ connections: ended }, 'connections ended before they were idle');
    monitor.close();
    secure?.renewal.close();
  };

  await monitor.start();
  try {
    const address = await listener.start();
    logCapacity(log, config, service.capacity);
    const sources = {
      stats: async () => snapshotStats(await service.stats(), Date.now()),
      memory,
      connections: async (): Promise<ConnectionSnapshot> => ({
        ...(await service.snapshot()),
        ...listener.snapshot(),
      }),
      workers: () => service.workers(),
      clients: () => service.topClients(),
      rules: () => describeConfig(reloader.config).rules,
    };
    const past = new Sampler(config, sources, eventLog, clock, log);
    chronicle = past;
    stopWatching = () => past.close();
    const instance = instanceName(address);
    const told = new Alerts(config.alerts, { subscribe: past.subscribe, instance, clock, log });
    alerts = told;
    const sweeping = startSweep(config, secure, log, eventLog);
    sweep = sweeping;
    consoleSources = {
      ...sources,
      growth: past.growth,
      version: VERSION,
      mode: () => reloader.config.mode,
      failed: (error) => log.warn({ err: error }, 'a question of a client could not be answered'),
    };
    admin = config.admin.listen
      ? await startAdmin({
          ...sources,
          growth: past.growth,
          history: past.history,
          report: past.report,
          events: past.events,
          alerts: () => told.snapshot(),
          sweep: () => sweeping.snapshot(),
          subscribe: past.subscribe,
          listen: config.admin.listen,
          maxConnections: adminConnections(readRoom()),
          token: config.admin.token,
          explain: (request) => explainer.explain(request),
          log,
          version: VERSION,
          config: () => reloader.snapshot(),
          setRehearsal(request) {
            if (request !== undefined) return rehearsals.begin(request);
            rehearsals.end();
            return { ok: true, rehearsal: null };
          },
          reload: () => reloader.reload('POST /api/reload'),
          health: () => ({ live: true }),
          ready: () => {
            if (closing) return CLOSING;
            if (!listener.listening) return REFUSING;
            return service.running ? readiness(monitor, pressure, clock()) : NO_WORKER;
          },
        })
      : undefined;
    reloader.start();
    return {
      address,
      adminAddress: admin && { host: admin.host, port: admin.port },
      reload: (cause) => reloader.reload(cause),
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

/** By which somebody who is told of it knows it from others. */
function instanceName(address: RunningProxy['address']): string {
  return `${hostname()} (${formatListenAddress(address)})`;
}

const CAPACITY: Readonly<Record<Capacity['by'], string>> = {
  'open files': 'the process may open no more files: raise that limit (ulimit -n, LimitNOFILE)',
  heap: "node's heap has no room for more: give the container more memory, or set NODE_OPTIONS=--max-old-space-size=MiB",
  memory: 'the container has no memory for more: give it more',
};

/** As Redis does where its maxclients cannot be had. */
function logCapacity(
  log: Logger,
  { limits: { maxClients } }: EffectiveConfig,
  { clients, by }: Capacity,
): void {
  if (clients >= maxClients) return;
  log.warn({ maxClients, served: clients }, `limits.maxClients is lowered to ${clients}: ${CAPACITY[by]}`);
}

/** Of a config that was made by a program. */
function unchanging(config: EffectiveConfig): ReloadSource {
  return { file: undefined, text: undefined, load: async () => ({ config, warnings: [] }) };
}

function logServer(log: Logger, server: ServerFacts): void {
  const { version, commands } = server;
  log.info({ version, commands: commands.length }, 'upstream recognised');
  const { followUps, followUp } = followUpFormOf(server);
  if (!followUps) {
    log.warn(
      { version },
      `the upstream has no ${followUp === EXPIRE_NX ? 'PEXPIRE' : 'PEXPIRE … NX (7.0) and no EVAL'}: SETNX, MSET, GETSET, SET KEEPTTL and applyTo "all" give no TTL`,
    );
  } else if (followUp !== EXPIRE_NX) {
    log.info(
      { version },
      'the upstream has no PEXPIRE … NX (7.0): a script sets the TTLs of SETNX, MSET, GETSET, SET KEEPTTL and applyTo "all"; clients need the right to run EVAL, PTTL and PEXPIRE',
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

function describeLevelChange({ priority, from, to, pressure, cause }: LevelChange): string {
  const what = { open: 'admitted again', partial: 'refused in part', full: 'all refused' }[to];
  const percent = `${(pressure * 100).toFixed(1)} %`;
  return `writes of priority ${PRIORITY_NAMES[priority]} ${what} (${from} → ${to}) at ${percent}: ${cause}`;
}

const CLOSING = { ready: false, reasons: ['the proxy is closing: no client is accepted any more'] };
const REFUSING = { ready: false, reasons: ['the upstream refuses connections, and so does the data port'] };
const NO_WORKER = { ready: false, reasons: ['no worker process is running: the log says why they ended'] };

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
