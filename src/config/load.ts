// Loads a config: file, environment and flags in, the effective config out, or one ConfigError that lists it all.
// Knows nothing of the command line or of the process.
// Invariant: flags > environment > file > defaults; no secret ever reaches an error or a warning.
import { type WithFiles, withFiles, withFilesNow } from '../files/with-files.js';
import { formatListenAddress, isLoopback } from './address.js';
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
  TOKEN_FILE_VARIABLE,
  TOKEN_VARIABLE,
  unknownVariables,
} from './overrides.js';
import { ruleMistakes } from './rule-mistakes.js';
import { readAuthorization, readPassword, readText, readToken, readWebhook } from './secrets.js';
import { checkTlsFiles } from './tls-files.js';

export interface ConfigSources {
  /** Path of the config file; before SPILLWAY_CONFIG. Without either, defaults only. */
  readonly file?: string | undefined;
  /** What would stand in a file, instead of one. */
  readonly content?: unknown;
  /** Usually process.env. */
  readonly env: Environment;
  readonly flags: ConfigFlags;
}

export interface LoadedConfig {
  readonly config: EffectiveConfig;
  /** Path of the file that was read; undefined: none. */
  readonly file: string | undefined;
  /** What was in it. Never to be shown. */
  readonly text: string | undefined;
  /** For people, one line each: nothing that stops the proxy, but likely not what was meant. */
  readonly warnings: readonly string[];
}

/** Before anything is served: it waits for the files. @throws ConfigError with every problem that was found */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  return withFilesNow(load(sources));
}

/** While the proxy runs: nothing else waits for the files, which must be regular ones. @throws as loadConfig() */
export function reloadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  return withFiles(load(sources));
}

function* load({ file: given, content, env, flags }: ConfigSources): WithFiles<LoadedConfig> {
  const file = content === undefined ? (given ?? nonEmpty(env[CONFIG_VARIABLE])) : undefined;
  const text = file === undefined ? undefined : yield* readText(file, 'the config file');
  const parsedFile = file === undefined || text === undefined ? {} : parseFile(file, text);
  const { value, origins } = override(content ?? parsedFile, env, flags);
  const parsed = checkConfig(value, file, origins);
  const config = compileConfig(parsed, {
    upstreamPassword: yield* readPassword(env),
    adminToken: yield* readToken(env, parsed.admin.tokenFile),
    alertsWebhook: yield* readWebhook(env, parsed.alerts.webhookFile),
    alertsAuthorization: yield* readAuthorization(env, parsed.alerts.authorizationFile),
  });
  requireToken(config, file, origins.get('admin.listen') ?? 'admin.listen');
  yield* checkTlsFiles(config, file);
  return {
    config,
    file,
    text,
    warnings: [...unknownVariables(env), ...aboutRules(config, file), ...aboutAlerts(config)],
  };
}

/** Whoever reaches the admin server may read key patterns: beyond this machine, only with a token. */
function requireToken({ admin }: EffectiveConfig, source: string | undefined, where: string): void {
  if (admin.listen === false || admin.token !== undefined || isLoopback(admin.listen.host)) return;
  const loopback = formatListenAddress({ host: '127.0.0.1', port: admin.listen.port });
  const message =
    `reaches beyond this machine, so it needs a token: set ${TOKEN_VARIABLE}, or ${TOKEN_FILE_VARIABLE} or ` +
    `admin.tokenFile to a file with one; or listen on loopback (${loopback})`;
  throw new ConfigError('CONFIG_INVALID', source ?? 'configuration', [{ where, message }]);
}

function aboutRules(config: EffectiveConfig, file: string | undefined): string[] {
  if (config.rules.length > 0) return ruleMistakes(config.rules);
  const why =
    file === undefined ? 'no config file was given (--config FILE or SPILLWAY_CONFIG)' : `${file} has none`;
  return [`no rules: ${why}; no key gets a TTL, and all keys have priority normal`];
}

function aboutAlerts({ alerts: { webhook, authorization } }: EffectiveConfig): string[] {
  if (webhook === undefined) {
    return authorization === undefined
      ? []
      : ['an authorization for alerts is set, but no webhook: none are sent'];
  }
  const { protocol, hostname } = new URL(webhook);
  if (protocol === 'https:' || isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'))) return [];
  return ['alerts go by plain http://: who listens in reads them, and may post such; use https://'];
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
