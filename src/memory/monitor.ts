// Keeps the readings coming, on a connection of its own: INFO as often as pacing.ts says, and on each connect what the
// server is (server-facts.ts).
// A connection on which a reading does not come in time is given up for a new one: it may have gone silent for good.
// Owns the ioredis client; never touches the data path but through Pressure and what it learns.
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { ShedGate } from '../core/policy/shed.js';
import { intervalAt, isNear, Pacing } from './pacing.js';
import type { Pressure } from './pressure.js';
import type { Covered } from './pressure-state.js';
import { type KeyspaceReading, parseKeyspace, parseMemory, parseServerTime } from './reading.js';
import { askServer, type ServerFacts } from './server-facts.js';
import { TroubleLog } from './trouble-log.js';

export interface MonitorOptions {
  readonly upstream: {
    readonly host: string;
    readonly port: number;
    /** Of a unix socket: then host and port mean nothing. */
    readonly path?: string | undefined;
    readonly username?: string | undefined;
    readonly password?: string | undefined;
    readonly connectTimeoutMs: number;
  };
  /** For tls.connect(), asked before each connection; undefined: no TLS. */
  readonly tls: (() => ConnectionOptions) | undefined;
  readonly pollIntervalMs: number;
  readonly pressure: Pressure;
  readonly gate: ShedGate;
  /** What a reading that is asked for next contains for certain. */
  readonly covered: () => Covered | Promise<Covered>;
  /** Called when `pressure` has taken a reading, or could not have the one that was due. */
  readonly onReading: () => void;
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** Called now and then with what the server's clock says, milliseconds since the epoch. */
  readonly onServerTime: (epochMs: number) => void;
  /** Called on each connect with what the server says of itself. */
  readonly onServer: (server: ServerFacts) => void;
  /** Called when its connection has ended or could not be made, again for each attempt in vain. */
  readonly onLost: () => void;
}

const KEYSPACE_INTERVAL_MS = 2000;
const RECONNECT_MS = 250;
/** A connection that cannot be made, or does not answer, in so long is given up. */
const LONGEST_WAIT_MS = 3000;
/** A reading that takes longer is missed: what was let through meanwhile cannot be told from what overwrote. */
const OVERDUE_MS = 1000;
const REFUSED = /NOAUTH|WRONGPASS|NOPERM/;
/** ioredis's own words. */
const TIMED_OUT = 'Command timed out';
export class MemoryMonitor {
  polls = 0;
  pollErrors = 0;
  version: string | null = null;
  private readonly redis: Redis;
  private readonly troubles: TroubleLog;
  private readonly pacing: Pacing;
  private closed = false;
  private keyspace: KeyspaceReading | undefined;
  private keyspaceAt = Number.NEGATIVE_INFINITY;
  private firstPoll: Promise<void> | undefined;
  private pollIntervalMs: number;

  constructor(private readonly options: MonitorOptions) {
    this.pollIntervalMs = options.pollIntervalMs;
    const { pressure, clock, log } = options;
    this.troubles = new TroubleLog(log, clock);
    this.pacing = new Pacing(
      () => this.poll(),
      () => pressure.apply(clock()),
      () => intervalAt(pressure.distanceToShedding(clock()), this.pollIntervalMs),
      clock,
    );
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
      // What does not answer says no goodbye either.
      disconnectTimeout: RECONNECT_MS,
      connectionName: 'spillway-monitor',
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => {
        if (tls) this.redis.options.tls = tls();
        return RECONNECT_MS;
      },
      // ioredis would wait for as long as a loading server says that it still needs, up to 10 s.
      maxLoadingRetryTime: RECONNECT_MS,
    });
    this.redis.on('error', (error: Error) => this.report(error));
    this.redis.on('close', () => {
      if (!this.closed) options.onLost();
    });
    this.redis.on('ready', () => {
      this.firstPoll = this.learnServer().then(() => this.pacing.now());
    });
    options.gate.onGrowth = () => this.grown();
    options.gate.onRelief = (answered) => {
      this.options.pressure.apply(this.options.clock());
      if (answered) this.pollSoon();
    };
  }

  /** Connects and takes the first reading; resolves once it is there, could not be had, or is long in coming. */
  async start(): Promise<void> {
    const { connectTimeoutMs } = this.options.upstream;
    // Why it failed comes by 'error'; the rejection only says that it did.
    const connected = this.redis.connect().catch(() => {});
    // A server that loads its data is not ready for as long as that takes, and clients are to be told so by it.
    await Promise.race([
      connected.then(() => this.firstPoll),
      delay(connectTimeoutMs, undefined, { ref: false }),
    ]);
    this.pacing.schedule();
  }

  close(): void {
    this.closed = true;
    this.pacing.close();
    this.options.gate.onGrowth = () => {};
    this.options.gate.onRelief = () => {};
    this.redis.disconnect();
  }

  /** Its connection to the upstream stands. */
  get connected(): boolean {
    return this.redis.status === 'ready';
  }

  /** The upstream answers, if only to refuse the monitor for its credentials. */
  get reachable(): boolean {
    return this.connected || REFUSED.test(this.troubles.lastError);
  }

  /** Takes a reading now, or as soon as the one under way and the gap behind it are over. */
  pollSoon(): void {
    this.pacing.soon();
  }

  /** What readings are judged by has changed: one is due. */
  reconfigure({ pollIntervalMs }: Pick<MonitorOptions, 'pollIntervalMs'>): void {
    this.pollIntervalMs = pollIntervalMs;
    this.pollSoon();
  }

  private learnTime(server: string | undefined): void {
    const epochMs = server && parseServerTime(server);
    if (epochMs) this.options.onServerTime(epochMs);
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
    if (isNear(pressure.distanceToShedding(now))) this.pollSoon();
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
      const withKeyspace = askedAt - this.keyspaceAt > KEYSPACE_INTERVAL_MS;
      const [memory, keyspace, replication, server] = await Promise.all([
        this.redis.info('memory'),
        withKeyspace ? this.redis.info('keyspace') : undefined,
        withKeyspace ? this.redis.info('replication') : undefined,
        withKeyspace ? this.redis.info('server') : undefined,
      ]);
      this.learnTime(server);
      if (keyspace !== undefined && replication !== undefined) {
        this.keyspace = parseKeyspace(keyspace, replication);
        this.keyspaceAt = askedAt;
      }
      const reading = parseMemory(memory);
      this.polls++;
      this.troubles.recovered();
      pressure.take(reading, this.keyspace, covered, clock());
      this.options.onReading();
      if (reading.freeing && pressure.cause === 'relief') this.pollSoon();
    } catch (error) {
      this.missed();
      this.report(error as Error);
      // Who answers, be it with an error, is not silent.
      if ((error as Error).message === TIMED_OUT) this.redis.disconnect(true);
    } finally {
      clearTimeout(overdue);
    }
  }

  private async learnServer(): Promise<void> {
    const { log, onServer, onServerTime } = this.options;
    try {
      const { version, commands, commandsError, epochMs } = await askServer(this.redis);
      if (commandsError !== undefined) {
        log.warn(
          { err: commandsError.message },
          'cannot run COMMAND, so Spillway uses its built-in command table; give its user the right to COMMAND',
        );
      }
      if (epochMs !== undefined) onServerTime(epochMs);
      this.version = version;
      onServer({ version, commands });
    } catch (error) {
      this.report(error as Error);
    }
  }

  private report(error: Error): void {
    if (!this.closed) this.troubles.report(error);
  }
}
