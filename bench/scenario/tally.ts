// What one pattern's writes were answered, with the times that the verdict needs. Pure: time is handed in.

/** So many refusals in a row, and the pattern counts as refused altogether. */
export const STREAK = 500;

export interface TallyFigures {
  ok: number;
  oom: number;
  otherErrors: number;
  /** The first of the other errors, for the report. */
  firstOtherError: string | null;
  /** Milliseconds since the writers started; null: not yet. */
  firstOomMs: number | null;
  /** Start of the first streak of STREAK refusals. */
  fullyRefusedMs: number | null;
  lastOomMs: number | null;
}

export class Tally {
  readonly #now: () => number;
  #figures: TallyFigures = emptyFigures();
  #streak = 0;
  #streakStart = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  accepted(): void {
    this.#figures.ok++;
    this.#streak = 0;
  }

  refused(): void {
    const figures = this.#figures;
    figures.oom++;
    figures.lastOomMs = this.#now();
    figures.firstOomMs ??= figures.lastOomMs;
    if (figures.fullyRefusedMs !== null) return;
    if (this.#streak++ === 0) this.#streakStart = figures.lastOomMs;
    if (this.#streak === STREAK) figures.fullyRefusedMs = this.#streakStart;
  }

  failed(error: string): void {
    this.#figures.otherErrors++;
    this.#figures.firstOtherError ??= error;
  }

  figures(): TallyFigures {
    return { ...this.#figures };
  }
}

function emptyFigures(): TallyFigures {
  return {
    ok: 0,
    oom: 0,
    otherErrors: 0,
    firstOtherError: null,
    firstOomMs: null,
    fullyRefusedMs: null,
    lastOomMs: null,
  };
}
