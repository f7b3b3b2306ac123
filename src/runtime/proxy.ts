// The assembled proxy: data port, service, memory control and admin server. The constructor builds them and hands each what
// it needs; start() and stop() go through them in order. Wiring only. The file is long because it names every part once.
// Invariants: nothing listens or connects before start(); after a rejected start(), and after stop(), nothing is left.
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { formatListenAddress } from '../config/address.js';
import type { EffectiveConfig } from '../config/effective.js';
import type { ReloadCause, ReloadOutcome } from '../config/reload-outcome.js';
import type { TrafficObserver } from '../core/policy/observer.js';
import type { Reading } from '../memory/reading.js';
import type { MemorySnapshot } from '../memory/snapshot.js';
import { kindTrouble } from '../memory/upstream-kind.js';
import { Alerts } from '../observe/alerts/alerts.js';
import { EventLog } from '../observe/history/event-log.js';
import { ServiceState, type ServiceStateSnapshot } from '../observe/state/service-state.js';
import type { TrafficStats } from '../observe/stats/counters.js';
import type { StatsSnapshot } from '../observe/stats/snapshot.js';
import { startAdmin } from '../surfaces/admin/server.js';
import type { AdminServer } from '../surfaces/admin/types.js';
import { answerQuestions, type ConsoleSources } from '../surfaces/console/console.js';
import type { SweepJob } from '../tools/sweep/job.js';
import { Listener } from '../wire/client/listener.js';
import type { ServerAddress } from '../wire/upstream/server-address.js';
import { asOne } from '../wire/upstream/upstream-socket.js';
import { Advisor } from './advisor.js';
import { adminConnections, readRoom } from './capacity.js';
import { consoleAnswers } from './console-answers.js';
import { Explainer } from './explainer.js';
import { Failover, type FailoverParts, whereaboutsOf } from './failover.js';
import { type Figures, figuresOf } from './figures.js';
import type { LogLosses } from './log/log-output.js';
import { MemoryControl } from './memory-control.js';
import { plannedSwitchOf } from './planned-switch.js';
import { ProxyEvents } from './proxy-events.js';
import { CLOSING, NO_WORKER, REFUSING, type Readiness, readiness } from './readiness.js';
import { Reloader, type ReloadSource } from './reload.js';
import { allRules, rulesInForce } from './rules.js';
import { Sampler } from './sampler.js';
import { SentinelPort } from './sentinel-port.js';
import type { Service, ServiceEvents } from './service.js';
import { SingleProcess } from './single-process.js';
import { startSweep } from './sweep.js';
import { endpointOf, upstreamOf } from './upstream.js';
import { VERSION } from './version.js';
import { WorkerPool } from './workers/worker-pool.js';

export interface ProxyParts {
  /** The observer of the traffic, in place of the statistics; only with one process. */
  readonly observe?: (stats: TrafficStats) => TrafficObserver;
  /** The source of the config; without it nothing can be reloaded. */
  readonly source?: ReloadSource;
  /** The log's destination, if it may lose lines. */
  readonly logOutput?: LogLosses;
}

export interface DataAddress {
  readonly host: string;
  readonly port: number;
  readonly path?: string | undefined;
}

export interface Addresses {
  /** Where clients connect. */
  readonly address: DataAddress;
  /** Whether they can at the start: not while the server refuses connections. */
  readonly open: boolean;
  /** undefined: the config has no admin server. */
  readonly adminAddress: { readonly host: string; readonly port: number } | undefined;
  /** undefined: there is no Sentinel endpoint. */
  readonly sentinelAddress: { readonly host: string; readonly port: number } | undefined;
}

/** A proxy that clients can connect to. */
export type StartedProxy = Addresses & Pick<SpillwayProxy, 'stats' | 'memory' | 'reload' | 'stop'>;

const clock = (): number => performance.now();

export class SpillwayProxy {
  private readonly eventLog = new EventLog(Date.now);
  private readonly says: ProxyEvents;
  private readonly upstream: ServerAddress;
  /** undefined: the server's address is fixed. */
  private readonly failover: Failover | undefined;
  private readonly service: Service;
  private readonly memoryControl: MemoryControl;
  private readonly reloader: Reloader;
  private readonly explainer: Explainer;
  private readonly listener: Listener;
  private sentinelPort: SentinelPort | undefined;
  private readonly figures: Figures;
  private readonly serviceState = new ServiceState();
  private readonly sampler: Sampler;
  private readonly advisor: Advisor;
  private alerts: Alerts | undefined;
  private sweep: SweepJob | undefined;
  private admin: AdminServer | undefined;
  private closing = false;

  /** @throws TlsFileError */
  constructor(
    private readonly config: EffectiveConfig,
    private readonly log: Logger,
    { observe, source, logOutput }: ProxyParts = {},
  ) {
    const { eventLog } = this;
    this.says = new ProxyEvents(log, eventLog);
    // With workers, each of them reports what is wrong with the files.
    this.upstream = upstreamOf(config, config.workers === 1 ? log : log.child({}, { level: 'silent' }));
    const events: ServiceEvents = {
      upstreamFailed: (error) => {
        this.listener.upstreamFailed(error);
        this.failover?.suspect(asOne(error).code === 'ECONNREFUSED' ? 'refused' : 'lost');
      },
      upstreamReadonly: () => this.failover?.suspect('readonly'),
      upstreamOom: () => this.memoryControl.upstreamOom(),
      workerEnded: (...what) => this.says.workerEnded(...what),
      workerReplaced: (worker) => this.says.workerReplaced(worker),
      asked: consoleAnswers((questions) => answerQuestions(questions, this.consoleSources())),
    };
    this.service =
      config.workers === 1
        ? new SingleProcess(config, log, events, this.upstream, observe, logOutput)
        : new WorkerPool(config, events, this.upstream, logOutput);
    this.memoryControl = this.makeMemoryControl();
    this.reloader = new Reloader(
      config,
      source ?? unchanging(config),
      (next) => this.adopt(next),
      log,
      eventLog,
    );
    const { gate, quotas, scripts, keys } = this.service;
    this.explainer = new Explainer(config, { gate, quotas, scripts, keys, memory: () => this.memory() });
    this.listener = this.makeListener();
    this.failover = this.makeFailover();
    this.figures = figuresOf(
      this.service,
      {
        snapshot: () => ({
          ...this.listener.snapshot(),
          failover: this.failover?.snapshot() ?? null,
          sentinelEndpoint: this.sentinelPort?.snapshot() ?? null,
        }),
      },
      () => this.memory(),
      () => this.reloader.config,
      this.memoryControl.holders,
    );
    const read = { ...this.figures, state: () => this.state() };
    this.sampler = new Sampler(
      config,
      read,
      eventLog,
      clock,
      log,
      (changes, leftOut) => this.says.refusalsChanged(changes, leftOut),
      (stats) => this.memoryControl.look(stats),
    );
    this.advisor = this.makeAdvisor();
  }

  /**
   * Resolves when it listens and the first memory reading has come or failed. Rejects with the system's error if it cannot
   * listen. An unreachable server is no error: until it is back, clients are refused as a dead Redis refuses them. To be called
   * once.
   */
  async start(): Promise<Addresses> {
    const { config, log, eventLog, sampler } = this;
    try {
      await this.service.start();
      const failover = await this.failover?.start();
      await this.memoryControl.start();
      const address = await this.listener.start();
      failover?.listening();
      const sentinelAddress = await this.startSentinelPort(address);
      this.says.capacity(config, this.service.capacity);
      sampler.start();
      this.advisor.start();
      const instance = `${hostname()} (${formatListenAddress(address)})`;
      this.alerts = new Alerts(config.alerts, { subscribe: sampler.subscribe, instance, clock, log });
      this.sweep = startSweep(config, endpointOf(config, this.upstream), log, eventLog);
      this.admin = await this.startAdmin(this.alerts, this.sweep);
      this.reloader.start();
      const adminAddress = this.admin && { host: this.admin.host, port: this.admin.port };
      return { address, open: this.listener.listening, adminAddress, sentinelAddress };
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  async stats(): Promise<StatsSnapshot> {
    return this.figures.stats();
  }

  memory(): MemorySnapshot {
    return this.memoryControl.snapshot();
  }

  /** Reads the configuration again; the log also reports the result. */
  reload(cause: ReloadCause): Promise<ReloadOutcome> {
    return this.reloader.reload(cause);
  }

  /** Drains for up to `graceMs`, then ends what is left. */
  async stop(graceMs: number): Promise<void> {
    this.closing = true;
    this.reloader.close();
    this.memoryControl.closing();
    this.sentinelPort?.close();
    this.listener.close();
    this.failover?.close();
    this.says.closing();
    const [ended] = await Promise.all([
      this.service.close(graceMs),
      this.alerts?.close(graceMs),
      this.sweep?.close(),
    ]);
    this.sampler.close();
    this.advisor.close();
    this.says.cut(ended);
    this.memoryControl.close();
    this.upstream.tls?.renewal.close();
    await this.admin?.close();
  }

  private makeMemoryControl(): MemoryControl {
    const { config, service, upstream, log, eventLog, says } = this;
    return new MemoryControl(config, service, upstream, log, eventLog, {
      levelChanged: (change) => says.levelChanged(change, rulesInForce(this.reloader.config).observed),
      serverOom: (begun) => says.serverOom(begun),
      recognized: (server) => {
        this.explainer.adoptServer(server);
        says.recognized(server);
      },
      kindChanged: (kind) => says.upstreamIs(kind, kindTrouble(kind, this.reloader.config.upstream.expect)),
      replicaSeen: () => this.failover?.suspect('replica'),
      lost: () => {
        this.listener.suspectUpstream();
        this.failover?.suspect('lost');
        says.monitorLost();
      },
    });
  }

  private makeAdvisor(): Advisor {
    const { figures, sampler, reloader, log, eventLog: events } = this;
    const { monitor } = this.memoryControl;
    const { growth, report } = sampler;
    return new Advisor({
      sources: { ...figures, growth, report },
      keyspace: () => monitor.server.keyspace,
      ttlCost: () => monitor.server.ttlCost,
      rules: () => allRules(reloader.config),
      log,
      events,
    });
  }

  private makeListener(): Listener {
    const { config, service, reloader, says } = this;
    return new Listener({
      listen: { ...config.listen, mode: config.listenMode },
      secure: config.listenTls !== undefined,
      upstream: this.upstream,
      ...(this.upstream.following && { onSign: () => this.failover?.suspect('refused') }),
      maxClients: () => Math.min(reloader.config.limits.maxClients, service.capacity.clients),
      hasRoom: () => service.hasRoom,
      clients: () => service.clients,
      onClient: (client) => service.accept(client),
      onAcceptFailed: (error) => says.acceptFailed(error),
      onRefusing: (refusing) => {
        if (refusing) service.serverGone();
        says.refusing(refusing);
      },
      onReopenFailed: (error) => says.reopenFailed(error),
    });
  }

  private makeFailover(): Failover | undefined {
    const { config, upstream, log, eventLog: events, service, listener, memoryControl } = this;
    const whereabouts = whereaboutsOf(config, upstream.tls, clock, log);
    if (whereabouts === undefined) return undefined;
    const { monitor } = memoryControl;
    const memoryMoved = (reading: Reading) => memoryControl.moved(reading);
    const plan: FailoverParts['plan'] = (settled, said) =>
      plannedSwitchOf(config, upstream.tls, clock, whereabouts, settled, said);
    return new Failover(whereabouts, { service, listener, monitor, memoryMoved, log, events, plan });
  }

  private async startSentinelPort(data: DataAddress): Promise<Addresses['sentinelAddress']> {
    const { config, log, listener, says } = this;
    const { listen } = config.sentinelEndpoint;
    if (listen === false) return undefined;
    this.sentinelPort = new SentinelPort(config, listen, log, {
      data,
      isDown: () => !listener.listening,
      acceptFailed: (error) => says.acceptFailed(error),
    });
    return this.sentinelPort.start();
  }

  private async startAdmin(alerts: Alerts, sweep: SweepJob): Promise<AdminServer | undefined> {
    const { config, log, sampler, reloader } = this;
    if (config.admin.listen === false) return undefined;
    const { growth, history, report, events, subscribe } = sampler;
    return startAdmin({
      ...this.figures,
      ...{ growth, history, report, events, subscribe },
      state: () => this.state(),
      alerts: () => alerts.snapshot(),
      sweep: () => sweep.snapshot(),
      advice: () => this.advisor.snapshot(),
      listen: config.admin.listen,
      maxConnections: adminConnections(readRoom()),
      token: config.admin.token,
      explain: (request) => this.explainer.explain(request),
      log,
      version: VERSION,
      config: () => reloader.snapshot(),
      failover: this.failover?.planned,
      setRehearsal: (request) => this.memoryControl.setRehearsal(request),
      reload: () => reloader.reload('POST /api/reload'),
      health: () => ({ live: true }),
      ready: () => this.ready(),
    });
  }

  private consoleSources(): ConsoleSources {
    return {
      ...this.figures,
      explain: (request) => this.explainer.explain(request),
      state: () => this.state(),
      growth: this.sampler.growth,
      version: VERSION,
      mode: () => this.reloader.config.mode,
      failed: (error) => this.says.questionFailed(error),
    };
  }

  private state(): ServiceStateSnapshot {
    const rules = rulesInForce(this.reloader.config);
    const failover = this.failover?.waitsFor ?? null;
    const { serverOom } = this.memoryControl;
    const facts = {
      ...this.ready(),
      failover,
      closing: this.closing,
      memory: this.memory(),
      serverOom,
      rules,
    };
    return this.serviceState.see({ ...facts, configError: this.reloader.problem }, Date.now());
  }

  private ready(): Readiness {
    if (this.closing) return CLOSING;
    const { failover } = this;
    if (failover?.isGone) return failover.readiness([]);
    if (!this.listener.listening) return REFUSING;
    if (!this.service.running) return NO_WORKER;
    const { monitor, pressure, evictTrouble } = this.memoryControl;
    const kind = kindTrouble(monitor.server.kind, this.reloader.config.upstream.expect);
    const known = readiness(monitor, pressure, this.listener.upstreamTrouble, kind, evictTrouble, clock());
    return failover?.readiness(known.reasons) ?? known;
  }

  /** Applies another config; returns the workers that have not confirmed it. */
  private async adopt(next: EffectiveConfig): Promise<readonly number[]> {
    const { log, service } = this;
    if (next.log.level !== this.reloader.config.log.level) {
      log.level = next.log.level;
      this.admin?.setLogLevel(next.log.level);
    }
    this.memoryControl.prepare(next);
    const pending = await service.reload(next);
    this.memoryControl.adopt(next);
    this.says.capacity(next, service.capacity);
    this.explainer.reload(next);
    this.sampler.reload(next);
    this.sentinelPort?.reload();
    this.alerts?.reload(next.alerts);
    this.sweep?.reload(next);
    const { told } = this.memoryControl.pressure.levels;
    this.says.modeChanged(told, rulesInForce(this.reloader.config).observed, rulesInForce(next).observed);
    return pending;
  }
}

/** Makes a proxy and starts it; see SpillwayProxy.start(). */
export async function startProxy(
  config: EffectiveConfig,
  log: Logger,
  parts?: ProxyParts,
): Promise<StartedProxy> {
  const proxy = new SpillwayProxy(config, log, parts);
  const addresses = await proxy.start();
  return {
    ...addresses,
    stats: () => proxy.stats(),
    memory: () => proxy.memory(),
    reload: (cause) => proxy.reload(cause),
    stop: (graceMs) => proxy.stop(graceMs),
  };
}

/** For a config that a program made. */
function unchanging(config: EffectiveConfig): ReloadSource {
  return { file: undefined, text: undefined, load: async () => ({ config, warnings: [] }) };
}
