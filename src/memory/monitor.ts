// Asks the server, on a connection of its own: INFO as often as pacing.ts says, and on each connect what the server is
// (server-facts.ts).
// If a reading does not come in time, the connection may be silent for good: the monitor opens a new one.
// Owns the ioredis client. It touches the data path only through Pressure and the facts that it reports.
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { ShedGate } from '../core/policy/shed.js';
import type { Question } from './budgets.js';
import { evictableOf } from './evictable.js';
import { EvictionRates } from './eviction-rates.js';
import { intervalAt, isNear, Pacing } from './pacing.js';
import type { Pressure } from './pressure.js';
import type { Covered } from './pressure-state.js';
import { ProxyCount } from './proxy-count.js';
import { type KeyspaceReading, parseKeyspace, parseMemory, parseServerTime, parseStats } from './reading.js';
import { KeySampler } from './sampling/key-sampler.js';
import { askServer, type ServerFacts } from './server-facts.js';
import { TroubleLog } from './trouble-log.js';
import type { TtlCost } from './ttl-cost.js';
import { sameKind, UNKNOWN_KIND, type UpstreamKind, upstreamKind } from './upstream-kind.js';

export interface MonitorOptions {
  readonly upstream: {
    readonly host: string;
    readonly port: number;
    /** A unix socket; host and port then mean nothing. */
    readonly path?: string | undefined;
    readonly username?: string | undefined;
    readonly password?: string | undefined;
    readonly connectTimeoutMs: number;
  };
  /** Options of tls.connect(), called before each connection; undefined: no TLS. */
  readonly tls: (() => ConnectionOptions) | undefined;
  readonly pollIntervalMs: number;
  /** How many proxies write to the server; "auto": it counts them. */
  readonly proxies: number | 'auto';
  readonly pressure: Pressure;
  readonly gate: ShedGate;
  /** What the next reading contains for certain. */
  readonly covered: () => Covered | Promise<Covered>;
  /** Called after `pressure` has taken a reading, or a reading has failed. */
  readonly onReading: () => void;
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** Called now and then with the server's clock, milliseconds since the epoch. */
  readonly onServerTime: (epochMs: number) => void;
  /** Called on each connect with the server's facts. */
  readonly onServer: (server: ServerFacts) => void;
  /** Called when the server turns out to be something else than before: a failover makes a replica of it. */
  readonly onKind: (kind: UpstreamKind) => void;
  /** Called when its connection has ended, and for each failed attempt to connect. */
  readonly onLost: () => void;
}

/** INFO replication, server and stats, and keyspace where nothing is evicted. */
const SLOW_FACTS_INTERVAL_MS = 2000;
const RECONNECT_MS = 250;
/** A connection that is not made, or brings no answer, within this time is given up. */
const LONGEST_WAIT_MS = 3000;
/** A reading that takes longer counts as failed: new growth could not be told from overwritten values. */
const OVERDUE_MS = 1000;
const REFUSED = /NOAUTH|WRONGPASS|NOPERM/;
/** ioredis's own words. */
const TIMED_OUT = 'Command timed out';
export class MemoryMonitor {
  polls = 0;
  pollErrors = 0;
  version: string | null = null;
  /** What TTLs take on this server; undefined: it was not asked yet. */
  ttlCost: TtlCost | undefined;
  /** What the server last said that it is. */
  kind = UNKNOWN_KIND;
  /** How fast the server evicts. */
  readonly evictions = new EvictionRates();
  /** Looks at random keys on this connection. */
  readonly sampler: KeySampler;
  private readonly redis: Redis;
  private readonly troubles: TroubleLog;
  private readonly pacing: Pacing;
  private readonly count: ProxyCount;
  private closed = false;
  private keyspace: KeyspaceReading | undefined;
  private replication = '';
  private slowAt = Number.NEGATIVE_INFINITY;
  private firstPoll: Promise<void> | undefined;
  private pollIntervalMs: number;

  constructor(private readonly options: MonitorOptions) {
    this.pollIntervalMs = options.pollIntervalMs;
    const { pressure, clock, log } = options;
    this.troubles = new TroubleLog(log, clock);
    this.pacing = new Pacing(
      () => this.poll(),
      () => pressure.apply(clock()),
      () => intervalAt(pressure.distanceToReading(clock()), this.pollIntervalMs),
      clock,
    );
    this.sampler = new KeySampler({
      ask: (questions) => this.ask(questions),
      keyspace: () => this.keyspace,
      isNear: () => isNear(pressure.distanceToShedding(clock())),
      clock,
      random: Math.random,
      log,
    });
    const { host, port, path, username, password, connectTimeoutMs } = options.upstream;
    const { tls } = options;
    const waitMs = Math.min(connectTimeoutMs, LONGEST_WAIT_MS);
    this.redis = new Redis({
      ...(path === undefined ? { host, port } : { path }),
      ...(tls && { tls: tls() }),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      connectTimeout: waitMs,
      commandTimeout: waitMs,
      // A server that does not answer sends no end either.
      disconnectTimeout: RECONNECT_MS,
      connectionName: 'spillway-monitor',
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => {
        if (tls) this.redis.options.tls = tls();
        return RECONNECT_MS;
      },
      // ioredis would wait as long as a loading server says it needs, up to 10 s.
      maxLoadingRetryTime: RECONNECT_MS,
    });
    this.count = new ProxyCount({
      connect: () => this.another('spillway-proxies'),
      ask: (questions) => this.ask(questions),
      onCount: (proxies) => {
        pressure.proxies = proxies;
      },
      log,
    });
    this.redis.on('error', (error: Error) => this.report(error));
    this.redis.on('close', () => {
      if (!this.closed) options.onLost();
    });
    this.redis.on('ready', () => {
      this.sampler.startOver();
      this.slowAt = Number.NEGATIVE_INFINITY;
      this.firstPoll = this.learnServer().then(() => this.pacing.now());
    });
    options.gate.onGrowth = () => this.grown();
    options.gate.onRelief = (answered) => {
      this.options.pressure.apply(this.options.clock());
      if (answered) this.pollSoon();
    };
  }

  /** How many keys there are, as last read; undefined: not yet. */
  get lastKeyspace(): KeyspaceReading | undefined {
    return this.keyspace;
  }

  /** Connects and takes the first reading. Resolves once it has come, has failed, or takes long. */
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

  /** It is connected to the server. */
  get connected(): boolean {
    return this.redis.status === 'ready';
  }

  /** The server answers, even if only to refuse the monitor's credentials. */
  get reachable(): boolean {
    return this.connected || REFUSED.test(this.troubles.lastError);
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

  /** Asks on its connection, all at once; each is answered by itself. Rejects when the connection is not there. */
  async ask(questions: readonly Question[]): Promise<[Error | null, unknown][]> {
    if (!this.connected) throw new Error('the server is not there');
    const answers = await this.redis.pipeline(questions.map((question) => [...question])).exec();
    return answers ?? [];
  }

  /** A connection like its own, for what cannot be asked on it. */
  private another(connectionName: string): Redis {
    const { tls } = this.options;
    const redis = this.redis.duplicate({
      connectionName,
      ...(tls && { tls: tls() }),
      autoResubscribe: false,
      retryStrategy: () => {
        if (tls) redis.options.tls = tls();
        return RECONNECT_MS;
      },
    });
    return redis;
  }

  private learnSlow([replication, server, stats]: readonly string[], now: number): void {
    const epochMs = parseServerTime(server);
    if (epochMs !== undefined) this.options.onServerTime(epochMs);
    this.replication = replication;
    this.evictions.take(parseStats(stats), now);
    this.slowAt = now;
    const kind = upstreamKind(server, replication);
    if (sameKind(kind, this.kind)) return;
    this.kind = kind;
    this.options.onKind(kind);
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
    const { pressure, clock } = this.options;
    const askedAt = clock();
    const overdue = setTimeout(() => this.sawNothing(), OVERDUE_MS).unref();
    try {
      const covered = await this.options.covered();
      const withSlow = askedAt - this.slowAt > SLOW_FACTS_INTERVAL_MS;
      const [memory, keyspace, ...slow] = await Promise.all([
        this.redis.info('memory'),
        // How many keys can be evicted must be as fresh as the memory that they are taken off.
        withSlow || pressure.evictable.eviction !== 'none' ? this.redis.info('keyspace') : undefined,
        ...(withSlow ? ['replication', 'server', 'stats'].map((section) => this.redis.info(section)) : []),
      ]);
      if (withSlow) this.learnSlow(slow, askedAt);
      if (keyspace !== undefined) this.keyspace = parseKeyspace(keyspace, this.replication);
      const reading = parseMemory(memory);
      this.polls++;
      this.troubles.recovered();
      const now = clock();
      const evictable = evictableOf(reading, this.keyspace, this.sampler.window, now);
      pressure.take(reading, this.keyspace, covered, now, evictable);
      this.options.onReading();
      if (reading.freeing && pressure.cause === 'relief') this.pollSoon();
    } catch (error) {
      this.missed();
      this.report(error as Error);
      // A server that answers with an error is not silent.
      if ((error as Error).message === TIMED_OUT) this.redis.disconnect(true);
    } finally {
      clearTimeout(overdue);
    }
  }

  private async learnServer(): Promise<void> {
    const { log, onServer, onServerTime } = this.options;
    try {
      const { version, commands, ttlCost, commandsError, epochMs } = await askServer(this.redis);
      if (commandsError !== undefined) {
        log.warn(
          { err: commandsError.message },
          'cannot run COMMAND, so Spillway uses its built-in command table; give its user the right to COMMAND',
        );
      }
      if (epochMs !== undefined) onServerTime(epochMs);
      this.version = version;
      this.ttlCost = ttlCost;
      onServer({ version, commands });
    } catch (error) {
      this.report(error as Error);
    }
  }

  private report(error: Error): void {
    if (!this.closed) this.troubles.report(error);
  }
}
