// The one error that everything in src/config throws: what is wrong, where, all of it at once.
// Invariant: no value from the config stands in it, since any may be a secret; only places, keys and reasons.

/** UNREADABLE: a file cannot be read. SYNTAX: it is no JSON. INVALID: it is, but not a valid config. */
export type ConfigErrorCode = 'CONFIG_UNREADABLE' | 'CONFIG_SYNTAX' | 'CONFIG_INVALID';

export interface ConfigProblem {
  /** `rules[2].ttl`, `SPILLWAY_LISTEN`, `--admin`, or `line 3, column 7`; '' for the whole. */
  readonly where: string;
  /** Reads on after `where`: "must be …". */
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
