// What a reload was asked for by, and how it ended: field names are an API. Owns shapes only.

/** What a reload was asked for by. */
export type ReloadCause = 'SIGHUP' | 'POST /api/reload' | 'file change' | 'reload()';

/** Why a config was not taken over: what is wrong, and where. */
export interface ReloadFailure {
  /** ISO 8601. */
  readonly at: string;
  readonly code: string;
  /** A file's path, or "environment". */
  readonly source: string;
  readonly problems: readonly { readonly where: string; readonly message: string }[];
}

/** How a reload ended. */
export type ReloadOutcome =
  | {
      readonly ok: true;
      /** Settings that were changed, and such that stay as they are until a restart: paths as in the config. */
      readonly applied: readonly string[];
      readonly needsRestart: readonly string[];
      /** How many there are now. */
      readonly rules: number;
      /** Workers that have not confirmed it in time. */
      readonly workersPending: readonly number[];
      readonly warnings: readonly string[];
    }
  | ({ readonly ok: false } & ReloadFailure);

/** GET /api/config. */
export interface ConfigSnapshot {
  /** null: there is none. */
  readonly file: string | null;
  /** ISO 8601: when it was last read and taken over. */
  readonly loadedAt: string;
  /** Settings that were changed then and wait for a restart. */
  readonly needsRestart: readonly string[];
  readonly reloads: number;
  readonly reloadFailures: number;
  /** null: the last attempt did not fail. */
  readonly lastError: ReloadFailure | null;
  /** What is in effect, in the config's own words, without secrets. */
  readonly config: unknown;
}
