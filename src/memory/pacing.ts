// When the next reading is due: at the configured interval, sooner as shedding comes nearer, or as soon as possible when
// something asks for one. Owns the timer. Invariants: one reading at a time; two begin at least SHORTEST_GAP_MS apart.

/** Near the first band, and inside one, the interval is divided by these. */
const NEAR = { distance: 0.1, divisor: 5 } as const;
const INSIDE_DIVISOR = 10;
const SHORTEST_INTERVAL_MS = 10;
/** Readings that events request begin at least this far apart. */
const SHORTEST_GAP_MS = 5;

/** Whether shedding is so near that growth deserves a reading of its own. `distance`: see intervalAt(). */
export function isNear(distance: number): boolean {
  return distance <= NEAR.distance;
}

/** Milliseconds between two readings. `distance`: from the pressure to the first band, as a share of the limit. */
export function intervalAt(distance: number, leisureMs: number): number {
  const divisor = distance === 0 ? INSIDE_DIVISOR : distance < NEAR.distance ? NEAR.divisor : 1;
  return Math.max(SHORTEST_INTERVAL_MS, leisureMs / divisor);
}

export class Pacing {
  private timer: NodeJS.Timeout | undefined;
  private underWay = false;
  /** The next reading is due as soon as the gap after the last one is over. */
  private isSoon = false;
  private begunAt = Number.NEGATIVE_INFINITY;
  private closed = false;

  /** `read` never rejects; `due` is called before each scheduled reading; `interval`: time until the next one. */
  constructor(
    private readonly read: () => Promise<void>,
    private readonly due: () => void,
    private readonly interval: () => number,
    private readonly clock: () => number,
  ) {}

  /** Reads now, unless a reading is under way. */
  async now(): Promise<void> {
    if (this.underWay || this.closed) return;
    this.isSoon = false;
    this.underWay = true;
    this.begunAt = this.clock();
    try {
      await this.read();
    } finally {
      this.underWay = false;
      this.schedule();
    }
  }

  /** Reads now, or as soon as the current reading and the gap after it are over. */
  soon(): void {
    if (this.isSoon) return;
    this.isSoon = true;
    if (!this.underWay) this.schedule();
  }

  schedule(): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    const delay = this.isSoon ? this.begunAt + SHORTEST_GAP_MS - this.clock() : this.interval();
    if (delay <= 0) {
      void this.now();
      return;
    }
    this.timer = setTimeout(() => {
      this.due();
      void this.now();
    }, delay).unref();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }
}
