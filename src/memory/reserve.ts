// The room kept for more important writes: each priority is shed earlier, by what all higher priorities really add to memory
// within the horizon.
//
// Growth by others (other proxies, clients that bypass Spillway, scripts) has no priority here. It counts as higher than every
// priority until it shows otherwise. Growth that continues while all of a priority is shed is higher than that priority, or
// cannot be shed at all. Growth that stops then was of that priority or a lower one, in another proxy with the same bands. This
// is learnt for each priority and forgotten slowly. So four proxies in front of one server keep room for the critical writes of
// all of them, and none for each other's low writes once these have been shed.
//
// The reserve rises at once and falls late, to the highest recent need, since rates vary.
//
// Pure. Invariants: nothing is kept from the highest priority; a lower priority never has less kept from it than a higher one;
// from no priority more than `most` of the limit is kept.

export interface ReserveOptions {
  readonly horizonMs: number;
  /** Share of the limit; 0: no room is kept. */
  readonly most: number;
}

/** Rates are means over this part of the horizon; a period has the same length. */
const MEAN_PART = 1 / 6;
/** After about this time the learnt part of others' growth is forgotten. */
const FORGET_MS = 60_000;
const HIGHEST = 3;

export function meanOver({ horizonMs }: ReserveOptions): number {
  return horizonMs * MEAN_PART;
}

export class Reserve {
  /** By priority: bytes below the limit that its writes may not take. */
  readonly bytes = new Float64Array(HIGHEST + 1);
  /** By priority: the most that was needed in this period so far, and in the one before. */
  private readonly most = new Float64Array(HIGHEST + 1);
  private readonly mostBefore = new Float64Array(HIGHEST + 1);
  private periodMs = 0;
  /** By priority: others' growth when the priority was last not refused at all, and the part of it that stopped then. */
  private readonly othersBefore = new Float64Array(HIGHEST + 1);
  private readonly stopped = new Float64Array(HIGHEST + 1);

  /** The present rates, in bytes a millisecond; `refused`: the share of each priority that was refused meanwhile. */
  learn(
    byPriority: ArrayLike<number>,
    others: number,
    refused: (priority: number) => number,
    elapsedMs: number,
    { horizonMs, most }: ReserveOptions,
    limitBytes: number,
  ): void {
    let above = 0;
    let kept = 0;
    this.periodMs += elapsedMs;
    if (this.periodMs >= horizonMs * MEAN_PART) {
      this.periodMs = 0;
      this.mostBefore.set(this.most);
      this.most.fill(0);
    }
    for (let priority = HIGHEST - 1; priority >= 0; priority--) {
      above += byPriority[priority + 1];
      const wanted = (above + this.othersAbove(priority, others, refused(priority), elapsedMs)) * horizonMs;
      this.most[priority] = Math.max(this.most[priority], wanted);
      const held = Math.max(this.most[priority], this.mostBefore[priority]);
      kept = Math.max(kept, Math.min(held, most * limitBytes));
      this.bytes[priority] = kept;
    }
  }

  /** Takes over what the process whose readings this one uses has learnt. */
  adopt(bytes: readonly number[]): void {
    this.bytes.set(bytes);
  }

  private othersAbove(priority: number, others: number, refused: number, elapsedMs: number): number {
    const { othersBefore, stopped } = this;
    if (refused === 0) {
      othersBefore[priority] = others;
      stopped[priority] *= Math.exp(-elapsedMs / FORGET_MS);
    } else if (refused === 1) {
      const before = othersBefore[priority];
      stopped[priority] = before > others ? 1 - others / before : 0;
      return others;
    }
    return Math.min(others, othersBefore[priority] * (1 - stopped[priority]));
  }
}
