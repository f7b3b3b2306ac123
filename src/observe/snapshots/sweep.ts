// What the API says of the proxy's own sweep: field names are an API. Owns shapes only.

/** The proxy's own sweep. */
export interface SweepSnapshot {
  /** The config asks for one. */
  readonly on: boolean;
  /** This proxy is at it. */
  readonly running: boolean;
  /** TTLs, since the start, by this proxy. */
  readonly given: number;
  readonly failures: number;
  /** Why the last one failed; null: it did not. */
  readonly problem: string | null;
  /** When this proxy was last done with a database, milliseconds since 1970. */
  readonly doneAt: number | null;
}
