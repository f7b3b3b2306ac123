// Loads a config from file, environment and flags: returns the effective config, or throws one ConfigError with every
// problem. Knows nothing about the command line or the process.
// Invariant: flags > environment > file > defaults; no secret ever reaches an error or a warning.
import type { Sliced } from '../core/policy/slices.js';
import { type WithFiles, withFiles, withFilesNow } from '../files/with-files.js';
import { formatListenAddress, isLoopback } from './address.js';
import { bandMistakes } from './band-mistakes.js';
import { budgetMistakes } from './budget-mistakes.js';
import { checkConfig, type Locate, locator } from './check.js';
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
import { renewMistakes } from './renew-mistakes.js';
import { ruleMistakes } from './rule-mistakes.js';
import {
  readAuthorization,
  readPassword,
  readSentinelListenPassword,
  readSentinelPassword,
  readText,
  readToken,
  readWebhook,
} from './secrets.js';
import { checkTlsFiles } from './tls-files.js';

export interface ConfigSources {
  /** Path of the config file; it overrides SPILLWAY_CONFIG. Without either only the defaults apply. */
  readonly file?: string | undefined;
  /** The content of a file, instead of a file. */
  readonly content?: unknown;
  /** Usually process.env. */
  readonly env: Environment;
  readonly flags: ConfigFlags;
}

export interface LoadedConfig {
  readonly config: EffectiveConfig;
  /** Path of the file that was read; undefined: none. */
  readonly file: string | undefined;
  /** The file's text. Never to be shown. */
  readonly text: string | undefined;
  /** Probable mistakes that do not stop the proxy, one line each. */
  readonly warnings: readonly string[];
}

/** For the start: blocks until the files are read. @throws ConfigError with every problem that was found */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  return withFilesNow(load(sources));
}

/** For a running proxy: reads the files in the background; they must be regular files. @throws as loadConfig() */
export function reloadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  return withFiles(load(sources));
}

function* load({ file: given, content, env, flags }: ConfigSources): WithFiles<LoadedConfig> {
  const file = content === undefined ? (given ?? nonEmpty(env[CONFIG_VARIABLE])) : undefined;
  const text = file === undefined ? undefined : yield* readText(file, 'the config file');
  const parsedFile = file === undefined || text === undefined ? {} : parseFile(file, text);
  const { value, origins } = override(content ?? parsedFile, env, flags);
  yield;
  const parsed = checkConfig(value, file, origins, text);
  yield;
  const config = compileConfig(parsed, {
    upstreamPassword: yield* readPassword(env),
    sentinelPassword: yield* readSentinelPassword(env),
    sentinelListenPassword: yield* readSentinelListenPassword(env),
    adminToken: yield* readToken(env, parsed.admin.tokenFile),
    alertsWebhook: yield* readWebhook(env, parsed.alerts.webhookFile),
    alertsAuthorization: yield* readAuthorization(env, parsed.alerts.authorizationFile),
  });
  const locate = locator(origins, text);
  requireToken(config, file, locate);
  yield* checkTlsFiles(config, locate, file);
  return {
    config,
    file,
    text,
    warnings: [
      ...unknownVariables(env),
      ...(yield* aboutRules(config, file)),
      ...renewMistakes(config.rules, config.workers),
      ...bandMistakes(config.memory.bands),
      ...budgetMistakes(config.rules),
      ...aboutAlerts(config),
    ],
  };
}

/** The admin server shows key patterns, so beyond this machine it needs a token. */
function requireToken({ admin }: EffectiveConfig, source: string | undefined, locate: Locate): void {
  if (admin.listen === false || admin.token !== undefined || isLoopback(admin.listen.host)) return;
  const loopback = formatListenAddress({ host: '127.0.0.1', port: admin.listen.port });
  const message =
    `can be reached from other machines, so it needs a token: set ${TOKEN_VARIABLE}, or set ${TOKEN_FILE_VARIABLE} or ` +
    `admin.tokenFile to a file with one; or listen on loopback (${loopback})`;
  throw new ConfigError('CONFIG_INVALID', source ?? 'configuration', [
    { ...locate(['admin', 'listen']), message },
  ]);
}

function* aboutRules(config: EffectiveConfig, file: string | undefined): Sliced<string[]> {
  if (config.rules.length > 0) return yield* ruleMistakes(config.rules, config.families);
  const why =
    file === undefined ? 'no config file is named (--config FILE or SPILLWAY_CONFIG)' : `${file} has none`;
  return [
    `no rules: ${why}; no key gets a TTL, and all keys have priority normal${config.familyRules.length > 0 ? ' except those of job systems' : ''}`,
  ];
}

function aboutAlerts({ alerts: { webhook, authorization } }: EffectiveConfig): string[] {
  if (webhook === undefined) {
    return authorization === undefined
      ? []
      : ['alerts: an authorization is set, but no webhook, so Spillway sends no alerts'];
  }
  const { protocol, hostname } = new URL(webhook);
  if (protocol === 'https:' || isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'))) return [];
  return [
    'alerts: the webhook has http://, so others on the network can read and forge alerts; use https://',
  ];
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
