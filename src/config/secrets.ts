// Secrets that need not stand in the config: read from a variable, or from a file that a variable or the config names.
// Owns reading files for src/config. Invariant: no secret ever reaches an error or a warning.
import { readFileSync } from 'node:fs';
import { ConfigError } from './error.js';
import {
  type Environment,
  nonEmpty,
  PASSWORD_FILE_VARIABLE,
  PASSWORD_VARIABLE,
  TOKEN_FILE_VARIABLE,
  TOKEN_VARIABLE,
} from './overrides.js';

/** What stands in an Authorization header as it is (RFC 6750, b64token), and cannot be guessed. */
const TOKEN = /^[A-Za-z0-9._~+/-]{16,512}=*$/;

/** The password of the memory monitor's connection. @throws ConfigError */
export function readPassword(env: Environment): string | undefined {
  const password = nonEmpty(env[PASSWORD_VARIABLE]);
  const file = nonEmpty(env[PASSWORD_FILE_VARIABLE]);
  if (file === undefined) return password;
  if (password !== undefined) throw twice(PASSWORD_FILE_VARIABLE, PASSWORD_VARIABLE);
  return readSecret(file, 'the password file', PASSWORD_FILE_VARIABLE);
}

/**
 * The admin server's bearer token. `file`: admin.tokenFile, in which the variable's file stands already.
 * @throws ConfigError
 */
export function readToken(env: Environment, file: string | undefined): string | undefined {
  const given = nonEmpty(env[TOKEN_VARIABLE]);
  const fileVariable = nonEmpty(env[TOKEN_FILE_VARIABLE]);
  if (given !== undefined && fileVariable !== undefined) throw twice(TOKEN_FILE_VARIABLE, TOKEN_VARIABLE);
  const where = fileVariable === undefined ? 'admin.tokenFile' : TOKEN_FILE_VARIABLE;
  const token = given ?? (file === undefined ? undefined : readSecret(file, 'the token file', where));
  if (token === undefined || TOKEN.test(token)) return token;
  const message =
    'must hold 16 to 512 letters, digits or any of . _ ~ + / - and nothing else; "openssl rand -hex 32" makes one';
  throw invalid(given === undefined ? where : TOKEN_VARIABLE, message);
}

/** @throws ConfigError CONFIG_UNREADABLE; `where`: what named the file */
export function readText(file: string, what: string, where = ''): string {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw new ConfigError('CONFIG_UNREADABLE', file, [
      { where, message: `cannot read ${what}: ${reason(error)}` },
    ]);
  }
}

function readSecret(file: string, what: string, where: string): string {
  const content = readText(file, what, where).replace(/\r?\n$/, '');
  if (content !== '') return content;
  throw new ConfigError('CONFIG_INVALID', file, [{ where, message: 'names an empty file' }]);
}

function twice(where: string, other: string): ConfigError {
  return invalid(where, `is set beside ${other}; set only one of the two`);
}

function invalid(where: string, message: string): ConfigError {
  return new ConfigError('CONFIG_INVALID', 'environment', [{ where, message }]);
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
