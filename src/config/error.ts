// The error of src/config: it lists every problem with its place.
// Invariant: it has only places, keys and reasons, and no value from the config, because any value may be a secret.

/** UNREADABLE: a file cannot be read. SYNTAX: it is not JSON. INVALID: it is JSON, but not a valid config. */
export type ConfigErrorCode = 'CONFIG_UNREADABLE' | 'CONFIG_SYNTAX' | 'CONFIG_INVALID';

export interface ConfigProblem {
  /** `rules[2].ttl`, `SPILLWAY_LISTEN`, `--admin`, or `line 3, column 7`; '' for the whole. */
  readonly where: string;
  /** Continues `where`: "must be …". */
  readonly message: string;
}

const SHOWN = 50;

export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  /** @param source what was read: a file's path, or "the configuration" @param options `cause`: why a file could not be read */
  constructor(
    readonly code: ConfigErrorCode,
    readonly source: string,
    readonly problems: readonly ConfigProblem[],
    options?: ErrorOptions,
  ) {
    super(
      `${source}: ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}\n${list(problems)}`,
      options,
    );
  }
}

function list(problems: readonly ConfigProblem[]): string {
  const lines = problems
    .slice(0, SHOWN)
    .map(({ where, message }) => (where === '' ? `  ${message}` : `  ${where}: ${message}`));
  if (problems.length > SHOWN) lines.push(`  … and ${problems.length - SHOWN} more`);
  return lines.join('\n');
}
