// How much of what a ring knows has expired on the server: by rule, the keys and their bytes whose TTL is over. A TTL is kept
// in 9 bits, rounded up to the next of 16 steps an octave, so that a key counts at most an eighth of its TTL too long. Keys
// with lives of one octave are counted together, by the time at which they end.
//
//   octave: ends ─▶ │ · │ 3 │ 7 │ 2 │ … (CELLS, each a sixteenth of the octave) ─▶ passed: expired
//
// Pure. Invariants: what was added is removed with the same tick, life and size; adding and removing cost the same however
// many keys there are; time never goes back.

/** A life that is not known, or has no end. */
export const ENDLESS = 0;
/** Whatever it was before. */
export const KEPT = -1;
const STEP_BITS = 4;
const STEPS = 2 ** STEP_BITS;
/** Longer lives count as endless: three years of ticks of 100 ms. */
const LONGEST = 2 ** 30;
const OCTAVES = 28;
/** The longest life of an octave ends 32 cells from now, and another one because ends are rounded up. */
const CELLS = 64;
const KEYS = 0;
const SIZED = 1;
const UNSIZED = 2;
const FIELDS = 3;

/** The code of a life of this many ticks, rounded up; ENDLESS for Infinity. */
export function lifeOf(ticks: number): number {
  if (ticks >= LONGEST) return ENDLESS;
  const whole = Math.max(1, Math.ceil(ticks));
  if (whole < STEPS) return whole;
  const octave = 31 - STEP_BITS - Math.clz32(whole);
  const steps = Math.ceil(whole / (1 << octave));
  return steps < 2 * STEPS ? (octave + 1) * STEPS + steps - STEPS : (octave + 2) * STEPS;
}

/** The same, rounded down. A key whose TTL is taken over from write to write must not live longer with each. */
export function lifeWithin(ticks: number): number {
  const life = lifeOf(ticks);
  return life > 1 && ticksOf(life) > ticks ? life - 1 : life;
}

/** Infinity: endless. */
export function ticksOf(life: number): number {
  if (life === ENDLESS) return Number.POSITIVE_INFINITY;
  return life < STEPS ? life : (STEPS + (life & (STEPS - 1))) << octaveOf(life);
}

function octaveOf(life: number): number {
  return Math.max(0, (life >> STEP_BITS) - 1);
}

/** What has expired of a rule's keys: how many, the bytes of those whose size is known, and the number of the others. */
export interface Expired {
  readonly keys: number;
  readonly sized: number;
  readonly unsized: number;
}

const NOTHING: Expired = { keys: 0, sized: 0, unsized: 0 };

/** The lives of one octave of one rule. */
class Octave {
  readonly cells = new Float64Array(CELLS * FIELDS);
  readonly expired = new Float64Array(FIELDS);
  /** All ends up to this cell are over. */
  over: number;

  constructor(
    private readonly octave: number,
    tick: number,
  ) {
    this.over = tick >> octave;
  }

  pass(tick: number): void {
    const { cells, expired } = this;
    const now = tick >> this.octave;
    const last = Math.min(now, this.over + CELLS);
    while (this.over < last) {
      const from = (++this.over & (CELLS - 1)) * FIELDS;
      for (let i = 0; i < FIELDS; i++) {
        expired[i] += cells[from + i];
        cells[from + i] = 0;
      }
    }
    this.over = now;
  }

  change(end: number, sign: 1 | -1, bytes: number): void {
    // A shift: `2 ** n` is a call into the runtime, which took a twelfth of a SET.
    const cell = Math.ceil(end / (1 << this.octave));
    const over = cell <= this.over;
    const counts = over ? this.expired : this.cells;
    const at = over ? 0 : (cell & (CELLS - 1)) * FIELDS;
    counts[at + KEYS] += sign;
    if (bytes === 0) counts[at + UNSIZED] += sign;
    else counts[at + SIZED] += sign * bytes;
  }
}

export class RingLives {
  /** By slot and octave. */
  private readonly slots: (Octave | undefined)[][] = [];

  /** A key that lives from `tick` on was added, or removed (`sign`). `bytes` 0: its size is unknown. `now`: the present tick. */
  change(slot: number, tick: number, life: number, sign: 1 | -1, bytes: number, now: number): void {
    if (life === ENDLESS) return;
    const which = octaveOf(life);
    let octaves = this.slots[slot];
    if (octaves === undefined) {
      octaves = new Array(OCTAVES);
      this.slots[slot] = octaves;
    }
    let octave = octaves[which];
    if (octave === undefined) {
      octave = new Octave(which, now);
      octaves[which] = octave;
    } else octave.pass(now);
    octave.change(tick + ticksOf(life), sign, bytes);
  }

  /** Of the keys that were added and not removed. */
  expired(slot: number, now: number): Expired {
    const octaves = this.slots[slot];
    if (octaves === undefined) return NOTHING;
    const sums = [0, 0, 0];
    for (const octave of octaves) {
      if (octave === undefined) continue;
      octave.pass(now);
      for (let i = 0; i < FIELDS; i++) sums[i] += octave.expired[i];
    }
    return { keys: sums[KEYS], sized: sums[SIZED], unsized: sums[UNSIZED] };
  }

  clear(): void {
    this.slots.length = 0;
  }
}
