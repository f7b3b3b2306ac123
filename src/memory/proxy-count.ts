// How many proxies write to the server, with memory.proxies "auto": each subscribes to one channel on a connection of its own,
// and asks now and then how many do. No keys, one command every few seconds, and a proxy that is gone no longer counts.
// Owns that connection and a timer.
// Invariant: an unknown number counts as 1, so Spillway acts as if it were the only proxy.
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Ask } from './question.js';

const PROXIES_CHANNEL = '__spillway__:here';
/** A higher number counts as this one. */
const MOST_PROXIES = 1000;
const ASK_MS = 2000;
const DENIED = /^NOPERM/;

export interface ProxyCountOptions {
  /** A new connection to the server, which reconnects by itself. */
  readonly connect: () => Redis;
  /** Asks on the monitor's connection. */
  readonly ask: Ask;
  readonly onCount: (proxies: number) => void;
  readonly log: Logger;
}

export class ProxyCount {
  private subscriber: Redis | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isDenied = false;

  constructor(private readonly options: ProxyCountOptions) {}

  /** Uses this number from now on, or counts. */
  adopt(proxies: number | 'auto'): void {
    if (proxies !== 'auto') {
      this.close();
      this.options.onCount(proxies);
    } else if (this.subscriber === undefined) this.begin();
  }

  /** The primary has moved: counts there. */
  moved(): void {
    if (this.subscriber === undefined) return;
    this.close();
    this.begin();
  }

  close(): void {
    clearInterval(this.timer);
    this.subscriber?.disconnect();
    this.subscriber = undefined;
  }

  private begin(): void {
    this.options.onCount(1);
    const subscriber = this.options.connect();
    this.subscriber = subscriber;
    // The monitor reports what is wrong with the server.
    subscriber.on('error', () => {});
    subscriber.on('ready', () => {
      this.isDenied = false;
      subscriber.subscribe(PROXIES_CHANNEL).then(
        () => this.count(),
        (error: Error) => this.failed(error),
      );
    });
    subscriber.connect().catch(() => {});
    this.timer = setInterval(() => void this.count(), ASK_MS).unref();
  }

  private async count(): Promise<void> {
    if (this.isDenied) return;
    const asked = this.options.ask([['pubsub', 'NUMSUB', PROXIES_CHANNEL]]);
    const [error, reply] = (await asked.catch(() => []))[0] ?? [];
    if (this.subscriber === undefined) return;
    if (error) this.failed(error);
    const count = Array.isArray(reply) ? Number(reply[1]) : Number.NaN;
    // While the server is away the last count stays: the other proxies are cut off from it as well.
    if (count >= 0) this.options.onCount(Math.min(MOST_PROXIES, Math.max(1, count)));
  }

  /** Each further attempt would add an entry to ACL LOG. */
  private failed({ message }: Error): void {
    if (!DENIED.test(message) || this.isDenied) return;
    this.isDenied = true;
    this.options.onCount(1);
    this.options.log.warn(
      { err: message },
      `cannot count the proxies, so this one acts as if it were the only one; give its user the rights +subscribe +pubsub|numsub &${PROXIES_CHANNEL}, or set memory.proxies to their number`,
    );
  }
}
