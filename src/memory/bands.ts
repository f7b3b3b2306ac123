// Where each priority is shed: its band of the config, moved down by the room that is kept for higher priorities (reserve.ts).
// Pure. Shares are 0 (none of the priority's keys) … 1 (all).
import type { Priority } from '../core/policy/rule.js';

export type Band = readonly [start: number, full: number] | null;

const NONE = Number.POSITIVE_INFINITY;

export class Bands {
  /** By Priority, as a share of the limit. */
  readonly reserved = new Float64Array(4);

  /** By Priority. */
  constructor(private readonly bands: readonly Band[]) {}

  reserve(bytes: ArrayLike<number>, limitBytes: number): void {
    for (let i = 0; i < this.reserved.length; i++) {
      this.reserved[i] = limitBytes > 0 ? bytes[i] / limitBytes : 0;
    }
  }

  /** Whether the priority is never refused. */
  isNever(priority: Priority): boolean {
    return this.bands[priority] === null;
  }

  /** Share of the priority's keys that is refused at `pressure`. */
  share(priority: Priority, pressure: number): number {
    return this.byBand(priority, pressure + this.reserved[priority]);
  }

  /** The same if nothing was reserved. */
  byBand(priority: Priority, pressure: number): number {
    const band = this.bands[priority];
    if (band === null) return 0;
    const [start, full] = band;
    if (pressure >= full) return 1;
    return pressure <= start ? 0 : (pressure - start) / (full - start);
  }

  /** Where the priority is refused as things are. */
  at(priority: Priority): Band {
    const band = this.bands[priority];
    if (band === null) return null;
    const [start, full] = band.map((end) => Math.max(0, end - this.reserved[priority]));
    return [start, full];
  }

  /** The lowest pressure at which anything is refused. */
  get begins(): number {
    return Math.min(...this.bands.map((band, priority) => (band?.[0] ?? NONE) - this.reserved[priority]));
  }

  /** The same if nothing was reserved. */
  get lowestStart(): number {
    return Math.min(...this.bands.map((band) => band?.[0] ?? NONE));
  }
}
