// Asks the server, on a connection of its own: INFO as often as pacing.ts says, and on each connect what the server is
// (server-facts.ts). Pressure takes the readings; known-server.ts keeps everything else that the server says.
// If a reading does not come in time, the connection may be silent for good; if readings have become impossible, it may have
// lost a reply, and then answers each question with the reply to another. The monitor opens a new one.
// Owns the ioredis client. It affects the data path only through Pressure and the facts that it reports.
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { ShedGate } from '../core/policy/shed.js';
import { evictableOf } from './evictable.js';
import { KnownServer, type ServerEvents } from './known-server.js';
import { connectionLike, type MonitoredServer, monitorConnection } from './monitor-connection.js';
import { intervalAt, isNear, Pacing } from './pacing.js';
import type { Pressure } from './pressure.js';
import type { Covered } from './pressure-state.js';
import { ProxyCount } from './proxy-count.js';
import type { Answers, Question } from './question.js';
import { memoryFields, memoryOf } from './reading.js';
import { KeySampler } from './sampling/key-sampler.js';
import { askServer } from './server-facts.js';
import { TroubleLog } from './trouble-log.js';

export interface MonitorOptions extends ServerEvents {
  readonly upstream: MonitoredServer;
  /** Options of tls.connect(), called before each connection; undefined: no TLS. */
  readonly tls: (() => ConnectionOptions) | undefined;
  readonly pollIntervalMs: number;
  /** How many proxies write to the server; "auto": it counts them. */
  readonly proxies: number | 'auto';
  readonly pressure: Pressure;
  readonly gate: ShedGate;
  /** What the next reading certainly contains. */
  readonly covered: () => Covered | Promise<Covered>;
  /** Called after `pressure` has taken a reading, or a reading has failed. */
  readonly onReading: () => void;
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /**
   * Called with each reading with the server's role, "master" or "slave"; undefined: the role is asked now and then, for
   * `onKind`.
   */
  readonly onRole?: ((role: string) => void) | undefined;
  /** Called when its connection has ended, and for each failed attempt to connect. */
  readonly onLost: () => void;
}

/** Asks INFO replication, server and stats; and keyspace if nothing is evicted. */
const SLOW_FACTS_INTERVAL_MS = 2000;
/** A reading that takes longer counts as failed: it could not distinguish new growth from overwritten values. */
const OVERDUE_MS = 1000;
/** A connection that gave readings and then gives only impossible ones for this long is closed. */
const OUT_OF_STEP_MS = 5000;
const REFUSED = /NOAUTH|WRONGPASS|NOPERM/;
/** ioredis's own words. */
const TIMED_OUT = 'Command timed out';
const ROLE = /^role:(\S+)/m;

export class MemoryMonitor {
  polls = 0;
  pollErrors = 0;
  /** What the server has said about itself. */
  readonly server: KnownServer;
  /** Looks at random keys on this connection. */
  readonly sampler: KeySampler;
  private redis: Redis;
  private address: Pick<MonitoredServer, 'host' | 'port' | 'path'>;
  private readonly troubles: TroubleLog;
  private readonly pacing: Pacing;
  private readonly count: ProxyCount;
  private closed = false;
  /** Of the last INFO memory on the present connection. */
  private fields: ReadonlyMap<string, string> | undefined;
  private impossibleSince: number | undefined;
  private slowAt = Number.NEGATIVE_INFINITY;
  private firstPoll: Promise<void> | undefined;
  private pollIntervalMs: number;

  constructor(private readonly options: MonitorOptions) {
    this.pollIntervalMs = options.pollIntervalMs;
    const { pressure, clock, log } = options;
    this.server = new KnownServer(options, log);
    this.troubles = new TroubleLog(log, clock);
    this.pacing = new Pacing(
      () => this.poll(),
      () => pressure.apply(clock()),
      () => intervalAt(pressure.distanceToReading(clock()), this.pollIntervalMs),
      clock,
    );
    this.sampler = new KeySampler({
      ask: (questions) => this.ask(questions),
      keyspace: () => this.server.keyspace,
      isNear: () => isNear(pressure.distanceToShedding(clock())),
      clock,
      random: Math.random,
      log,
    });
    this.address = options.upstream;
    this.redis = this.make();
    this.count = new ProxyCount({
      connect: () => connectionLike(this.redis, 'spillway-proxies', options.tls),
      ask: (questions) => this.ask(questions),
      onCount: (proxies) => {
        pressure.memory.proxies = proxies;
      },
      log,
    });
    options.gate.onGrowth = () => this.grown();
    options.gate.onRelief = (answered) => {
      this.options.pressure.apply(this.options.clock());
      if (answered) this.pollSoon();
    };
  }

  /** Connects and takes the first reading. Resolves when it has come, has failed, or takes long. */
  async start(): Promise<void> {
    const { connectTimeoutMs } = this.options.upstream;
    // The 'error' event gives the reason; the rejection does not.
    const connected = this.redis.connect().catch(() => {});
    // While a server loads its data there is no reading, and clients get its own -LOADING.
    await Promise.race([
      connected.then(() => this.firstPoll),
      delay(connectTimeoutMs, undefined, { ref: false }),
    ]);
    this.pacing.schedule();
    this.sampler.start();
    this.count.adopt(this.options.proxies);
  }

  close(): void {
    this.closed = true;
    this.sampler.close();
    this.count.close();
    this.pacing.close();
    this.options.gate.onGrowth = () => {};
    this.options.gate.onRelief = () => {};
    this.redis.disconnect();
  }

  /** The primary has moved: the monitor asks the new one from now on, also what it is. */
  moved({ host, port }: { readonly host: string; readonly port: number }): void {
    if (this.closed) return;
    const before = this.redis;
    this.address = { host, port, path: undefined };
    this.redis = this.make();
    before.disconnect();
    this.slowAt = Number.NEGATIVE_INFINITY;
    this.count.moved();
    this.redis.connect().catch(() => {});
  }

  /** Whether it is connected to the server. */
  get connected(): boolean {
    return this.redis.status === 'ready';
  }

  /** Whether the server answers, even if only to refuse the monitor's credentials. */
  get reachable(): boolean {
    return this.connected || REFUSED.test(this.troubles.lastError);
  }

  /** Why readings fail, and what to do about it, in words; undefined: they do not, or nothing is known about it. */
  get trouble(): string | undefined {
    return this.troubles.lastHint;
  }

  /** Takes a reading now, or as soon as the current one and the gap after it are over. */
  pollSoon(): void {
    this.pacing.soon();
  }

  /** The settings have changed: a reading is due. */
  reconfigure({ pollIntervalMs, proxies }: Pick<MonitorOptions, 'pollIntervalMs' | 'proxies'>): void {
    this.pollIntervalMs = pollIntervalMs;
    this.count.adopt(proxies);
    this.pollSoon();
  }

  /** Sends questions on its connection, all at once; each is answered separately. Rejects if it is not connected. */
  async ask(questions: readonly Question[]): Promise<Answers> {
    if (!this.connected) throw new Error('the monitor is not connected to the server');
    const answers = await this.redis.pipeline(questions.map((question) => [...question])).exec();
    return answers ?? [];
  }

  /** The facts from its connection, valid until there is another one. */
  private make(): Redis {
    const { options } = this;
    const redis = monitorConnection({ ...options.upstream, ...this.address }, options.tls);
    redis.on('error', (error: Error) => {
      if (redis === this.redis) this.report(error);
    });
    redis.on('close', () => {
      if (!this.closed && redis === this.redis) options.onLost();
    });
    redis.on('ready', () => {
      if (redis !== this.redis) return;
      this.sampler.startOver();
      this.fields = undefined;
      this.impossibleSince = undefined;
      this.slowAt = Number.NEGATIVE_INFINITY;
      this.firstPoll = this.learnServer().then(() => this.pacing.now());
    });
    return redis;
  }

  private missed(): void {
    this.pollErrors++;
    this.sawNothing();
  }

  private sawNothing(): void {
    this.options.pressure.missed(this.options.clock());
    this.options.onReading();
  }

  private grown(): void {
    const { pressure, clock } = this.options;
    const now = clock();
    pressure.apply(now);
    if (isNear(pressure.distanceToReading(now))) this.pollSoon();
  }

  private async poll(): Promise<void> {
    if (!this.connected) {
      this.missed();
      return;
    }
    const { pressure, clock, onRole } = this.options;
    const { redis, server } = this;
    const askedAt = clock();
    const overdue = setTimeout(() => {
      if (redis === this.redis) this.sawNothing();
    }, OVERDUE_MS).unref();
    try {
      const covered = await this.options.covered();
      const withSlow = askedAt - this.slowAt > SLOW_FACTS_INTERVAL_MS;
      const [memory, keyspace, role, ...slow] = await Promise.all([
        redis.info('memory'),
        // The number of evictable keys must be as fresh as the memory from which they are subtracted.
        withSlow || pressure.memory.evictable.eviction !== 'none' ? redis.info('keyspace') : undefined,
        onRole !== undefined ? redis.info('replication') : undefined,
        ...(withSlow ? ['replication', 'server', 'stats'].map((section) => redis.info(section)) : []),
      ]);
      if (redis !== this.redis) return;
      if (role !== undefined) onRole?.(ROLE.exec(role)?.[1] ?? 'unknown');
      if (withSlow) {
        const [replication, about, stats] = slow as [string, string, string];
        server.take(replication, about, stats, askedAt);
        this.slowAt = askedAt;
      }
      if (keyspace !== undefined) server.takeKeyspace(keyspace);
      const fields = memoryFields(memory, this.fields);
      const reading = memoryOf(fields);
      this.fields = fields;
      this.impossibleSince = undefined;
      this.polls++;
      this.troubles.recovered();
      const now = clock();
      const evictable = evictableOf(reading, server.keyspace, this.sampler.window, now);
      pressure.take(reading, server.keyspace, covered, now, evictable);
      this.options.onReading();
      if (reading.freeing && pressure.cause === 'relief') this.pollSoon();
    } catch (error) {
      // The question went to the old address.
      if (redis !== this.redis) return;
      this.missed();
      this.report(error as Error);
      // A server that answers with an error is not silent.
      if ((error as Error).message === TIMED_OUT || this.isOutOfStep(error as Error)) redis.disconnect(true);
    } finally {
      clearTimeout(overdue);
    }
  }

  private async learnServer(): Promise<void> {
    const { redis } = this;
    try {
      const introduction = await askServer(redis);
      if (redis === this.redis) this.server.met(introduction);
    } catch (error) {
      if (redis === this.redis) this.report(error as Error);
    }
  }

  private isOutOfStep(error: Error): boolean {
    if (this.fields === undefined || error.name === 'ReplyError' || !this.connected) return false;
    const now = this.options.clock();
    this.impossibleSince ??= now;
    return now - this.impossibleSince > OUT_OF_STEP_MS;
  }

  private report(error: Error): void {
    if (!this.closed) this.troubles.report(error);
  }
}
