// What a walk over the keys tells of how far it is, to whoever shows it.

export interface WalkProgress {
  /** Something new begins; `total` keys are expected. */
  begin(title: string, total: number): void;
  advance(by: number): void;
  /** Why it does not advance; undefined: it does. */
  waiting(note: string | undefined): void;
}
