// From a value of unknown shape to a checked config, or to a ConfigError with every problem at its place.
// Owns how zod's findings read; zod's own words never reach a user.
import type { z } from 'zod';
import { ConfigError, type ConfigProblem } from './error.js';
import { type ConfigInput, configSchema } from './schema.js';

/**
 * Checks `value` against configSchema and fills in the defaults.
 * @param source what is being checked, for the error: a file's path, or nothing
 * @param origins paths such as "upstream.url" whose value came from elsewhere, with what to call that place
 * @throws ConfigError CONFIG_INVALID
 */
export function checkConfig(
  value: unknown,
  source = 'configuration',
  origins: ReadonlyMap<string, string> = new Map(),
): ConfigInput {
  const result = configSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap(toProblems).map(({ where, message }) => ({
    where: origins.get(where) ?? where,
    message,
  }));
  throw new ConfigError('CONFIG_INVALID', source, problems);
}

function toProblems(issue: z.core.$ZodIssue): ConfigProblem[] {
  const { message } = issue;
  if (issue.code !== 'unrecognized_keys') return [{ where: formatPath(issue.path), message }];
  return issue.keys.map((key) => ({ where: formatPath([...issue.path, key]), message }));
}

/** ["rules", 2, "ttl"] → "rules[2].ttl"; keys that are no plain words are quoted. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[$\w-]+$/.test(String(part))) text += `[${JSON.stringify(String(part))}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}
