// The pressures at which each priority is shed: its band from the config, less the room that is kept for higher priorities
// (reserve.ts).
// - moved: the whole band begins and ends lower by that room. Used if all growth counts: writers at full speed would cross a
//   narrow band between two readings.
// - squeezed: the bands begin where the config says, and end early enough to leave that room above them. Used if the server
//   evicts: only what nothing can take back counts there, and that grows slowly.
// Pure. Shares are 0 (none of the priority's keys) … 1 (all).
// Invariants: bands keep their order; none begins or ends later than the config says; above the end of a band the room that is
// kept from its priority is free.
import type { Priority } from '../core/policy/rule.js';

export type Band = readonly [start: number, full: number] | null;

const NONE = Number.POSITIVE_INFINITY;
/** Bands are squeezed to no less than this share of their width; if that leaves too little room, they are moved as well. */
const LEAST_WIDTH = 0.25;

export class Bands {
  /** By Priority, as shares of the limit: how much lower the band begins, and how much lower it ends. */
  private readonly beginsLower = new Float64Array(4);
  private readonly endsLower = new Float64Array(4);

  /** By Priority. */
  constructor(private readonly bands: readonly Band[]) {}

  /** `bytes`: the room that is kept from each priority, never less than from the next higher one. */
  reserve(bytes: ArrayLike<number>, limitBytes: number, squeezes = false): void {
    const { beginsLower, endsLower, bands } = this;
    for (let i = 0; i < bands.length; i++) {
      beginsLower[i] = limitBytes > 0 ? bytes[i] / limitBytes : 0;
      endsLower[i] = beginsLower[i];
    }
    if (squeezes) this.squeeze();
  }

  /** Whether the priority is never refused. */
  isNever(priority: Priority): boolean {
    return this.bands[priority] === null;
  }

  /** Share of the priority's keys that is refused at `pressure`. */
  share(priority: Priority, pressure: number): number {
    return shareWithin(this.at(priority), pressure);
  }

  /** The same without a reserve. */
  byBand(priority: Priority, pressure: number): number {
    return shareWithin(this.bands[priority], pressure);
  }

  /** The band in which the priority is refused now. */
  at(priority: Priority): Band {
    const band = this.bands[priority];
    if (band === null) return null;
    const [start, full] = band;
    return [Math.max(0, start - this.beginsLower[priority]), Math.max(0, full - this.endsLower[priority])];
  }

  /** How much earlier than in the config the whole priority is refused, as a share of the limit. */
  earlier(priority: Priority): number {
    return this.endsLower[priority];
  }

  /** The lowest pressure at which anything is refused. */
  get begins(): number {
    return Math.min(...this.bands.map((_, priority) => this.at(priority as Priority)?.[0] ?? NONE));
  }

  /** The same without a reserve. */
  get lowestStart(): number {
    return Math.min(...this.bands.map((band) => band?.[0] ?? NONE));
  }

  /** From the lowest start on, each band by the smallest factor that it or a higher one needs. */
  private squeeze(): void {
    const { bands, beginsLower, endsLower, lowestStart: from } = this;
    let factor = 1;
    let moved = 0;
    for (let priority = bands.length - 1; priority >= 0; priority--) {
      const band = bands[priority];
      if (band === null) continue;
      const [start, full] = band;
      const room = endsLower[priority];
      const upTo = Math.min(full, 1 - room);
      if (full > from) factor = Math.max(LEAST_WIDTH, Math.min(factor, (upTo - from) / (full - from)));
      moved = Math.max(moved, from + (full - from) * factor - upTo);
      beginsLower[priority] = moved + (start - from) * (1 - factor);
      endsLower[priority] = moved + (full - from) * (1 - factor);
    }
  }
}

function shareWithin(band: Band, pressure: number): number {
  if (band === null) return 0;
  const [start, full] = band;
  if (pressure >= full) return 1;
  return pressure <= start ? 0 : (pressure - start) / (full - start);
}
