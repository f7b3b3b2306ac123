// Keeps the readings coming, on a connection of its own: INFO at an interval that shortens as the limit comes
// nearer, at once when much growth was let through, and what the server is (version, COMMAND) on each connect.
// A connection on which a reading does not come in time is given up for a new one: it may have gone silent for good.
// Owns the ioredis client and the timers; never touches the data path but through Pressure and what it learns.
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { factsFromCommandReply } from '../core/commands/overlay.js';
import type { CommandFacts } from '../core/commands/table.js';
import type { ShedGate } from '../core/policy/shed.js';
import { hintFor } from './hints.js';
import type { Covered, Pressure } from './pressure.js';
import {
  BadReading,
  infoFields,
  type KeyspaceReading,
  parseKeyspace,
  parseMemory,
  parseServerTime,
} from './reading.js';

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

export interface ServerFacts {
  /** As in INFO server: redis_version; '' if it does not tell. */
  readonly version: string;
  readonly commands: readonly CommandFacts[];
}

/** Near the first band, and inside one, the interval is divided by these. */
const NEAR = { distance: 0.1, divisor: 5 } as const;
const INSIDE_DIVISOR = 10;
const SHORTEST_INTERVAL_MS = 10;
/** Readings asked for by events stand at least this far apart. */
const SHORTEST_GAP_MS = 5;
const KEYSPACE_INTERVAL_MS = 2000;
const RECONNECT_MS = 250;
/** A connection that cannot be made, or does not answer, in so long is given up. */
const LONGEST_WAIT_MS = 3000;
/** A reading that takes longer is missed: what was let through meanwhile cannot be told from what overwrote. */
const OVERDUE_MS = 1000;
const REFUSED = /NOAUTH|WRONGPASS|NOPERM/;
/** ioredis's own words. */
const TIMED_OUT = 'Command timed out';
const BAD_READING = 'its INFO cannot be used; trying again';
/** A trouble that has ended and comes again is logged so often at most. */
const REPEAT_MS = 60_000;
const NEVER = Number.NEGATIVE_INFINITY;

export class MemoryMonitor {
  polls = 0;
  pollErrors = 0;
  version: string | null = null;
  private readonly redis: Redis;
  private timer: NodeJS.Timeout | undefined;
  private polling = false;
  /** The next reading is due as soon as the gap behind the last one is over. */
  private soon = false;
  private closed = false;
  private polledAt = Number.NEGATIVE_INFINITY;
  private keyspace: KeyspaceReading | undefined;
  private keyspaceAt = Number.NEGATIVE_INFINITY;
  private lastError = '';
  /** What has been logged since the last reading. */
  /** By hint: what was logged of the trouble that there is, and when. As many as there are hints. */
  private readonly reported = new Set<string>();
  private readonly reportedAt = new Map<string, number>();
  private firstPoll: Promise<void> | undefined;
  private pollIntervalMs: number;

  constructor(private readonly options: MonitorOptions) {
    this.pollIntervalMs = options.pollIntervalMs;
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
      this.firstPoll = this.learnServer().then(() => this.poll());
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
    this.schedule();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
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
    return this.connected || REFUSED.test(this.lastError);
  }

  /** Takes a reading now, or as soon as the one under way and the gap behind it are over. */
  pollSoon(): void {
    if (this.soon) return;
    this.soon = true;
    if (!this.polling) this.schedule();
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
    if (pressure.distanceToShedding(now) <= NEAR.distance) this.pollSoon();
  }

  private async poll(): Promise<void> {
    if (this.polling || this.closed) return;
    this.soon = false;
    if (!this.connected) {
      this.missed();
      this.schedule();
      return;
    }
    const { pressure, clock } = this.options;
    this.polling = true;
    this.polledAt = clock();
    const overdue = setTimeout(() => this.sawNothing(), OVERDUE_MS).unref();
    try {
      const covered = await this.options.covered();
      const withKeyspace = this.polledAt - this.keyspaceAt > KEYSPACE_INTERVAL_MS;
      const [memory, keyspace, replication, server] = await Promise.all([
        this.redis.info('memory'),
        withKeyspace ? this.redis.info('keyspace') : undefined,
        withKeyspace ? this.redis.info('replication') : undefined,
        withKeyspace ? this.redis.info('server') : undefined,
      ]);
      this.learnTime(server);
      if (keyspace !== undefined && replication !== undefined) {
        this.keyspace = parseKeyspace(keyspace, replication);
        this.keyspaceAt = this.polledAt;
      }
      const reading = parseMemory(memory);
      this.polls++;
      this.recovered();
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
      this.polling = false;
      this.schedule();
    }
  }

  private schedule(): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    const { pressure, clock } = this.options;
    const delay = this.soon ? this.polledAt + SHORTEST_GAP_MS - clock() : this.interval();
    if (delay <= 0) {
      void this.poll();
      return;
    }
    this.timer = setTimeout(() => {
      pressure.apply(clock());
      void this.poll();
    }, delay).unref();
  }

  private interval(): number {
    const { pressure, clock } = this.options;
    const distance = pressure.distanceToShedding(clock());
    const divisor = distance === 0 ? INSIDE_DIVISOR : distance < NEAR.distance ? NEAR.divisor : 1;
    return Math.max(SHORTEST_INTERVAL_MS, this.pollIntervalMs / divisor);
  }

  private async learnServer(): Promise<void> {
    try {
      const server = await this.redis.info('server');
      const version = infoFields(server).get('redis_version') ?? '';
      if (parseServerTime(server) === undefined) await this.askTime();
      this.version = version;
      const commands = await this.redis.call('COMMAND').catch((error: Error) => {
        this.options.log.warn(
          { err: error.message },
          'cannot read COMMAND: using the built-in command table',
        );
        return [];
      });
      this.options.onServer({ version, commands: factsFromCommandReply(commands) });
    } catch (error) {
      this.report(error as Error);
    }
  }

  /** Of a server whose INFO does not tell; once a connection, for where it is not allowed each try is an entry in ACL LOG. */
  private async askTime(): Promise<void> {
    const [seconds, microseconds] = await this.redis.time().catch(() => []);
    const epochMs = Number(seconds) * 1000 + Number(microseconds) / 1000;
    if (epochMs > 0) this.options.onServerTime(epochMs);
  }

  /** The same trouble is logged once, not at every try, and one that comes and goes not at every turn. */
  private report(error: Error): void {
    if (this.closed) return;
    this.lastError = error.message;
    const hint = error instanceof BadReading ? BAD_READING : hintFor(error);
    const now = this.options.clock();
    const isKnown = this.reported.has(hint) || now - (this.reportedAt.get(hint) ?? NEVER) < REPEAT_MS;
    if (isKnown) return;
    this.reported.add(hint);
    this.reportedAt.set(hint, now);
    this.options.log.error({ err: error.message }, `memory monitor: no reading from the upstream: ${hint}`);
  }

  private recovered(): void {
    if (this.lastError === '') return;
    this.lastError = '';
    if (this.reported.size === 0) return;
    this.reported.clear();
    this.options.log.info('memory monitor: reading the upstream again');
  }
}
