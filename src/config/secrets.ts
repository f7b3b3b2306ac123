// Reads secrets from a variable, or from a file that a variable or the config names. Owns the file reads of src/config, which
// it yields to its caller. Invariant: no secret ever reaches an error or a warning.
import { whyUnreadable } from '../files/read-file.js';
import type { WithFiles } from '../files/with-files.js';
import type { EffectiveConfig } from './effective.js';
import { ConfigError } from './error.js';
import {
  AUTHORIZATION_FILE_VARIABLE,
  AUTHORIZATION_VARIABLE,
  type Environment,
  nonEmpty,
  PASSWORD_FILE_VARIABLE,
  PASSWORD_VARIABLE,
  SENTINEL_LISTEN_PASSWORD_FILE_VARIABLE,
  SENTINEL_LISTEN_PASSWORD_VARIABLE,
  SENTINEL_PASSWORD_FILE_VARIABLE,
  SENTINEL_PASSWORD_VARIABLE,
  TOKEN_FILE_VARIABLE,
  TOKEN_VARIABLE,
  WEBHOOK_FILE_VARIABLE,
  WEBHOOK_VARIABLE,
} from './overrides.js';

/** A token that an Authorization header can carry (RFC 6750, b64token), long enough not to be guessed. */
const TOKEN = /^[A-Za-z0-9._~+/-]{16,512}=*$/;
/** A header's value: one line without spaces at its ends. */
const AUTHORIZATION = /^[!-~](?:[ -~]{0,4094}[!-~])?$/;

/** The password of the memory monitor's connection. @throws ConfigError */
export function readPassword(env: Environment): WithFiles<string | undefined> {
  return readVariable(env, PASSWORD_VARIABLE, PASSWORD_FILE_VARIABLE);
}

/** The password of the Sentinels themselves. @throws ConfigError */
export function readSentinelPassword(env: Environment): WithFiles<string | undefined> {
  return readVariable(env, SENTINEL_PASSWORD_VARIABLE, SENTINEL_PASSWORD_FILE_VARIABLE);
}

/** The password of the proxy's own Sentinel endpoint. @throws ConfigError */
export function readSentinelListenPassword(env: Environment): WithFiles<string | undefined> {
  return readVariable(env, SENTINEL_LISTEN_PASSWORD_VARIABLE, SENTINEL_LISTEN_PASSWORD_FILE_VARIABLE);
}

function* readVariable(
  env: Environment,
  variable: string,
  fileVariable: string,
): WithFiles<string | undefined> {
  const password = nonEmpty(env[variable]);
  const file = nonEmpty(env[fileVariable]);
  if (file === undefined) return password;
  if (password !== undefined) throw twice(fileVariable, variable);
  return yield* readSecret(file, 'the password file', fileVariable);
}

/** A secret from a variable, or from a file. `setting` names the file; the variable for the file overrides it. */
interface Given {
  readonly variable: string;
  readonly fileVariable: string;
  readonly setting: string;
  readonly what: string;
  /** What is wrong with a secret, as the end of "<field> …"; undefined: nothing. */
  readonly problem: (secret: string) => string | undefined;
}

const TOKEN_GIVEN: Given = {
  variable: TOKEN_VARIABLE,
  fileVariable: TOKEN_FILE_VARIABLE,
  setting: 'admin.tokenFile',
  what: 'the token file',
  problem: (token) =>
    TOKEN.test(token)
      ? undefined
      : 'must have 16 to 512 characters: letters, digits and . _ ~ + / - only; "openssl rand -hex 32" makes one',
};

const WEBHOOK_GIVEN: Given = {
  variable: WEBHOOK_VARIABLE,
  fileVariable: WEBHOOK_FILE_VARIABLE,
  setting: 'alerts.webhookFile',
  what: 'the file with the webhook',
  problem: whyNoWebhook,
};

const AUTHORIZATION_GIVEN: Given = {
  variable: AUTHORIZATION_VARIABLE,
  fileVariable: AUTHORIZATION_FILE_VARIABLE,
  setting: 'alerts.authorizationFile',
  what: 'the file with the authorization',
  problem: (value) =>
    AUTHORIZATION.test(value) ? undefined : 'must have one line of up to 4096 printable ASCII characters',
};

/** The admin server's bearer token. @throws ConfigError */
export function readToken(env: Environment, file: string | undefined): WithFiles<string | undefined> {
  return read(TOKEN_GIVEN, env, file);
}

/** The webhook of alerts. @throws ConfigError */
export function readWebhook(env: Environment, file: string | undefined): WithFiles<string | undefined> {
  return read(WEBHOOK_GIVEN, env, file);
}

/** The Authorization header of alerts. @throws ConfigError */
export function readAuthorization(env: Environment, file: string | undefined): WithFiles<string | undefined> {
  return read(AUTHORIZATION_GIVEN, env, file);
}

function* read(secret: Given, env: Environment, file: string | undefined): WithFiles<string | undefined> {
  const { variable, fileVariable, setting, what, problem } = secret;
  const given = nonEmpty(env[variable]);
  const byVariable = nonEmpty(env[fileVariable]) !== undefined;
  if (given !== undefined && byVariable) throw twice(fileVariable, variable);
  const where = byVariable ? fileVariable : setting;
  const value = given ?? (file === undefined ? undefined : yield* readSecret(file, what, where));
  const message = value === undefined ? undefined : problem(value);
  if (message !== undefined) throw invalid(given === undefined ? where : variable, message);
  return value;
}

function whyNoWebhook(text: string): string | undefined {
  const url = text.length <= 2048 && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    return 'must have one URL that begins with https:// or http://';
  }
  if (url.username === '' && url.password === '') return undefined;
  return `must have a URL without user and password; use ${AUTHORIZATION_VARIABLE} instead`;
}

/** The config without secrets, for processes that serve clients: clients log in themselves. */
export function withoutSecrets(config: EffectiveConfig): EffectiveConfig {
  return {
    ...config,
    upstream: {
      ...config.upstream,
      password: undefined,
      failover: config.upstream.failover && { ...config.upstream.failover, password: undefined },
    },
    sentinelEndpoint: { ...config.sentinelEndpoint, password: undefined },
    admin: { ...config.admin, token: undefined },
    alerts: { ...config.alerts, webhook: undefined, authorization: undefined },
  };
}

/** The same environment without the variables that hold a secret. */
export function withoutSecretVariables(env: Environment): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !SECRET_VARIABLES.has(name)));
}

const SECRET_VARIABLES: ReadonlySet<string> = new Set([
  PASSWORD_VARIABLE,
  TOKEN_VARIABLE,
  SENTINEL_PASSWORD_VARIABLE,
  SENTINEL_LISTEN_PASSWORD_VARIABLE,
  WEBHOOK_VARIABLE,
  AUTHORIZATION_VARIABLE,
]);

/** @throws ConfigError CONFIG_UNREADABLE; `where`: what named the file */
export function* readText(file: string, what: string, where = ''): WithFiles<string> {
  try {
    return textOf(yield { path: file, regular: false });
  } catch (cause) {
    const message = `cannot read ${what}: ${whyUnreadable(cause)}`;
    throw new ConfigError('CONFIG_UNREADABLE', file, [{ where, message }], { cause });
  }
}

/** The text without a byte order mark, which some editors write. */
export function textOf(content: Buffer): string {
  return content.toString('utf8').replace(/^\uFEFF/, '');
}

function* readSecret(file: string, what: string, where: string): WithFiles<string> {
  const content = (yield* readText(file, what, where)).replace(/\r?\n$/, '');
  if (content !== '') return content;
  throw new ConfigError('CONFIG_INVALID', file, [{ where, message: 'names an empty file' }]);
}

function twice(where: string, other: string): ConfigError {
  return invalid(where, `is set together with ${other}; set only one of the two`);
}

function invalid(where: string, message: string): ConfigError {
  return new ConfigError('CONFIG_INVALID', 'environment', [{ where, message }]);
}
