// The cause and the outcome of a reload. Field names are an API. Types only.

/** What caused a reload. */
export type ReloadCause = 'SIGHUP' | 'POST /api/reload' | 'file change' | 'reload()';

/** Why a reload failed: each problem with its place. */
export interface ReloadFailure {
  /** ISO 8601. */
  readonly at: string;
  readonly code: string;
  /** A file's path, or "environment". */
  readonly source: string;
  readonly problems: readonly { readonly where: string; readonly message: string }[];
}

/** The outcome of a reload. */
export type ReloadOutcome =
  | {
      readonly ok: true;
      /** Settings that changed, and settings that need a restart: paths such as `memory.shed`. */
      readonly applied: readonly string[];
      readonly needsRestart: readonly string[];
      /** The number of rules in effect. */
      readonly rules: number;
      /** Workers that have not confirmed the reload in time. */
      readonly workersPending: readonly number[];
      readonly warnings: readonly string[];
    }
  | ({ readonly ok: false } & ReloadFailure);

/** GET /api/config. */
export interface ConfigSnapshot {
  /** null: there is none. */
  readonly file: string | null;
  /** ISO 8601: when the configuration was last loaded. */
  readonly loadedAt: string;
  /** Settings that have changed and need a restart. */
  readonly needsRestart: readonly string[];
  readonly reloads: number;
  readonly reloadFailures: number;
  /** null: the last attempt did not fail. */
  readonly lastError: ReloadFailure | null;
  /** The configuration in effect, in the file's form, without secrets. */
  readonly config: unknown;
}
