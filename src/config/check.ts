// Checks a value of unknown shape: returns a config, or throws a ConfigError with every problem and its place.
// Owns the wording: zod's own messages never reach a user.
import type { z } from 'zod';
import { ConfigError, type ConfigProblem } from './error.js';
import { Places } from './places.js';
import { type ConfigInput, configSchema } from './schema.js';

/**
 * Checks `value` against configSchema and fills in the defaults.
 * @param source the file's path, for the error
 * @param origins for values that did not come from the file: the path ("upstream.url") and the flag or variable
 * @param text the file's text, if `value` comes from one: problems then name their line and their rule
 * @throws ConfigError CONFIG_INVALID
 */
export function checkConfig(
  value: unknown,
  source = 'configuration',
  origins: ReadonlyMap<string, string> = new Map(),
  text?: string,
): ConfigInput {
  const result = configSchema.safeParse(value);
  if (result.success) return result.data;
  const locate = locator(origins, text);
  const problems = result.error.issues
    .flatMap(toProblems)
    .map(({ path, message }): ConfigProblem => ({ ...locate(path), message }))
    // As they stand in the file; those of flags and variables come first.
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  throw new ConfigError('CONFIG_INVALID', source, problems);
}

/** Where the setting at a path was made. */
export type Locate = (path: readonly PropertyKey[]) => Omit<ConfigProblem, 'message'>;

/** @param origins and @param text as for checkConfig() */
export function locator(origins: ReadonlyMap<string, string>, text: string | undefined): Locate {
  const places = text === undefined ? undefined : new Places(text);
  return (path) => {
    const where = formatPath(path);
    const origin = origins.get(where);
    return origin === undefined ? { where, ...places?.of(path) } : { where: origin };
  };
}

function toProblems(issue: z.core.$ZodIssue): { path: readonly PropertyKey[]; message: string }[] {
  const { message } = issue;
  if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, message }];
  const messages = message.split('\n');
  return issue.keys.map((key, i) => ({ path: [...issue.path, key], message: messages[i] as string }));
}

/** ["rules", 2, "ttl"] → "rules[2].ttl"; keys that are not plain words are quoted. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[$\w-]+$/.test(String(part))) text += `[${JSON.stringify(String(part))}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}
