// How fast a walk may go, so that the server's other clients hardly notice: at most so many keys a second, and not at
// all while the server is slower or busier than it should be. Owns the looks at one server.
//
//             slower than before, or busy
//   going ──────────────────────────────▶ paused     each look: INFO cpu and a few PINGs
//     ▲                                      │
//     └── calm, and not busy without us ─────┘
//
// A walk at full speed makes a server busy by itself, which does no harm: commands of others go between its pages. So
// busy is looked at while paused, and who is not busy then is not asked again for a while.
// Invariant: nobody waits for longer than the server is slow or busy, and a rate leaves.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { infoFields } from '../../memory/reading.js';
import { OwnLag } from './own-lag.js';

export interface PaceOptions {
  /** Keys a second; undefined: as fast as the server answers. */
  readonly maxRate?: number | undefined;
  /** Told why it waits, and with undefined that it goes on. */
  readonly onPause?: (reason: string | undefined) => void;
}

const LOOK_MS = 250;
const RECHECK_MS = 20;
/** Share of a processor that the server's main thread takes while we do nothing. */
const BUSY_ALONE = 0.75;
/** The same while we walk: time to look who it is from. */
const BUSY = 0.9;
/** Who was not busy alone is not asked again for so long. */
const TRUST_MS = 10_000;
/** By so much more than at the start an answer may take. */
const SLOWER_MS = 5;
const PINGS = 3;
/** Of a second's keys, how many may come at once. */
const BURST = 0.01;

interface Look {
  /**
   * The mean: of commands that take long, one after the other, the second PING may slip in between two. Without what this
   * process takes to read them.
   */
  readonly latencyMs: number;
  /** The same with it. */
  readonly waitedMs: number;
  /** NaN: not known. */
  readonly cpu: number;
}

export class Pace {
  private calmMs = Number.NaN;
  private paused: string | undefined;
  private trustedUntil = Number.NEGATIVE_INFINITY;
  private cpuSeconds = Number.NaN;
  private cpuAt = 0;
  private credit = 0;
  private creditAt = performance.now();
  private readonly ending = new AbortController();
  private looking: Promise<void> | undefined;

  constructor(
    private readonly redis: Redis,
    private readonly options: PaceOptions,
  ) {}

  /** Learns how the server answers when nothing is asked of it, and begins to watch. */
  async start(): Promise<void> {
    await this.look();
    this.calmMs = (await this.look()).latencyMs;
    this.looking = this.watch();
  }

  /** Resolves when so many keys more may be asked about, or `signal` ends it; undefined: now. */
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

  /** Milliseconds until the rate leaves room; the keys are taken off in any case. */
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
        // The walk's own connection tells what is wrong with the server.
      }
    }
  }

  private judge({ latencyMs, waitedMs, cpu }: Look, alone: boolean): void {
    const now = performance.now();
    if (latencyMs > this.calmMs + SLOWER_MS) {
      this.pause(`the server answers in ${latencyMs.toFixed(1)} ms, ${this.calmMs.toFixed(1)} ms before`);
    } else if (alone && cpu >= BUSY_ALONE) {
      this.pause(`the server's processor is ${Math.round(cpu * 100)} % busy with others`);
    } else if (alone) {
      this.trustedUntil = now + TRUST_MS;
      this.resume();
    } else if (waitedMs > this.calmMs + SLOWER_MS) {
      // Processors are short. Others come first, but for one look only: on some machines they are for good.
      this.pause('others on this machine come first');
    } else if (cpu >= BUSY && now >= this.trustedUntil) {
      this.pause('looking who makes the server busy');
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

  /** Seconds of processor time since the server's start; NaN where it does not tell. */
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
