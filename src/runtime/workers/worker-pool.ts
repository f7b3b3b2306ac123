// Several worker processes that serve the clients together: starts them, replaces those that end, hands clients to
// whoever has fewest, tells all of them what is known of memory and each what the others let through, and adds up what
// they report. The clients' bytes never pass through here.
// Invariant: counters never go down, since what a worker counted is added when it reports it.
//
// Clients are handed over one by one, which bounds new connections to some 7,900 a second for two workers (as
// node:cluster's round robin does, 8,000; measured with `redis-benchmark -k 0` on two cores). Workers that accept from
// one listening socket reach 13,500, but the same one takes nearly all of 50 lasting connections; a socket each
// (SO_REUSEPORT) reaches 14,000 evenly, but Node has that from 23.1 on only, and nobody could count maxClients.
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { EffectiveConfig } from '../../config/effective.js';
import { BackOff } from '../../core/back-off.js';
import { ShedGate } from '../../core/policy/shed.js';
import { type Covered, coveredBy, type PressureState } from '../../memory/pressure-state.js';
import { ServerClock } from '../../memory/server-clock.js';
import type { ServerFacts } from '../../memory/server-facts.js';
import type { WorkersSnapshot } from '../../observe/snapshots/workers.js';
import { TrafficStats } from '../../observe/stats/counters.js';
import type { ClientTraffic } from '../../wire/client/link-options.js';
import { detach } from '../../wire/node/handover.js';
import { adminConnections, type Capacity, handoverRoom, readRoom } from '../capacity.js';
import type { DataPlaneSnapshot } from '../data-plane.js';
import type { LogLosses } from '../log/log-output.js';
import { sameGlobs } from '../rules.js';
import { type Service, type ServiceEvents, TOP_CLIENTS } from '../service.js';
import { addSnapshots, countersOnly } from './add-snapshots.js';
import type { ToWorker } from './messages.js';
import { TotalGrowth } from './total-growth.js';
import { LATE_MS, type WorkerEvents, WorkerProcess } from './worker-process.js';

/** How long a reading of memory waits for the workers' figures; older ones err on the safe side. */
const GROWTH_LIMIT_MS = 100;
/** Reports are asked for so often at least: what a worker counts in between is lost with it if it crashes. */
const REPORT_EVERY_MS = 1000;
const REPORT_LIMIT_MS = 500;
/** How long workers may take over a reload until it is said that they do. */
const RELOAD_LIMIT_MS = 2000;
/** By so many clients more than another one has, a worker may get the next one although the other is only busy. */
const UNEVEN_CLIENTS = 4;
/** A worker that ends sooner than that is replaced with a delay, which doubles each time. */
const STABLE_MS = 5000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5000;
/** What workers get beyond the grace of a drain before they are killed. */
const DRAIN_MARGIN_MS = 1000;

export class WorkerPool implements Service {
  readonly gate = new ShedGate();
  private readonly growth = new TotalGrowth(this.gate);
  private readonly serverClock = new ServerClock(() => performance.now(), Date.now);
  private readonly total: TrafficStats;
  private readonly workersByNumber = new Map<number, WorkerProcess>();
  /** Of one worker, as the last one to start says. */
  private perWorker: Capacity | undefined;
  /** How many clients may wait here for a worker. */
  private readonly mayWait: number;
  /** Accepted, not handed to a worker yet. */
  private readonly waiting: Socket[] = [];
  private server: ServerFacts | undefined;
  private pressure: PressureState | undefined;
  private lostSnapshot: DataPlaneSnapshot | undefined;
  /** Lines of the log that workers lost which have ended. */
  private lostLines = 0;
  private restarts = 0;
  private readonly quickEnds = new BackOff(FIRST_DELAY_MS, LONGEST_DELAY_MS);
  private closing = false;
  private ended = 0;
  /** Workers that did not report in the last round. */
  private silent = 0;
  private round: Promise<void> | undefined;
  private reporting: NodeJS.Timeout | undefined;
  private retry: NodeJS.Timeout | undefined;
  private readonly delayed = new Set<NodeJS.Timeout>();
  private readonly workerEvents: WorkerEvents;
  /** Called with each worker that is ready or gone. */
  private onChange: (gone?: string) => void = () => {};

  constructor(
    private config: EffectiveConfig,
    private readonly log: Logger,
    events: ServiceEvents,
    private readonly logOutput: LogLosses | undefined,
  ) {
    const room = readRoom();
    this.mayWait = handoverRoom(room, adminConnections(room) + config.workers);
    this.total = new TrafficStats([], Date.now);
    this.total.adopt(config.rules);
    this.workerEvents = {
      ...events,
      ready: (worker) => this.welcome(worker),
      clientsChanged: () => this.handOver(),
      grown: (worker, growth, unasked) => {
        this.growth.hear(worker, growth);
        if (unasked) this.tellGrowth();
      },
      reported: ({ stats }) => this.total.add(stats),
      gone: (worker, how) => this.lost(worker, how),
    };
  }

  /** Starts all workers of the config. Rejects when one of them ends before all are ready. */
  async start(): Promise<void> {
    const { workers } = this.config;
    this.reporting = setInterval(() => void this.freshReports(), REPORT_EVERY_MS).unref();
    await new Promise<void>((resolve, reject) => {
      this.onChange = (gone) => {
        if (gone !== undefined) reject(new Error(gone));
        else if (this.ready.length === workers) resolve();
      };
      for (let number = 1; number <= workers; number++) this.startWorker(number);
    });
    this.onChange = () => {};
  }

  get clients(): number {
    let clients = this.waiting.length;
    for (const worker of this.workersByNumber.values()) clients += worker.clients;
    return clients;
  }

  get capacity(): Capacity {
    const perWorker = this.perWorker ?? { clients: 0, by: 'open files' };
    // One that is being replaced counts: clients wait for it.
    let clients = perWorker.clients * (this.config.workers - this.workersByNumber.size);
    let { by } = perWorker;
    for (const worker of this.workersByNumber.values()) {
      const capacity = worker.capacity ?? perWorker;
      clients += capacity.clients;
      if (capacity.clients < perWorker.clients) by = capacity.by;
    }
    return { clients, by };
  }

  get hasRoom(): boolean {
    return this.waiting.length < this.mayWait;
  }

  get running(): boolean {
    return this.ready.length > 0;
  }

  accept(client: Socket): void {
    this.waiting.push(detach(client));
    this.handOver();
  }

  serverGone(): void {
    this.tellAll({ type: 'serverGone' });
  }

  adoptServer(server: ServerFacts): void {
    this.server = server;
    this.tellAll({ type: 'server', server });
  }

  adoptServerTime(epochMs: number): void {
    this.serverClock.adopt(epochMs);
    this.tellAll({ type: 'serverTime', epochMs });
  }

  async reload(config: EffectiveConfig): Promise<number[]> {
    const before = this.config;
    this.config = config;
    this.total.adopt(config.rules);
    const workers = [...this.workersByNumber.values()];
    const late = await Promise.all(workers.map((worker) => worker.reload(config, RELOAD_LIMIT_MS)));
    // What they had discovered before is in the total by now.
    if (!sameGlobs(before, config)) this.total.forgetPatterns();
    return workers.filter((_, i) => late[i]).map(({ number }) => number);
  }

  async covered(): Promise<Covered> {
    await Promise.all(this.ready.map((worker) => worker.askGrowth(GROWTH_LIMIT_MS)));
    return coveredBy(this.gate);
  }

  pressureChanged(state: PressureState): void {
    this.pressure = state;
    for (const worker of this.ready) this.tellPressure(worker, state);
  }

  async stats(): Promise<TrafficStats> {
    await this.freshReports();
    return this.total;
  }

  async snapshot(): Promise<DataPlaneSnapshot> {
    await this.freshReports();
    const workers = [...this.workersByNumber.values()].map(({ snapshot }) => snapshot);
    return { ...addSnapshots([this.lostSnapshot, ...workers]), clients: this.clients };
  }

  async topClients(): Promise<ClientTraffic[]> {
    await this.freshReports();
    const all = this.ready.flatMap(({ topClients }) => topClients);
    return all.sort((a, b) => b.bytes - a.bytes).slice(0, TOP_CLIENTS);
  }

  async workers(): Promise<WorkersSnapshot> {
    await this.freshReports();
    const { ready, restarts } = this;
    const workers = ready.map((worker) => worker.describe()).sort((a, b) => a.worker - b.worker);
    const ownLines = this.lostLines + (this.logOutput?.lost ?? 0);
    return {
      configured: this.config.workers,
      running: ready.length,
      restarts,
      silent: this.silent,
      logLinesLost: workers.reduce((sum, { logLinesLost }) => sum + logLinesLost, ownLines),
      workers,
    };
  }

  async close(graceMs: number): Promise<number> {
    this.closing = true;
    clearInterval(this.reporting);
    clearTimeout(this.retry);
    for (const timer of this.delayed) clearTimeout(timer);
    for (const client of this.waiting.splice(0)) client.destroy();
    for (const worker of this.workersByNumber.values()) {
      if (worker.isReady) worker.post({ type: 'drain', graceMs });
      else worker.kill();
    }
    if (this.workersByNumber.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          for (const worker of this.workersByNumber.values()) worker.kill();
        }, graceMs + DRAIN_MARGIN_MS);
        this.onChange = () => {
          if (this.workersByNumber.size > 0) return;
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.ended;
  }

  private get ready(): WorkerProcess[] {
    return [...this.workersByNumber.values()].filter(({ isReady }) => isReady);
  }

  private startWorker(number: number): void {
    const { config, server } = this;
    const start = { workers: config.workers, config, server };
    this.workersByNumber.set(number, new WorkerProcess(number, start, this.workerEvents));
  }

  private welcome(worker: WorkerProcess): void {
    this.perWorker = worker.atMost;
    // It may have been started before the last reload.
    void worker.reload(this.config, RELOAD_LIMIT_MS);
    if (this.pressure !== undefined) this.tellPressure(worker, this.pressure);
    if (this.server !== undefined) worker.post({ type: 'server', server: this.server });
    if (this.serverClock.known) worker.post({ type: 'serverTime', epochMs: this.serverClock.now() });
    if (this.restarts > 0) this.log.info({ worker: worker.number }, 'the new worker serves clients');
    this.onChange();
    this.handOver();
  }

  private lost(worker: WorkerProcess, how: string): void {
    const { number, snapshot, ended, clients, startedAt } = worker;
    this.workersByNumber.delete(number);
    this.growth.lose(worker);
    this.lostLines += worker.describe().logLinesLost;
    if (snapshot !== undefined) this.lostSnapshot = addSnapshots([this.lostSnapshot, countersOnly(snapshot)]);
    this.ended += this.closing ? ended : 0;
    if (!this.closing) {
      this.log.error(
        { worker: number, how, clients },
        'a worker ended: its clients have lost their connections, and a new worker starts',
      );
      this.restarts++;
      this.replace(number, performance.now() - startedAt);
    }
    this.onChange(`worker ${number} ended while it started: ${how}`);
  }

  private replace(number: number, livedMs: number): void {
    if (livedMs >= STABLE_MS) {
      this.quickEnds.reset();
      this.startWorker(number);
      return;
    }
    const timer = setTimeout(() => {
      this.delayed.delete(timer);
      this.startWorker(number);
    }, this.quickEnds.next());
    this.delayed.add(timer);
  }

  /**
   * Of those that can take a client at once, who has fewest gets it. For one that has much fewer it is waited a little,
   * since clients tend to stay.
   */
  private handOver(): void {
    clearTimeout(this.retry);
    while (this.waiting.length > 0) {
      const now = performance.now();
      let fewest = Number.POSITIVE_INFINITY;
      let taker: WorkerProcess | undefined;
      for (const worker of this.workersByNumber.values()) {
        const { clients } = worker;
        if (!worker.isLate(now)) fewest = Math.min(fewest, clients);
        if (worker.canTake && (taker === undefined || clients < taker.clients)) taker = worker;
      }
      if (taker === undefined || taker.clients - fewest >= UNEVEN_CLIENTS) {
        this.retry = setTimeout(() => this.handOver(), LATE_MS).unref();
        return;
      }
      taker.hand(this.waiting.shift() as Socket);
    }
  }

  private tellGrowth(): void {
    for (const worker of this.ready) worker.post({ type: 'growth', known: this.growth.known(worker) });
  }

  private tellPressure(worker: WorkerProcess, state: PressureState): void {
    worker.post({ type: 'pressure', state, known: this.growth.known(worker) });
  }

  private tellAll(message: ToWorker): void {
    for (const worker of this.ready) worker.post(message);
  }

  /** Resolves when all workers have reported what they counted before this was called, as far as they answer. */
  private async freshReports(): Promise<void> {
    // A round that is under way may have asked too early.
    if (this.round !== undefined) await this.round;
    this.round ??= this.askReports().finally(() => {
      this.round = undefined;
    });
    await this.round;
  }

  private async askReports(): Promise<void> {
    const { ready } = this;
    await Promise.all(ready.map((worker) => worker.askReport(REPORT_LIMIT_MS)));
    this.silent = ready.filter(({ reportDue }) => reportDue).length;
  }
}
