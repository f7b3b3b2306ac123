// What a worker process does: serves the clients that the primary hands to it, under the pressure that the primary sends, and
// reports. Owns its data plane. It listens nowhere and reads no config file; only the primary starts, drains and ends it.
//
//   primary ── clients, pressure, config, questions ──▶ hear()        tell() ── growth, quotas, reports, answers ──▶ primary
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { EffectiveConfig } from '../../config/effective.js';
import { flags } from '../../core/policy/shed.js';
import { RingShare } from '../../evict/ring-share.js';
import { Pressure } from '../../memory/pressure.js';
import type { PressureState } from '../../memory/pressure-state.js';
import type { ServerAddress } from '../../wire/upstream/server-address.js';
import { capacityOf, connectionsOf, readRoom } from '../capacity.js';
import { consoleAnswers } from '../console-answers.js';
import { DataPlane } from '../data-plane.js';
import type { LogLosses } from '../log/log-output.js';
import { ownUsage } from '../own-usage.js';
import { compileRules } from '../rules.js';
import { REFILL_INTERVAL_MS, TOP_CLIENTS } from '../service.js';
import { type UpstreamNews, upstreamOf } from '../upstream.js';
import { ConsoleLine } from './console-line.js';
import type { FromWorker, GrowthKnown, Report, ToWorker } from './messages.js';
import { SharedGrowth } from './shared-growth.js';
import { SharedQuotas } from './shared-quotas.js';

/** How often the age of the last reading is checked. */
const LOOK_AT_AGE_MS = 50;

const clock = (): number => performance.now();

export class Worker {
  private readonly upstream: ServerAddress;
  private readonly plane: DataPlane;
  private readonly pressure: Pressure;
  private readonly growth: SharedGrowth;
  private readonly quotas: SharedQuotas;
  private readonly ring: RingShare;
  private readonly line: ConsoleLine;
  private taken = 0;
  private closed = 0;
  /** The primary's last question about growth. */
  private question = 0;
  private config: EffectiveConfig;
  private reloading: Promise<void> = Promise.resolve();
  /** Of the last news of where the server is. */
  private epoch = 0;

  constructor(
    { workers, config, server, upstream: news }: Extract<ToWorker, { type: 'start' }>,
    private readonly log: Logger,
    private readonly output: LogLosses,
    private readonly tell: (message: FromWorker) => void,
  ) {
    this.config = config;
    this.line = new ConsoleLine((question, asked) => tell({ type: 'asked', question, asked }));
    const room = readRoom();
    this.upstream = upstreamOf(config, log);
    this.plane = this.makePlane(connectionsOf(room, 0));
    const { gate, stats, quotas } = this.plane;
    this.pressure = new Pressure(config.memory, gate, () => {});
    this.growth = new SharedGrowth(gate, workers);
    this.quotas = new SharedQuotas(quotas, workers);
    this.ring = new RingShare(
      () => this.plane.evictable,
      (slot, bytes) => stats.onWouldEvict(slot, bytes),
      clock,
    );
    this.watch();
    if (server !== undefined) this.plane.adoptServer(server);
    if (news !== undefined) this.follow(news);
    // The admin server is the primary's.
    tell({ type: 'ready', snapshot: this.plane.snapshot(), capacity: capacityOf(config, room, 0) });
  }

  /** `socket`: of a message that hands over a client; undefined: the client went on the way. */
  hear(message: ToWorker, socket: Socket | undefined): void {
    const { plane } = this;
    switch (message.type) {
      case 'upstream':
        if (message.pressure !== undefined) this.adoptPressure(message.pressure);
        this.follow(message.news);
        break;
      case 'client':
        this.accept(socket);
        break;
      case 'handed':
        this.missed(message.clients - this.taken);
        break;
      case 'pressure':
        this.adoptPressure(message);
        break;
      case 'growth':
        this.growth.hear(message.known);
        this.look();
        break;
      case 'reload':
        this.reloading = this.reloading.then(() => this.reload(message.config));
        break;
      case 'server':
        plane.adoptServer(message.server);
        break;
      case 'serverTime':
        plane.serverClock.adopt(message.epochMs);
        break;
      case 'serverGone':
        plane.clients.serverGone();
        break;
      case 'steady':
        plane.gate.steady = flags(message.slots);
        break;
      case 'askGrowth':
        this.question = message.question;
        plane.gate.readingAsked(clock());
        this.tellGrowth();
        break;
      case 'answer':
        this.line.hear(message.question, message.replies);
        break;
      case 'quotas':
        this.quotas.hear(message.news);
        break;
      case 'evict':
        this.tell({ type: 'evict', answer: this.ring.answer(message.ask) });
        break;
      case 'askReport':
        this.tell({ type: 'report', report: this.report() });
        break;
      case 'drain':
        void this.drain(message.graceMs);
        break;
    }
  }

  /** Serves nobody from now on. */
  stopServing(): void {
    void this.plane.close(0);
  }

  private makePlane(connections: number): DataPlane {
    const { config, log, upstream, tell } = this;
    return new DataPlane(
      config,
      log,
      upstream,
      {
        asked: consoleAnswers((questions) => this.line.ask(questions), 0),
        upstreamFailed: ({ message, code }: NodeJS.ErrnoException) =>
          tell({ type: 'upstreamFailed', message, code }),
        upstreamReadonly: () => tell({ type: 'upstreamReadonly' }),
        clientClosed: () => {
          this.closed++;
          this.clientsChanged();
        },
      },
      connections,
    );
  }

  /** From now on the gate, the clock and the statistics have it look at pressure, and tell the primary. */
  private watch(): void {
    const { gate, stats } = this.plane;
    gate.onGrowth = () => this.look();
    gate.onRelief = (answered) => {
      if (answered) this.growth.ease();
      this.tellGrowth();
      this.look();
    };
    setInterval(() => this.look(), LOOK_AT_AGE_MS).unref();
    setInterval(() => {
      const report = this.quotas.tell();
      if (report !== undefined) this.tell({ type: 'quotas', report });
    }, REFILL_INTERVAL_MS).unref();
    stats.upstreamOomSeen = () => {
      this.pressure.upstreamOom(clock());
      this.tellWhenDue();
      this.tell({ type: 'upstreamOom' });
    };
  }

  private accept(socket: Socket | undefined): void {
    this.taken++;
    if (socket === undefined) this.closed++;
    else this.plane.clients.accept(socket);
    this.clientsChanged();
  }

  /** Node gives up a socket that comes to a process without a free descriptor, and sends what was behind it. */
  private missed(clients: number): void {
    // More may have come since it was sent.
    if (clients <= 0) return;
    this.taken += clients;
    this.closed += clients;
    this.log.error({ clients }, 'could not take over a client: the process may not open more files');
    this.clientsChanged();
  }

  private clientsChanged(): void {
    const { taken, closed } = this;
    this.tell({ type: 'clients', taken, closed, most: this.plane.clients.most });
  }

  private look(): void {
    this.pressure.apply(clock());
    this.tellWhenDue();
  }

  private tellWhenDue(): void {
    if (this.growth.isDue()) this.tellGrowth();
  }

  private tellGrowth(): void {
    this.tell({ type: 'growth', growth: this.growth.tell(), question: this.question });
  }

  private adoptPressure({ state, known }: { state: PressureState; known: GrowthKnown }): void {
    this.growth.hear(known);
    this.pressure.adopt(state, clock());
    this.plane.clients.serverAnswered(state.readingAgeMs);
    this.tellWhenDue();
  }

  private follow(news: UpstreamNews): void {
    const { plane } = this;
    const { waiting } = plane.clients;
    if (news.epoch > this.epoch) {
      this.epoch = news.epoch;
      plane.follow(news);
      if (news.state === 'paused')
        void plane.clients.settled().then(() => this.tell({ type: 'upstreamSettled', epoch: news.epoch }));
    }
    this.tell({ type: 'upstreamHeard', epoch: this.epoch, waiting });
  }

  private async reload(next: EffectiveConfig): Promise<void> {
    await compileRules(next, this.config);
    this.config = next;
    this.log.level = next.log.level;
    const renewed = this.plane.reload(next);
    this.quotas.watch();
    this.pressure.reconfigure(next.memory, clock());
    this.tellWhenDue();
    await renewed;
    this.tell({ type: 'reloaded' });
  }

  private report(): Report {
    const { stats, clients } = this.plane;
    return {
      stats: stats.take(),
      snapshot: this.plane.snapshot(),
      usage: ownUsage(this.output),
      topClients: clients.top(TOP_CLIENTS),
    };
  }

  private async drain(graceMs: number): Promise<void> {
    const ended = await this.plane.close(graceMs);
    this.upstream.tls?.renewal.close();
    this.tell({ type: 'drained', ended, report: this.report() });
  }
}
