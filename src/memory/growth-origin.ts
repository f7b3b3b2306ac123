// Estimates which priority's writes make memory grow. Admitted growth is only an estimate: much of it may overwrite existing
// data or be freed again, and a reading shows only what all writes together have added. But priorities never write in step for
// long, and near the limit they are shed one after the other. So the changes of the sum show the part of each. This is a Kalman
// filter: the four parts are unknown, and each reading is a measurement of their weighted sum.
// Pure. Invariants: parts are 0 … 1; no uncertainty exceeds UNKNOWN, so nothing that was learnt lasts for ever.
import { PRIORITY_NAMES } from '../core/policy/rule.js';

const PRIORITIES = PRIORITY_NAMES.length;
/** A part before anything is known about it: the estimate is some 1.4 times what Redis takes. */
const LIKELY = 0.7;
/** The variance of an unknown part, and how much it grows in a millisecond. */
const UNKNOWN = 0.25;
const DRIFT = UNKNOWN / 60_000;
/** The standard deviation of a measurement: for the admitted growth, and for bytes that come and go (buffers, tables). */
const NOISE = { part: 0.1, bytes: 64 * 1024 } as const;

export class GrowthOrigin {
  /** By priority: how much a byte of admitted growth has added to memory. */
  readonly parts = new Float64Array(PRIORITIES).fill(LIKELY);
  /** Row by row. */
  private readonly covariance = new Float64Array(PRIORITIES * PRIORITIES);
  private readonly gain = new Float64Array(PRIORITIES);

  constructor() {
    for (let i = 0; i < PRIORITIES; i++) this.covariance[i * PRIORITIES + i] = UNKNOWN;
  }

  /** Memory has grown by `grown` bytes while `admitted` bytes of each priority were admitted, in `elapsedMs`. */
  learn(grown: number, admitted: ArrayLike<number>, elapsedMs: number): void {
    const { parts, covariance, gain } = this;
    let total = 0;
    let expected = 0;
    for (let i = 0; i < PRIORITIES; i++) {
      const own = i * PRIORITIES + i;
      covariance[own] = Math.min(UNKNOWN, covariance[own] + DRIFT * elapsedMs);
      total += admitted[i];
      expected += parts[i] * admitted[i];
    }
    if (total <= 0) return;
    let variance = (NOISE.part * total) ** 2 + NOISE.bytes ** 2;
    for (let i = 0; i < PRIORITIES; i++) {
      gain[i] = 0;
      for (let j = 0; j < PRIORITIES; j++) gain[i] += covariance[i * PRIORITIES + j] * admitted[j];
      variance += admitted[i] * gain[i];
    }
    // A decrease of memory, or a growth beyond all that was admitted, does not come from these writes.
    const surprise = Math.min(total, Math.max(0, grown)) - expected;
    for (let i = 0; i < PRIORITIES; i++) {
      parts[i] = Math.min(1, Math.max(0, parts[i] + (gain[i] / variance) * surprise));
      for (let j = 0; j < PRIORITIES; j++) covariance[i * PRIORITIES + j] -= (gain[i] * gain[j]) / variance;
    }
  }
}
