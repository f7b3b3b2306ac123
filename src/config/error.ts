// The error of src/config: it lists every problem with its place.
// Invariant: it has only places, keys and reasons, and no value from the config, because any value may be a secret.

/** UNREADABLE: a file cannot be read. SYNTAX: it is not JSON. INVALID: it is JSON, but not a valid config. */
export type ConfigErrorCode = 'CONFIG_UNREADABLE' | 'CONFIG_SYNTAX' | 'CONFIG_INVALID';

export interface ConfigProblem {
  /** `rules[2].ttl`, `SPILLWAY_LISTEN`, `--admin`, or `line 3, column 7`; '' for the whole. */
  readonly where: string;
  /** The line in the config file, from 1, if the problem is in one. */
  readonly line?: number;
  /** The name of the rule that `where` is in, if it has one. */
  readonly rule?: string;
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

/** `rules[4].ttl (rule "queue", line 11): `, as far as known. */
function place({ where, line, rule }: ConfigProblem): string {
  const more = [
    ...(rule === undefined ? [] : [`rule "${rule}"`]),
    ...(line === undefined ? [] : [`line ${line}`]),
  ];
  const shown = [...(where === '' ? [] : [where]), ...(more.length === 0 ? [] : [`(${more.join(', ')})`])];
  return shown.length === 0 ? '' : `${shown.join(' ')}: `;
}

function list(problems: readonly ConfigProblem[]): string {
  const lines = problems.slice(0, SHOWN).map((problem) => `  ${place(problem)}${problem.message}`);
  if (problems.length > SHOWN) lines.push(`  … and ${problems.length - SHOWN} more`);
  return lines.join('\n');
}
