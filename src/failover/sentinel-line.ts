// One Sentinel: its messages on one connection, its answers on another (in RESP2 a subscribed connection accepts no questions).
// Both reconnect for ever. While it hears no messages, it asks much more often, since a failover that is about to happen shows in
// the answers too. Owns the two ioredis clients and a timer.
// Invariants: one question at a time, and one more if it was requested meanwhile; a connection without an answer within
// ANSWER_MS is closed and opened again, since a dead route gives no error: the one for messages only while the other one answers.
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import type { SentinelEvent } from './decisions.js';
import type { NatMap } from './nat-map.js';
import { answerOf, CHANNELS, eventOf } from './sentinel-words.js';
import type { Answer } from './votes.js';
import type { PrimaryAddress } from './whereabouts.js';

const ANSWER_MS = 1000;
const RETRY_MS = 250;
/** Sentinel does one step of a failover each 55 to 100 ms. */
const DEAF_ASK_MS = 50;
/** Each attempt that is refused adds an entry to ACL LOG. */
const SUBSCRIBE_AGAIN_MS = 30_000;

export interface LineOptions {
  readonly sentinel: PrimaryAddress;
  readonly primary: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly tls: ((host: string) => ConnectionOptions) | undefined;
  readonly connectTimeoutMs: number;
  readonly natMap: NatMap;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly onEvent: (event: SentinelEvent) => void;
  readonly onAnswer: (answer: Answer) => void;
  /** The Sentinel does not answer, or does not know the primary. `isDead`: nothing listens at its address. */
  readonly onSilent: (reason: string, isDead: boolean) => void;
  /** The Sentinel refuses to tell of failovers; null: it does tell. */
  readonly onDeaf: (reason: string | null) => void;
}

export class SentinelLine {
  private readonly messages: Redis;
  private readonly answers: Redis;
  private asking = false;
  private again = false;
  private answered = 0;
  private checking = false;
  private lastError = 'no connection yet';
  private closed = false;
  /** It hears the Sentinel's messages. */
  private hears = false;
  /** By its last answer it is failing over. */
  private failing = false;
  private subscribeAgainAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: LineOptions) {
    this.messages = this.connection('spillway-failover-events');
    this.answers = this.connection('spillway-failover');
    this.messages.on('message', (channel: string, message: string) => {
      const event = eventOf(channel, message, options.primary, options.natMap);
      if (event !== undefined) options.onEvent(event);
    });
    this.messages.on('ready', () => void this.subscribe());
    this.messages.on('close', () => {
      this.hears = false;
    });
    this.answers.on('ready', () => {
      this.lastError = 'it ended the connection';
      this.ask();
    });
    this.answers.on('close', () => {
      if (!this.closed) options.onSilent(this.lastError, /ECONNREFUSED/.test(this.lastError));
    });
  }

  start(): void {
    // 'error' gives the reason; the rejection does not.
    for (const redis of [this.messages, this.answers]) redis.connect().catch(() => {});
    this.timer = setInterval(() => {
      if (!this.hears) this.ask();
    }, DEAF_ASK_MS).unref();
  }

  /** Asks now, or as soon as the pending answer has come. */
  ask(): void {
    if (this.asking) this.again = true;
    else if (this.answers.status === 'ready') void this.question();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    this.messages.disconnect();
    this.answers.disconnect();
  }

  private async subscribe(): Promise<void> {
    this.subscribeAgainAt = this.options.clock() + SUBSCRIBE_AGAIN_MS;
    try {
      await this.messages.subscribe(...CHANNELS);
      this.hears = true;
      if (!this.closed) this.options.onDeaf(null);
    } catch (error) {
      this.failed(error as Error);
      if (!this.closed && (error as Error).name === 'ReplyError') this.options.onDeaf(this.lastError);
    }
  }

  private async question(): Promise<void> {
    const { primary, natMap, clock, onAnswer, onEvent, onSilent } = this.options;
    this.asking = true;
    const askedAt = clock();
    try {
      const replies = await this.answers
        .pipeline([
          ['sentinel', 'master', primary],
          ['sentinel', 'get-master-addr-by-name', primary],
        ])
        .exec();
      for (const [error] of replies ?? []) if (error !== null) throw error;
      const answer = answerOf(replies?.[0]?.[1], replies?.[1]?.[1], natMap);
      if (answer === undefined) throw new Error('its answer cannot be read');
      this.answered++;
      this.checkMessages();
      const begun = answer.leaves !== undefined && !this.failing;
      this.failing = answer.leaves !== undefined;
      if (!this.closed) onAnswer({ ...answer, askedAt });
      if (!this.closed && begun && !this.hears) onEvent({ type: 'begun', from: answer.leaves });
    } catch (error) {
      this.failed(error as Error);
      if (!this.closed) onSilent(this.lastError, false);
      if ((error as Error).message === TIMED_OUT) this.answers.disconnect(true);
    } finally {
      this.asking = false;
    }
    if (this.again && !this.closed) {
      this.again = false;
      this.ask();
    }
  }

  /** Closes the connection for messages if it is dead: not if the Sentinel is slow, which would send messages while there is none. */
  private checkMessages(): void {
    const { messages, answered } = this;
    if (messages.status !== 'ready') return;
    if (!this.hears && this.options.clock() >= this.subscribeAgainAt) void this.subscribe();
    if (this.checking) return;
    this.checking = true;
    messages
      .ping()
      .catch(() => {
        if (messages.status === 'ready' && this.answered > answered) messages.disconnect(true);
      })
      .finally(() => {
        this.checking = false;
      });
  }

  private connection(connectionName: string): Redis {
    const { sentinel, user, password, tls, connectTimeoutMs } = this.options;
    const { host, port } = sentinel;
    const redis = new Redis({
      ...{ host, port, connectionName, protocol: 2, lazyConnect: true },
      ...(tls && { tls: tls(host) }),
      ...(user === undefined ? {} : { username: user }),
      ...(password === undefined ? {} : { password }),
      connectTimeout: Math.min(connectTimeoutMs, 3 * ANSWER_MS),
      commandTimeout: ANSWER_MS,
      disconnectTimeout: RETRY_MS,
      // INFO needs a right that SENTINEL does not, and shows nothing here.
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => {
        if (tls) redis.options.tls = tls(host);
        return RETRY_MS;
      },
    });
    redis.on('error', (error: Error) => this.failed(error));
    return redis;
  }

  private failed(error: Error): void {
    this.lastError = wordsOf(error, this.options.primary);
  }
}

/** ioredis's own words. */
const TIMED_OUT = 'Command timed out';

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'nothing listens there; check the address in upstream.url'],
  [/ENOTFOUND|EAI_AGAIN/, 'this host name has no address; check its spelling in upstream.url'],
  [/timed out|ETIMEDOUT/i, 'check the address, and firewalls in between'],
  [
    /NOAUTH|WRONGPASS|without any password/i,
    "set the Sentinels' password in SPILLWAY_SENTINEL_PASSWORD, and their user in upstream.failover.user",
  ],
  [/NOPERM/, 'ACL SETUSER gives rights: docs/FAILOVER.md lists them'],
];

function wordsOf(error: Error, primary: string): string {
  const { message } = error instanceof AggregateError ? (error.errors[0] as Error) : error;
  if (/no such master/i.test(message))
    return `it knows no primary "${primary}"; SENTINEL MASTERS lists the names that it knows`;
  const line = (message.split('\n', 1)[0] as string).slice(0, 200);
  const remedy = REMEDIES.find(([pattern]) => pattern.test(line))?.[1];
  return remedy === undefined ? line : `${line} (${remedy})`;
}
