// Which rules do not grow: their keys hold no more than some minutes ago, as far as known. Within a priority these are refused
// last. A rule is steady if it was watched for long enough and
//   it has written next to nothing, or
//   those of its keys that are written and measured again are no larger than before, random keys show no growth beyond their
//   error either, and the names that were not written before could not hold much (or the error itself is small).
// If in doubt, a rule grows. A rule that wrongly counts as steady is refused along with the others once all of its priority is.
// Pure: the clock comes with each call (monotonic milliseconds).
import type { GroupEstimate } from './population.js';
import type { TrackedGrowth } from './tracked-keys.js';

/** Counters of a rule since the start. */
export interface RuleCounted {
  readonly slot: number;
  readonly writes: number;
  readonly bytes: number;
  readonly distinctKeys: number;
}

/** What was measured. */
export interface Looked {
  readonly limitBytes: number;
  /** For the keys of a rule that are measured individually. */
  readonly tracked: (slot: number) => TrackedGrowth | undefined;
  /** By random keys: now, and a minute before. undefined: there are too few samples. */
  readonly recent: (slot: number) => GroupEstimate | undefined;
  readonly earlier: (slot: number) => GroupEstimate | undefined;
}

interface Point extends Omit<RuleCounted, 'slot'> {
  readonly at: number;
}

/** The history of a rule is kept for this time, in steps, and a rule is watched for this time before it may be steady. */
const WINDOW_MS = 120_000;
const STEP_MS = 5000;
const WATCHED_MS = 60_000;
/** Shares of the limit: what counts as next to nothing, and the largest error. */
const LITTLE = 0.0025;
const SMALL_ERROR = 0.01;
/** Measured keys may seem this much larger than they are, since collections are measured by some of their elements. */
const NOISE = 0.02;
/** Memory that a key takes in addition to what is written, and for each written byte. */
const KEY_BYTES = 100;
const SLACK = 1.25;

export class Steadiness {
  private readonly points = new Map<number, Point[]>();

  clear(): void {
    this.points.clear();
  }

  /** The slots of the steady rules. Must be called about once a second. */
  look(rules: readonly RuleCounted[], looked: Looked, now: number): number[] {
    const present = new Set(rules.map(({ slot }) => slot));
    for (const slot of this.points.keys()) if (!present.has(slot)) this.points.delete(slot);
    return rules.filter((rule) => this.isSteady(rule, looked, now)).map(({ slot }) => slot);
  }

  private isSteady(rule: RuleCounted, looked: Looked, now: number): boolean {
    const first = this.note(rule, now);
    const little = LITTLE * looked.limitBytes;
    if (now - first.at < WATCHED_MS || little === 0) return false;
    const bytes = SLACK * (rule.bytes - first.bytes);
    if (bytes + KEY_BYTES * (rule.distinctKeys - first.distinctKeys) <= little) return true;
    const tracked = looked.tracked(rule.slot);
    if (tracked === undefined) return false;
    if (tracked.grownBytes > Math.min(little, NOISE * tracked.baseBytes)) return false;
    const [recent, earlier] = [looked.recent(rule.slot), looked.earlier(rule.slot)];
    const known = recent !== undefined && earlier !== undefined;
    const error = known ? Math.hypot(recent.errorBytes, earlier.errorBytes) : Number.POSITIVE_INFINITY;
    if (known && recent.bytes - earlier.bytes > Math.max(error, little)) return false;
    const writes = rule.writes - first.writes;
    const newKeys = (rule.distinctKeys - first.distinctKeys) * (bytes / Math.max(1, writes) + KEY_BYTES);
    return newKeys <= little || error <= SMALL_ERROR * looked.limitBytes;
  }

  /** Returns the oldest point within the window. */
  private note({ slot, writes, bytes, distinctKeys }: RuleCounted, now: number): Point {
    const points = this.points.get(slot) ?? [];
    const point = { at: now, writes, bytes, distinctKeys };
    this.points.set(slot, points);
    if (points.length === 0 || now - (points.at(-1) as Point).at >= STEP_MS) points.push(point);
    while (points.length > 1 && (points[1] as Point).at <= now - WINDOW_MS) points.shift();
    return points[0] ?? point;
  }
}
