// Paces a walk so that the server's other clients hardly notice it: at most `maxRate` keys a second, and a pause while the
// server is slower or busier than it should be. Owns the measurements of one server.
//
//             slower than before, or busy
//   going ──────────────────────────────▶ paused     each measurement: INFO cpu and a few PINGs
//     ▲                                      │
//     └── calm, and not busy without us ─────┘
//
// A walk at full speed makes a server busy by itself. That does no harm, because commands of other clients run between its
// pages. So the walk pauses to measure how busy the server is without it, and then trusts the result for a while.
// Invariant: a walk waits no longer than the server is slow or busy, or the rate requires.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { infoFields } from '../../memory/reading.js';
import { OwnLag } from './own-lag.js';

export interface WalkPaceOptions {
  /** Keys a second; undefined: as fast as the server answers. */
  readonly maxRate?: number | undefined;
  /** Called with the reason of a pause, and with undefined at its end. */
  readonly onPause?: (reason: string | undefined) => void;
}

const LOOK_MS = 250;
const RECHECK_MS = 20;
/** The server is busy if its main thread takes this share of a processor while the walk pauses. */
const BUSY_ALONE = 0.75;
/** At this share during a walk, the walk pauses to find out who causes it. */
const BUSY = 0.9;
/** How long a server counts as not busy after it was not busy during a pause. */
const TRUST_MS = 10_000;
/** How much slower than at the start a reply may be. */
const SLOWER_MS = 5;
const PINGS = 3;
/** The share of a second's keys that may come at once. */
const BURST = 0.01;

interface Look {
  /**
   * Mean time of a PING, without the time that this process needed to read the replies. The mean, because a PING may come
   * between two slow commands of other clients.
   */
  readonly latencyMs: number;
  /** The same with that time. */
  readonly waitedMs: number;
  /** The server's share of a processor; NaN: unknown. */
  readonly cpu: number;
}

export class WalkPace {
  private calmMs = Number.NaN;
  private paused: string | undefined;
  private trustedUntil = Number.NEGATIVE_INFINITY;
  private cpuSeconds = Number.NaN;
  private cpuAt = 0;
  private credit = 0;
  private creditAt = performance.now();
  private readonly ending = new AbortController();
  private looking: Promise<void> | undefined;

  private constructor(
    private readonly redis: Redis,
    private readonly options: WalkPaceOptions,
  ) {}

  /** Measures how fast the server answers before the walk, and begins to watch it. */
  static async begin(redis: Redis, options: WalkPaceOptions): Promise<WalkPace> {
    const pace = new WalkPace(redis, options);
    await pace.look();
    pace.calmMs = (await pace.look()).latencyMs;
    pace.looking = pace.watch();
    return pace;
  }

  /** Resolves when this many more keys may be asked about, or `signal` is aborted; undefined: now. */
  go(keys: number, signal: AbortSignal): Promise<void> | undefined {
    const wait = this.delay(keys);
    if (this.paused === undefined && wait === 0) return undefined;
    return this.waitFor(wait, signal);
  }

  async close(): Promise<void> {
    this.ending.abort();
    this.resume();
    await this.looking;
  }

  private async waitFor(ms: number, signal: AbortSignal): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => {});
    while (this.paused !== undefined && !signal.aborted) {
      await sleep(RECHECK_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** Milliseconds until the rate allows these keys. They are charged in any case. */
  private delay(keys: number): number {
    const { maxRate } = this.options;
    if (maxRate === undefined) return 0;
    const now = performance.now();
    this.credit = Math.min(maxRate * BURST, this.credit + ((now - this.creditAt) * maxRate) / 1000) - keys;
    this.creditAt = now;
    return this.credit >= 0 ? 0 : (-this.credit * 1000) / maxRate;
  }

  private async watch(): Promise<void> {
    const { signal } = this.ending;
    for (;;) {
      await sleep(LOOK_MS, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      const pausedAllTheTime = this.paused !== undefined;
      try {
        this.judge(await this.look(), pausedAllTheTime);
      } catch {
        // The walk's own connection reports what is wrong with the server.
      }
    }
  }

  private judge({ latencyMs, waitedMs, cpu }: Look, alone: boolean): void {
    const now = performance.now();
    if (latencyMs > this.calmMs + SLOWER_MS) {
      this.pause(
        `the server answers in ${latencyMs.toFixed(1)} ms (${this.calmMs.toFixed(1)} ms before the walk)`,
      );
    } else if (alone && cpu >= BUSY_ALONE) {
      this.pause(`the server's processor is ${Math.round(cpu * 100)}% busy with other clients`);
    } else if (alone) {
      this.trustedUntil = now + TRUST_MS;
      this.resume();
    } else if (waitedMs > this.calmMs + SLOWER_MS) {
      // Processors are short. Other processes go first, but only until the next measurement: some machines are always busy.
      this.pause('other processes on this machine go first');
    } else if (cpu >= BUSY && now >= this.trustedUntil) {
      this.pause('measuring how busy the server is without this walk');
    }
  }

  private pause(reason: string): void {
    this.paused = reason;
    this.options.onPause?.(reason);
  }

  private resume(): void {
    if (this.paused === undefined) return;
    this.paused = undefined;
    this.options.onPause?.(undefined);
  }

  private async look(): Promise<Look> {
    const own = new OwnLag();
    const asked = performance.now();
    try {
      for (let i = 0; i < PINGS; i++) await this.redis.ping();
    } finally {
      own.stop();
    }
    const waited = performance.now() - asked;
    const [latencyMs, waitedMs] = [(waited - own.ms) / PINGS, waited / PINGS];
    return { latencyMs, waitedMs, cpu: this.cpuSince(await this.cpuNow()) };
  }

  /** Seconds of processor time since the server's start; NaN: unknown. */
  private async cpuNow(): Promise<number> {
    const info = infoFields(await this.redis.info('cpu').catch(() => ''));
    const sum = (suffix: string) =>
      Number(info.get(`used_cpu_user${suffix}`)) + Number(info.get(`used_cpu_sys${suffix}`));
    const main = sum('_main_thread');
    return Number.isNaN(main) ? sum('') : main;
  }

  private cpuSince(seconds: number): number {
    const now = performance.now();
    const share = (seconds - this.cpuSeconds) / ((now - this.cpuAt) / 1000);
    this.cpuSeconds = seconds;
    this.cpuAt = now;
    return share;
  }
}
