// Shows in one pass over a key that it contains none of a few literal runs: Horspool's search for a set, which reads few of the
// key's bytes. Never allocates after its construction.
// Invariant: it excludes no key that contains one of the runs.

export class RunsFilter {
  /** The first bytes of each run, as many as the shortest run has. */
  private readonly windows: readonly Uint8Array[];
  private readonly width: number;
  /** How far the windows may move, by the last byte under them. */
  private readonly steps: Uint8Array;

  /** Runs of at least one byte, and fewer than 256. */
  constructor(runs: readonly Uint8Array[]) {
    this.width = Math.min(...runs.map(({ length }) => length));
    this.windows = runs.map((run) => run.subarray(0, this.width));
    this.steps = new Uint8Array(256).fill(this.width);
    for (const window of this.windows) {
      for (const [i, byte] of window.entries()) {
        this.steps[byte] = Math.min(this.steps[byte], this.width - 1 - i);
      }
    }
  }

  /** true: buf[start, end) contains none of the runs. */
  excludes(buf: Uint8Array, start: number, end: number): boolean {
    const { steps } = this;
    for (let at = start + this.width - 1; at < end; ) {
      const step = steps[buf[at]];
      if (step === 0 && this.endsAt(buf, at)) return false;
      at += step === 0 ? 1 : step;
    }
    return true;
  }

  private endsAt(buf: Uint8Array, at: number): boolean {
    const last = this.width - 1;
    for (const window of this.windows) {
      let i = last;
      while (i >= 0 && buf[at - last + i] === window[i]) i--;
      if (i < 0) return true;
    }
    return false;
  }
}
