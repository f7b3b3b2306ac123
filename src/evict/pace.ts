// How much memory to free now: begins when used memory passes the start, ends at the lower mark, and keeps up with the growth
// of memory meanwhile. Between two readings it estimates used memory: the last reading, plus what writes have added since,
// minus what was freed since. Pure: time and figures come with each call. If several proxies make room on one server, each
// frees what it let in itself since the reading, and its part of the reading's excess. So together they free the excess once,
// not once each.
// Invariants: nothing is due without a reading or a limit; what is due never exceeds what is above the lower mark, as far as
// one proxy knows: the overshoot is at most what all proxies let in between two readings.

/** Shares of the limit. */
export interface Marks {
  readonly start: number;
  readonly stop: number;
}

/** The traffic through the proxy, as sums that only grow. */
export interface Flow {
  /** Bytes that writes have brought, on the wire. */
  readonly admitted: number;
  /** Bytes that were freed, by estimate. */
  readonly freed: number;
}

export interface PaceReading {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

/** How far above the start the mark still counts as held, as a share of the limit. */
const HELD_WITHIN = 0.07;
/** From here on it counts as held again. */
const HELD_AGAIN = 0.04;
/**
 * At the first reading memory may be far above the start, because nobody has made room before. Then the mark counts as held while
 * memory is below the first share and falls: it is not above its lowest point by more than the second share.
 */
const FALLING = { below: 0.97, rise: 0.01 } as const;
/** The excess at a start is freed within this time; near the upper end at once. */
const CALM_MS = 400;
/** A rest of this share of the limit is freed as fast as this much. */
const LEAST_OVER = 0.002;
/** A reading this little above the lower mark counts as at the mark. */
const UNSHARP = 0.001;
/** This far above the start it hurries. */
const HURRY = 0.005;
const URGENT = 0.015;
/** A factor of growth is learnt over at least this time; the newest has this weight. */
const LEARN_MS = 200;
const WEIGHT = 0.3;
const MOST_FACTOR = 3;

export class Pace {
  /** Memory is above the start, or on its way down from there. */
  active = false;
  /** Memory is not far above the start. */
  held = true;
  /** Memory is well above the start. */
  urgent = false;
  private reading: PaceReading | undefined;
  private atReading: Flow = { admitted: 0, freed: 0 };
  /** Bytes of memory that a byte on the wire becomes. */
  private factor = 1;
  private learnt: { readonly at: number; readonly used: number; readonly flow: Flow } | undefined;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private cameAt = 0;
  /** The lowest share of the limit since the first reading, while memory falls; 0: that is over. */
  private lowest = 0;

  constructor(
    private marks: Marks,
    /** Proxies that make room on this server, this one included. */
    private readonly proxies: () => number = () => 1,
  ) {}

  reconfigure(marks: Marks): void {
    this.marks = marks;
  }

  /** A reading has come; `flow` as of when it was requested. `pendingBytes`: what the server still has to free, by estimate. */
  take(reading: PaceReading, flow: Flow, pendingBytes: number, now: number): void {
    this.learn(reading.usedBytes, flow, now);
    if (reading.limitBytes !== this.reading?.limitBytes) this.lowest = Number.POSITIVE_INFINITY;
    this.reading = { ...reading, usedBytes: Math.max(0, reading.usedBytes - pendingBytes) };
    this.atReading = flow;
  }

  /** Readings fail, or no longer count. */
  forget(): void {
    this.reading = undefined;
    this.learnt = undefined;
    this.active = false;
    this.held = false;
    this.urgent = false;
  }

  /** There is a reading that counts, and a limit. */
  get isKnown(): boolean {
    return this.reading !== undefined && this.reading.limitBytes > 0;
  }

  /** Used memory now, as a share of the limit; 0: unknown. */
  shareOf(flow: Flow): number {
    const limit = this.reading?.limitBytes ?? 0;
    return limit > 0 ? this.usedBytes(flow) / limit : 0;
  }

  /** Bytes that may be freed until the next call. */
  due(flow: Flow, now: number): number {
    const elapsed = Math.max(0, now - this.lookedAt);
    this.lookedAt = now;
    const limit = this.reading?.limitBytes ?? 0;
    if (limit === 0) return 0;
    const used = this.usedBytes(flow);
    const share = used / limit;
    const { start, stop } = this.marks;
    const isNear = share <= start + (this.held ? HELD_WITHIN : HELD_AGAIN);
    this.held = this.isFalling(share, isNear) || isNear;
    this.urgent = share > start + URGENT;
    if (share > start) this.active = true;
    else if (share <= stop && this.readShare <= stop + UNSHARP) this.active = false;
    if (!this.active) return 0;
    const over = this.overBytes(stop * limit, flow);
    if (share > start + HURRY) return over;
    // As much as came in, and a part of the excess.
    const came = this.factor * this.cameSince(flow);
    const part = Math.max(over, LEAST_OVER * limit) * Math.min(1, elapsed / CALM_MS);
    return Math.min(over, Math.max(0, came) + part);
  }

  private isFalling(share: number, isNear: boolean): boolean {
    if (isNear || share > FALLING.below || share > this.lowest + FALLING.rise) this.lowest = 0;
    else this.lowest = Math.min(this.lowest, share);
    return this.lowest > 0;
  }

  private get readShare(): number {
    const { reading } = this;
    return reading === undefined ? 0 : reading.usedBytes / reading.limitBytes;
  }

  private cameSince({ admitted }: Flow): number {
    const came = admitted - this.cameAt;
    this.cameAt = admitted;
    return came;
  }

  private usedBytes(flow: Flow): number {
    return Math.max(0, (this.reading?.usedBytes ?? 0) + this.changeSince(flow));
  }

  /** The excess above `mark`, as far as this proxy must free it. */
  private overBytes(mark: number, flow: Flow): number {
    const over = (this.reading?.usedBytes ?? 0) - mark;
    return Math.max(0, over / this.proxies() + this.changeSince(flow));
  }

  private changeSince({ admitted, freed }: Flow): number {
    const { atReading, factor } = this;
    return factor * (admitted - atReading.admitted) - (freed - atReading.freed);
  }

  private learn(used: number, flow: Flow, now: number): void {
    const { learnt } = this;
    if (learnt !== undefined && now - learnt.at < LEARN_MS) return;
    this.learnt = { at: now, used, flow };
    // Others' writes and evictions show in the readings, too: then a byte on the wire counts as one of memory.
    if (this.proxies() > 1) this.factor = 1;
    if (learnt === undefined || this.proxies() > 1) return;
    const admitted = flow.admitted - learnt.flow.admitted;
    if (admitted <= 0) return;
    const grown = used - learnt.used + flow.freed - learnt.flow.freed;
    const factor = Math.min(MOST_FACTOR, Math.max(0, grown / admitted));
    this.factor += (factor - this.factor) * WEIGHT;
  }
}
