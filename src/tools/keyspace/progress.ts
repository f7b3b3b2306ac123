// The progress of a walk over the keys, for the code that shows it.

export interface WalkProgress {
  /** A new walk begins; `total` keys are expected. */
  begin(title: string, total: number): void;
  advance(by: number): void;
  /** Why the walk waits; undefined: it goes on. */
  waiting(note: string | undefined): void;
}
