// The assembled proxy: data port, service, memory monitor and admin server. The constructor builds them and hands each what
// it needs; start() and stop() go through them in order. Wiring only. The file is long because it names every part once.
// Invariants: nothing listens or connects before start(); after a rejected start(), and after stop(), nothing is left.
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { formatListenAddress } from '../config/address.js';
import type { EffectiveConfig } from '../config/effective.js';
import type { ReloadCause, ReloadOutcome } from '../config/reload-outcome.js';
import type { TrafficObserver } from '../core/policy/observer.js';
import { Budgets } from '../memory/budgets.js';
import { LEAST_EVICTED } from '../memory/eviction-rates.js';
import { limitsOf } from '../memory/limits.js';
import { MemoryMonitor } from '../memory/monitor.js';
import { Pressure } from '../memory/pressure.js';
import type { Reading } from '../memory/reading.js';
import type { MemorySnapshot, RehearsalOutcome, RehearsalRequest } from '../memory/snapshot.js';
import { kindTrouble } from '../memory/upstream-kind.js';
import { Alerts } from '../observe/alerts/alerts.js';
import { EventLog } from '../observe/history/event-log.js';
import { Holders } from '../observe/holders/holders.js';
import { ServiceState, type ServiceStateSnapshot } from '../observe/state/service-state.js';
import type { TrafficStats } from '../observe/stats/counters.js';
import type { StatsSnapshot } from '../observe/stats/snapshot.js';
import { startAdmin } from '../surfaces/admin/server.js';
import type { AdminServer } from '../surfaces/admin/types.js';
import { answerQuestions, type ConsoleSources } from '../surfaces/console/console.js';
import type { Endpoint } from '../tools/keyspace/endpoint.js';
import type { SweepJob } from '../tools/sweep/job.js';
import { Listener } from '../wire/client/listener.js';
import type { ServerAddress } from '../wire/upstream/server-address.js';
import { asOne, secureOptions } from '../wire/upstream/upstream-socket.js';
import { Advisor } from './advisor.js';
import { adminConnections, readRoom } from './capacity.js';
import { consoleAnswers } from './console-answers.js';
import { describeMemory } from './describe-memory.js';
import { Explainer } from './explainer.js';
import { Failover, whereaboutsOf } from './failover.js';
import { type Figures, figuresOf } from './figures.js';
import type { LogLosses } from './log/log-output.js';
import { RoomMaker } from './make-room.js';
import { ProxyEvents } from './proxy-events.js';
import { CLOSING, NO_WORKER, REFUSING, type Readiness, readiness } from './readiness.js';
import { Rehearsals } from './rehearsal.js';
import { Reloader, type ReloadSource } from './reload.js';
import { allRules, ruleSetOf, rulesInForce, sameGlobs } from './rules.js';
import { Sampler } from './sampler.js';
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

interface DataAddress {
  readonly host: string;
  readonly port: number;
  readonly path?: string | undefined;
}

const clock = (): number => performance.now();

export class SpillwayProxy {
  private readonly eventLog = new EventLog(Date.now);
  private readonly says: ProxyEvents;
  private readonly upstream: ServerAddress;
  private readonly endpoint: () => Endpoint;
  /** undefined: the server's address is fixed. */
  private readonly failover: Failover | undefined;
  private readonly service: Service;
  private readonly pressure: Pressure;
  private readonly monitor: MemoryMonitor;
  private readonly budgets: Budgets;
  private readonly room: RoomMaker;
  private readonly holders: Holders;
  private readonly rehearsals: Rehearsals;
  private readonly reloader: Reloader;
  private readonly explainer: Explainer;
  private readonly listener: Listener;
  private readonly figures: Figures;
  private readonly serviceState = new ServiceState();
  private readonly sampler: Sampler;
  private readonly advisor: Advisor;
  /** Known once it listens. */
  private data: DataAddress | undefined;
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
    this.endpoint = endpointOf(config, this.upstream);
    const events: ServiceEvents = {
      upstreamFailed: (error) => {
        this.listener.upstreamFailed(error);
        this.failover?.suspect(asOne(error).code === 'ECONNREFUSED' ? 'refused' : 'lost');
      },
      upstreamReadonly: () => this.failover?.suspect('readonly'),
      upstreamOom: () => this.upstreamOom(),
      asked: consoleAnswers((questions) => answerQuestions(questions, this.consoleSources())),
    };
    this.service =
      config.workers === 1
        ? new SingleProcess(config, log, events, this.upstream, observe, logOutput)
        : new WorkerPool(config, log, events, this.upstream, logOutput);
    this.pressure = new Pressure(config.memory, this.service.gate, (change) => {
      this.says.levelChanged(change);
      this.pressureChanged();
    });
    this.monitor = this.makeMonitor();
    this.holders = this.makeHolders();
    this.monitor.sampler.listen(this.holders);
    this.budgets = this.makeBudgets();
    this.room = new RoomMaker(config, this.endpoint, {
      ...{ service: this.service, pressure: this.pressure, clock, log },
      monitor: () => this.monitor,
      sampled: (slot) => this.holders.leastOf(slot),
      onEvictable: (bytes) => {
        if (this.pressure.canEvict(bytes, clock())) this.pressureChanged();
      },
    });
    this.rehearsals = new Rehearsals(this.pressure, () => this.pressureChanged(), clock, log, eventLog);
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
      { snapshot: () => ({ ...this.listener.snapshot(), failover: this.failover?.snapshot() ?? null }) },
      () => this.memory(),
      () => this.reloader.config,
      this.holders,
    );
    const read = { ...this.figures, state: () => this.state() };
    this.sampler = new Sampler(
      config,
      read,
      eventLog,
      clock,
      log,
      (changes, leftOut) => this.says.refusalsChanged(changes, leftOut),
      (stats) => this.lookAtHolders(stats),
    );
    this.advisor = this.makeAdvisor();
  }

  /**
   * Resolves when it listens and the first memory reading has come or failed. Rejects with the system's error if it cannot
   * listen. An unreachable server is no error: until it is back, clients are refused as a dead Redis refuses them.
   */
  async start(): Promise<void> {
    const { config, log, eventLog, sampler } = this;
    try {
      await this.service.start();
      await this.failover?.start();
      await this.monitor.start();
      this.budgets.adopt(ruleSetOf(config));
      this.room.evictor.start();
      this.data = await this.listener.start();
      this.failover?.listening();
      this.says.capacity(config, this.service.capacity);
      sampler.start();
      this.advisor.start();
      const instance = `${hostname()} (${formatListenAddress(this.data)})`;
      this.alerts = new Alerts(config.alerts, { subscribe: sampler.subscribe, instance, clock, log });
      this.sweep = startSweep(config, this.endpoint, log, eventLog);
      this.admin = await this.startAdmin(this.alerts, this.sweep);
      this.reloader.start();
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /** The address where clients connect. The proxy must have started. */
  get address(): DataAddress {
    if (this.data === undefined) throw new Error('the proxy has not started');
    return this.data;
  }

  /** undefined: the config has no admin server. */
  get adminAddress(): { readonly host: string; readonly port: number } | undefined {
    return this.admin && { host: this.admin.host, port: this.admin.port };
  }

  async stats(): Promise<StatsSnapshot> {
    return this.figures.stats();
  }

  memory(): MemorySnapshot {
    const { pressure, monitor, rehearsals, budgets } = this;
    return describeMemory(
      pressure,
      this.service.gate,
      monitor,
      clock(),
      rehearsals.snapshot(),
      budgets.snapshot(),
      this.room.evictor.snapshot(),
      limitsOf(this.service.quotas, this.reloader.config.rules),
    );
  }

  /** Reads the configuration again; the log also reports the result. */
  reload(cause: ReloadCause): Promise<ReloadOutcome> {
    return this.reloader.reload(cause);
  }

  /** Drains for up to `graceMs`, then ends what is left. */
  async stop(graceMs: number): Promise<void> {
    this.closing = true;
    this.reloader.close();
    this.rehearsals.close();
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
    this.budgets.close();
    this.room.evictor.close();
    this.monitor.close();
    this.upstream.tls?.renewal.close();
    await this.admin?.close();
  }

  private makeMonitor(): MemoryMonitor {
    const { config, log, pressure, upstream, service } = this;
    const { tls } = upstream;
    return new MemoryMonitor({
      upstream: config.upstream,
      tls: tls && (() => secureOptions(upstream, tls)),
      pollIntervalMs: config.memory.pollIntervalMs,
      proxies: config.memory.proxies,
      pressure,
      gate: service.gate,
      log,
      clock,
      covered: () => {
        this.room.evictor.readingAsked();
        return service.covered();
      },
      onReading: () => {
        this.room.readingTaken();
        this.pressureChanged();
      },
      onServerTime: (epochMs) => service.adoptServerTime(epochMs),
      onServer: (server) => {
        service.adoptServer(server);
        this.explainer.adoptServer(server);
        this.says.recognized(server);
      },
      ...(config.upstream.failover && {
        onRole: (role: string) => {
          if (role === 'slave') this.failover?.suspect('replica');
        },
      }),
      onKind: (kind) => this.says.upstreamIs(kind, kindTrouble(kind, this.reloader.config.upstream.expect)),
      onLost: () => {
        this.listener.suspectUpstream();
        this.failover?.suspect('lost');
        this.says.monitorLost();
      },
    });
  }

  private makeHolders(): Holders {
    const { pressure, monitor } = this;
    return new Holders(ruleSetOf(this.config), {
      ask: (questions) => monitor.ask(questions),
      memory: () => ({
        usedBytes: pressure.memory.reading?.usedBytes ?? 0,
        limitBytes: pressure.memory.applicability?.limitBytes ?? 0,
      }),
      denied: () => monitor.sampler.denied,
      evicts: () => monitor.evictions.evictedPerSecond >= LEAST_EVICTED,
      clock,
    });
  }

  /** Once a second. */
  private lookAtHolders({ rules }: StatsSnapshot): void {
    const { service, holders } = this;
    const slots = new Map(allRules(this.reloader.config).map(({ name, slot }) => [name, slot]));
    const counted = rules.flatMap(({ name, writes, bytes, distinctKeys }) => {
      const slot = slots.get(name);
      return slot === undefined ? [] : [{ slot, writes, bytes, distinctKeys }];
    });
    service.steadyChanged(holders.look(counted, service.takePicks()));
  }

  private makeBudgets(): Budgets {
    const { config, service, pressure, monitor, log } = this;
    return new Budgets(ruleSetOf(config), {
      quotas: service.quotas,
      limitBytes: () => pressure.memory.applicability?.limitBytes ?? 0,
      ask: (questions) => monitor.ask(questions),
      sampled: (slot) => this.holders.holding(slot) ?? undefined,
      clock,
      log,
    });
  }

  private makeAdvisor(): Advisor {
    const { figures, sampler, monitor, reloader, log, eventLog: events } = this;
    const { growth, report } = sampler;
    return new Advisor({
      sources: { ...figures, growth, report },
      keyspace: () => monitor.lastKeyspace,
      ttlCost: () => monitor.ttlCost,
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
      ...(config.upstream.failover && { onSign: () => this.failover?.suspect('refused') }),
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
    const { config, upstream, log, eventLog: events, service, listener, monitor, pressure } = this;
    const whereabouts = whereaboutsOf(config, upstream.tls, clock, log);
    if (whereabouts === undefined) return undefined;
    const memoryMoved = (reading: Reading) => {
      const difference = pressure.moved(reading, clock());
      this.pressureChanged();
      return difference;
    };
    return new Failover(whereabouts, { service, listener, monitor, memoryMoved, log, events });
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
      setRehearsal: (request) => this.setRehearsal(request),
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
    const facts = { ...this.ready(), failover, closing: this.closing, memory: this.memory(), rules };
    return this.serviceState.see({ ...facts, configError: this.reloader.problem }, Date.now());
  }

  private ready(): Readiness {
    if (this.closing) return CLOSING;
    const { failover } = this;
    if (failover?.isGone) return failover.readiness([]);
    if (!this.listener.listening) return REFUSING;
    if (!this.service.running) return NO_WORKER;
    const known = readiness(
      this.monitor,
      this.pressure,
      this.listener.upstreamTrouble,
      kindTrouble(this.monitor.kind, this.reloader.config.upstream.expect),
      this.room.evictor.trouble ?? this.room.evictor.shortcoming,
      clock(),
    );
    return failover?.readiness(known.reasons) ?? known;
  }

  private setRehearsal(request: RehearsalRequest | undefined): RehearsalOutcome {
    if (request !== undefined) return this.rehearsals.begin(request);
    this.rehearsals.end();
    return { ok: true, rehearsal: null };
  }

  private upstreamOom(): void {
    this.pressure.upstreamOom(clock());
    this.pressureChanged();
    this.monitor.pollSoon();
  }

  private pressureChanged(): void {
    this.service.pressureChanged(this.pressure.state(clock()));
  }

  /** Applies another config; returns the workers that have not confirmed it. */
  private async adopt(next: EffectiveConfig): Promise<readonly number[]> {
    const { log, service } = this;
    if (next.log.level !== this.reloader.config.log.level) {
      log.level = next.log.level;
      this.admin?.setLogLevel(next.log.level);
    }
    this.pressure.reconfigure(next.memory, clock());
    this.pressureChanged();
    const pending = await service.reload(next);
    this.budgets.adopt(ruleSetOf(next));
    this.room.adopt(next);
    this.holders.adopt(ruleSetOf(next), sameGlobs(this.reloader.config, next));
    this.says.capacity(next, service.capacity);
    this.monitor.reconfigure(next.memory);
    this.explainer.reload(next);
    this.sampler.reload(next);
    this.alerts?.reload(next.alerts);
    this.sweep?.reload(next);
    return pending;
  }
}

/** A proxy that has started. */
export async function startProxy(
  config: EffectiveConfig,
  log: Logger,
  parts?: ProxyParts,
): Promise<SpillwayProxy> {
  const proxy = new SpillwayProxy(config, log, parts);
  await proxy.start();
  return proxy;
}

/** For a config that a program made. */
function unchanging(config: EffectiveConfig): ReloadSource {
  return { file: undefined, text: undefined, load: async () => ({ config, warnings: [] }) };
}
