// Loads a config: file, environment and flags in, the effective config out, or one ConfigError that lists it all.
// Owns reading files (the config, a password; those of TLS are looked at); knows nothing of the command line or of the process.
// Invariant: flags > environment > file > defaults; no secret ever reaches an error or a warning.
import { readFileSync } from 'node:fs';
import { checkConfig } from './check.js';
import { compileConfig } from './compile.js';
import type { EffectiveConfig } from './effective.js';
import { ConfigError } from './error.js';
import { JsonSyntaxError, parseJson } from './json.js';
import {
  CONFIG_VARIABLE,
  type ConfigFlags,
  type Environment,
  nonEmpty,
  override,
  PASSWORD_FILE_VARIABLE,
  PASSWORD_VARIABLE,
  unknownVariables,
} from './overrides.js';
import { checkTlsFiles } from './tls-files.js';

export interface ConfigSources {
  /** Path of the config file; before SPILLWAY_CONFIG. Without either, defaults only. */
  readonly file?: string | undefined;
  /** Usually process.env. */
  readonly env: Environment;
  readonly flags: ConfigFlags;
}

export interface LoadedConfig {
  readonly config: EffectiveConfig;
  /** Path of the file that was read; undefined: none. */
  readonly file: string | undefined;
  /** For people, one line each: nothing that stops the proxy, but likely not what was meant. */
  readonly warnings: readonly string[];
}

/** @throws ConfigError with every problem that was found */
export function loadConfig({ file: given, env, flags }: ConfigSources): LoadedConfig {
  const file = given ?? nonEmpty(env[CONFIG_VARIABLE]);
  const content = file === undefined ? {} : parseFile(file, readText(file, 'the config file'));
  const { value, origins } = override(content, env, flags);
  const parsed = checkConfig(value, file, origins);
  const config = compileConfig(parsed, { upstreamPassword: readPassword(env) });
  checkTlsFiles(config, file);
  return { config, file, warnings: [...unknownVariables(env), ...aboutRules(config, file)] };
}

function aboutRules(config: EffectiveConfig, file: string | undefined): string[] {
  if (config.rules.length > 0) return [];
  const why =
    file === undefined ? 'no config file was given (--config FILE or SPILLWAY_CONFIG)' : `${file} has none`;
  return [`no rules: ${why}; no key gets a TTL, and all keys have priority normal`];
}

function parseFile(file: string, text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const where = `line ${error.line}, column ${error.column}`;
    throw new ConfigError('CONFIG_SYNTAX', file, [{ where, message: error.message }]);
  }
}

function readPassword(env: Environment): string | undefined {
  const password = nonEmpty(env[PASSWORD_VARIABLE]);
  const file = nonEmpty(env[PASSWORD_FILE_VARIABLE]);
  if (file === undefined) return password;
  if (password !== undefined) {
    const message = `is set beside ${PASSWORD_VARIABLE}; set only one of the two`;
    throw new ConfigError('CONFIG_INVALID', 'environment', [{ where: PASSWORD_FILE_VARIABLE, message }]);
  }
  const content = readText(file, 'the password file', PASSWORD_FILE_VARIABLE).replace(/\r?\n$/, '');
  if (content !== '') return content;
  throw new ConfigError('CONFIG_INVALID', file, [
    { where: PASSWORD_FILE_VARIABLE, message: 'names an empty file' },
  ]);
}

function readText(file: string, what: string, where = ''): string {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw new ConfigError('CONFIG_UNREADABLE', file, [
      { where, message: `cannot read ${what}: ${reason(error)}` },
    ]);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return REASONS[code] ?? code;
}
