// The worker processes that serve the clients together: hands clients to them, sends the memory state to all, and to each the
// growth of the others. worker-set.ts starts and replaces them, reports.ts adds up their reports, total-growth.ts their growth.
// The clients' bytes never pass through here. It is long because each order to the workers is here.
//
// Handing clients over one by one limits new connections to some 7,900 a second with two workers (node:cluster's round
// robin: 8,000; measured with `redis-benchmark -k 0` on two cores). Workers that accept from one listening socket reach
// 13,500, but one of them takes nearly all of 50 lasting connections. A socket each (SO_REUSEPORT) reaches 14,000 evenly,
// but Node has that only from 23.1 on, and maxClients could not be enforced.
import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { EffectiveConfig } from '../../config/effective.js';
import { Quotas } from '../../core/policy/quota.js';
import { Priority } from '../../core/policy/rule.js';
import { flags, ShedGate } from '../../core/policy/shed.js';
import { tellGone } from '../../evict/tell-gone.js';
import { WorkerHands } from '../../evict/worker-hands.js';
import { type Covered, coveredBy, type PressureState } from '../../memory/pressure-state.js';
import { ServerClock } from '../../memory/server-clock.js';
import type { ServerFacts } from '../../memory/server-facts.js';
import type { WorkersSnapshot } from '../../observe/snapshots/workers.js';
import type { TrafficStats } from '../../observe/stats/counters.js';
import type { WrittenPick } from '../../observe/stats/written-picks.js';
import type { ClientTraffic } from '../../wire/client/link-options.js';
import { detach } from '../../wire/node/handover.js';
import type { ServerAddress } from '../../wire/upstream/server-address.js';
import { type Capacity, handoverRoom, keptConnections, readRoom } from '../capacity.js';
import type { DataPlaneSnapshot } from '../data-plane.js';
import type { LogLosses } from '../log/log-output.js';
import { REFILL_INTERVAL_MS, type Service, type ServiceEvents } from '../service.js';
import { endpointOf, type UpstreamNews, upstreamNewsClock } from '../upstream.js';
import { HandoverQueue } from './handover-queue.js';
import type { ToWorker } from './messages.js';
import { Reports } from './reports.js';
import { TotalGrowth } from './total-growth.js';
import { TotalQuotas } from './total-quotas.js';
import { type WorkerEvents, WorkerProcess } from './worker-process.js';
import { WorkerSet } from './worker-set.js';

/** How long a memory reading waits for the workers' figures. Older figures err on the safe side. */
const GROWTH_LIMIT_MS = 100;
/** A reload's answer names the workers that take longer than this. */
const RELOAD_LIMIT_MS = 2000;
/** A worker that has not confirmed a pause within this time is late: nobody waits for it, and the message is sent again. */
const PAUSE_LIMIT_MS = 1000;

export class WorkerPool implements Service {
  readonly gate = new ShedGate();
  readonly quotas = new Quotas();
  readonly hands: WorkerHands;
  private readonly growth = new TotalGrowth(this.gate);
  private readonly takes = new TotalQuotas(this.quotas);
  private refilling: NodeJS.Timeout | undefined;
  private readonly serverClock = new ServerClock(() => performance.now(), Date.now);
  private readonly set: WorkerSet;
  /** A worker's capacity, as the last one that started reported. */
  private perWorker: Capacity | undefined;
  private readonly handover: HandoverQueue;
  private readonly reports: Reports;
  private server: ServerFacts | undefined;
  private news: UpstreamNews | undefined;
  private pressure: PressureState | undefined;
  private steady: readonly number[] = [];

  constructor(
    private config: EffectiveConfig,
    events: ServiceEvents,
    private readonly upstream: ServerAddress,
    logOutput: LogLosses | undefined,
  ) {
    this.quotas.adopt(config.rules);
    const room = readRoom();
    const mayWait = handoverRoom(room, keptConnections(config, room) + config.workers);
    this.handover = new HandoverQueue(() => this.set.values(), mayWait);
    this.reports = new Reports(config, () => this.set.all, logOutput);
    this.hands = new WorkerHands({
      endpoint: endpointOf(config, upstream),
      onEvicted: (slot, keys, bytes, livedMs) => this.reports.evicted(slot, keys, bytes, livedMs),
      onGone: tellGone(this.quotas),
      priorityOf: (slot) => this.config.rules.find((rule) => rule.slot === slot)?.priority ?? Priority.NORMAL,
      clock: () => performance.now(),
    });
    const workerEvents: WorkerEvents = {
      ...events,
      ready: (worker) => this.welcome(worker),
      clientsChanged: () => this.handover.next(),
      grown: (worker, growth, unasked) => {
        this.growth.hear(worker, growth);
        if (unasked) this.tellGrowth();
      },
      took: (worker, report) => this.takes.hear(worker, report),
      evicts: (worker, answer) => this.hands.hear(worker, answer),
      reported: (report) => this.reports.take(report),
      gone: (worker, how) => this.lost(worker, how),
    };
    this.set = new WorkerSet((number) => this.startWorker(number, workerEvents), events);
  }

  /** Starts all workers of the config. Rejects when one of them ends before all are ready. */
  async start(): Promise<void> {
    const { workers } = this.config;
    this.reports.start();
    this.refilling = setInterval(() => this.quotas.refill(performance.now()), REFILL_INTERVAL_MS).unref();
    await this.set.start(workers);
  }

  /** Only the workers know. */
  knows(): boolean {
    return false;
  }

  evicted(slot: number, keys: number, bytes: number, livedMs: number): void {
    this.reports.evicted(slot, keys, bytes, livedMs);
  }

  get clients(): number {
    let clients = this.handover.length;
    for (const worker of this.set.values()) clients += worker.clients;
    return clients;
  }

  get capacity(): Capacity {
    const perWorker = this.perWorker ?? { clients: 0, by: 'open files' };
    // A worker that is being replaced counts: clients wait for it.
    let clients = perWorker.clients * (this.config.workers - this.set.size);
    let { by } = perWorker;
    for (const worker of this.set.values()) {
      const capacity = worker.capacity ?? perWorker;
      clients += capacity.clients;
      if (capacity.clients < perWorker.clients) by = capacity.by;
    }
    return { clients, by };
  }

  get hasRoom(): boolean {
    return this.handover.hasRoom;
  }

  get running(): boolean {
    return this.set.ready.length > 0;
  }

  accept(client: Socket): void {
    this.handover.add(detach(client));
  }

  serverGone(): void {
    this.tellAll({ type: 'serverGone' });
  }

  async pause(lateMs = 0): Promise<boolean> {
    const workers = this.set.all;
    const told = this.tellUpstream('paused', this.news?.address, lateMs);
    const { news } = this;
    await told;
    if (news === undefined) return true;
    const settled = await Promise.all(workers.map((worker) => worker.settled(news, PAUSE_LIMIT_MS)));
    return settled.every(Boolean);
  }

  moved(address: { readonly host: string; readonly port: number }): void {
    if (this.upstream.following === undefined) return;
    this.upstream.moved(address);
    void this.tellUpstream(this.news?.state ?? 'here', address);
  }

  resume(): void {
    void this.tellUpstream('here');
  }

  gone(): void {
    void this.tellUpstream('gone');
  }

  get waiting(): number {
    let { length: waiting } = this.handover;
    for (const worker of this.set.values()) waiting += worker.heldUp;
    return waiting;
  }

  private async tellUpstream(
    state: UpstreamNews['state'],
    address = this.news?.address,
    lateMs = 0,
  ): Promise<void> {
    if (this.upstream.following === undefined) return;
    const news = { epoch: (this.news?.epoch ?? 0) + 1, state, address, at: upstreamNewsClock() - lateMs };
    this.news = news;
    const { pressure } = this;
    const goesOn = state === 'here' && pressure !== undefined;
    const tells = this.set.all.map((worker) => {
      const now = goesOn ? { state: pressure, known: this.growth.known(worker) } : undefined;
      return worker.tellUpstream(news, PAUSE_LIMIT_MS, now);
    });
    await Promise.all(tells);
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
    this.reports.adopt(config);
    this.quotas.adopt(config.rules);
    void this.upstream.tls?.renewal.reload();
    const workers = this.set.all;
    const late = await Promise.all(workers.map((worker) => worker.reload(config, RELOAD_LIMIT_MS)));
    this.reports.adopted(before, config);
    return workers.filter((_, i) => late[i]).map(({ number }) => number);
  }

  async covered(): Promise<Covered> {
    await Promise.all(this.set.ready.map((worker) => worker.askGrowth(GROWTH_LIMIT_MS)));
    return coveredBy(this.gate);
  }

  pressureChanged(state: PressureState): void {
    this.pressure = state;
    for (const worker of this.set.ready) this.tellPressure(worker, state);
  }

  steadyChanged(slots: readonly number[]): void {
    if (isDeepStrictEqual(slots, this.steady)) return;
    this.steady = slots;
    this.gate.steady = flags(slots);
    this.tellAll({ type: 'steady', slots });
  }

  takePicks(): readonly WrittenPick[] {
    return this.reports.takePicks();
  }

  stats(): Promise<TrafficStats> {
    return this.reports.stats();
  }

  async snapshot(): Promise<DataPlaneSnapshot> {
    return { ...(await this.reports.snapshot()), clients: this.clients };
  }

  topClients(): Promise<ClientTraffic[]> {
    return this.reports.topClients();
  }

  async workers(): Promise<WorkersSnapshot> {
    const workers = await this.reports.workers();
    return { configured: this.config.workers, restarts: this.set.restarts, ...workers };
  }

  async close(graceMs: number): Promise<number> {
    this.reports.stop();
    this.handover.close();
    // Transactions go on to their EXEC, and need room and quotas until then.
    const ended = await this.set.close(graceMs);
    this.hands.close();
    clearInterval(this.refilling);
    return ended;
  }

  private startWorker(number: number, events: WorkerEvents): WorkerProcess {
    const { config, server, news } = this;
    return new WorkerProcess(number, { workers: config.workers, config, server, upstream: news }, events);
  }

  private welcome(worker: WorkerProcess): void {
    this.perWorker = worker.atMost;
    this.takes.welcome(worker);
    this.hands.welcome(worker, (ask) => worker.post({ type: 'evict', ask }));
    if (this.news !== undefined) void worker.tellUpstream(this.news, PAUSE_LIMIT_MS);
    // Its config may be from before the last reload.
    void worker.reload(this.config, RELOAD_LIMIT_MS);
    if (this.pressure !== undefined) this.tellPressure(worker, this.pressure);
    worker.post({ type: 'steady', slots: this.steady });
    if (this.server !== undefined) worker.post({ type: 'server', server: this.server });
    if (this.serverClock.known) worker.post({ type: 'serverTime', epochMs: this.serverClock.now() });
    this.set.welcomed(worker);
    this.handover.next();
  }

  private lost(worker: WorkerProcess, how: string): void {
    this.growth.lose(worker);
    this.takes.lose(worker);
    this.hands.lose(worker);
    this.reports.lose(worker);
    this.set.lost(worker, how);
  }

  private tellGrowth(): void {
    for (const worker of this.set.ready) worker.post({ type: 'growth', known: this.growth.known(worker) });
  }

  private tellPressure(worker: WorkerProcess, state: PressureState): void {
    worker.post({ type: 'pressure', state, known: this.growth.known(worker) });
  }

  private tellAll(message: ToWorker): void {
    for (const worker of this.set.ready) worker.post(message);
  }
}
