// The snapshot of the proxy's own sweep. Field names are an API. Types only.

/** The proxy's own sweep. */
export interface SweepSnapshot {
  /** Whether `sweep.every` is set. */
  readonly on: boolean;
  /** This proxy sweeps now. */
  readonly running: boolean;
  /** TTLs that this proxy has given since the start. */
  readonly given: number;
  readonly failures: number;
  /** Why the last sweep failed; null: it did not. */
  readonly problem: string | null;
  /** When this proxy last finished a database, milliseconds since 1970. */
  readonly doneAt: number | null;
}
