// The settings that flags and environment variables can override, because they differ between deployments.
// Owns the names of the variables and the precedence flags > environment > file. The schema checks the values.
// Invariant: an empty variable counts as not set, because compose files and charts set variables to ''.
import { meantSetting } from './meant.js';

/** Values from the command line, as typed. */
export interface ConfigFlags {
  readonly listen?: string | undefined;
  readonly upstream?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly tlsClientCa?: string | undefined;
  readonly upstreamCa?: string | undefined;
  readonly upstreamCert?: string | undefined;
  readonly upstreamKey?: string | undefined;
  readonly upstreamServerName?: string | undefined;
  /** host:port, or "off". */
  readonly admin?: string | undefined;
  /** A number, or "auto". */
  readonly workers?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Setting {
  /** undefined: there is no flag for it. */
  readonly flag?: keyof ConfigFlags;
  readonly option?: string;
  readonly variable: string;
  readonly path: readonly string[];
}

export const UPSTREAM_VARIABLE = 'SPILLWAY_UPSTREAM';
export const TOKEN_FILE_VARIABLE = 'SPILLWAY_ADMIN_TOKEN_FILE';
export const WEBHOOK_FILE_VARIABLE = 'SPILLWAY_ALERTS_WEBHOOK_FILE';
export const AUTHORIZATION_FILE_VARIABLE = 'SPILLWAY_ALERTS_AUTHORIZATION_FILE';

/** docs/CONFIG.md is generated from this as well. */
export const SETTINGS: readonly Setting[] = [
  { flag: 'listen', option: '--listen', variable: 'SPILLWAY_LISTEN', path: ['listen'] },
  { variable: 'SPILLWAY_SENTINEL_LISTEN', path: ['sentinelListen'] },
  { flag: 'upstream', option: '--upstream', variable: UPSTREAM_VARIABLE, path: ['upstream', 'url'] },
  { flag: 'tlsCert', option: '--tls-cert', variable: 'SPILLWAY_TLS_CERT', path: ['listenTls', 'cert'] },
  { flag: 'tlsKey', option: '--tls-key', variable: 'SPILLWAY_TLS_KEY', path: ['listenTls', 'key'] },
  {
    flag: 'tlsClientCa',
    option: '--tls-client-ca',
    variable: 'SPILLWAY_TLS_CLIENT_CA',
    path: ['listenTls', 'clientCa'],
  },
  {
    flag: 'upstreamCa',
    option: '--upstream-ca',
    variable: 'SPILLWAY_UPSTREAM_CA',
    path: ['upstream', 'tls', 'ca'],
  },
  {
    flag: 'upstreamCert',
    option: '--upstream-cert',
    variable: 'SPILLWAY_UPSTREAM_CERT',
    path: ['upstream', 'tls', 'cert'],
  },
  {
    flag: 'upstreamKey',
    option: '--upstream-key',
    variable: 'SPILLWAY_UPSTREAM_KEY',
    path: ['upstream', 'tls', 'key'],
  },
  {
    flag: 'upstreamServerName',
    option: '--upstream-server-name',
    variable: 'SPILLWAY_UPSTREAM_SERVER_NAME',
    path: ['upstream', 'tls', 'serverName'],
  },
  { flag: 'admin', option: '--admin', variable: 'SPILLWAY_ADMIN', path: ['admin', 'listen'] },
  { variable: TOKEN_FILE_VARIABLE, path: ['admin', 'tokenFile'] },
  { variable: WEBHOOK_FILE_VARIABLE, path: ['alerts', 'webhookFile'] },
  { variable: AUTHORIZATION_FILE_VARIABLE, path: ['alerts', 'authorizationFile'] },
  { flag: 'workers', option: '--workers', variable: 'SPILLWAY_WORKERS', path: ['workers'] },
  { flag: 'logLevel', option: '--log-level', variable: 'SPILLWAY_LOG_LEVEL', path: ['log', 'level'] },
  { flag: 'logFormat', option: '--log-format', variable: 'SPILLWAY_LOG_FORMAT', path: ['log', 'format'] },
];

/** The variables that are not settings of the file. */
export const CONFIG_VARIABLE = 'SPILLWAY_CONFIG';
export const PASSWORD_VARIABLE = 'SPILLWAY_UPSTREAM_PASSWORD';
export const PASSWORD_FILE_VARIABLE = 'SPILLWAY_UPSTREAM_PASSWORD_FILE';
export const TOKEN_VARIABLE = 'SPILLWAY_ADMIN_TOKEN';
/** The password of the Sentinels themselves. */
export const SENTINEL_PASSWORD_VARIABLE = 'SPILLWAY_SENTINEL_PASSWORD';
export const SENTINEL_PASSWORD_FILE_VARIABLE = 'SPILLWAY_SENTINEL_PASSWORD_FILE';
/** The password of this proxy's own Sentinel endpoint. */
export const SENTINEL_LISTEN_PASSWORD_VARIABLE = 'SPILLWAY_SENTINEL_LISTEN_PASSWORD';
export const SENTINEL_LISTEN_PASSWORD_FILE_VARIABLE = 'SPILLWAY_SENTINEL_LISTEN_PASSWORD_FILE';
export const WEBHOOK_VARIABLE = 'SPILLWAY_ALERTS_WEBHOOK';
export const AUTHORIZATION_VARIABLE = 'SPILLWAY_ALERTS_AUTHORIZATION';

const KNOWN = new Set([
  ...SETTINGS.map(({ variable }) => variable),
  CONFIG_VARIABLE,
  PASSWORD_VARIABLE,
  PASSWORD_FILE_VARIABLE,
  TOKEN_VARIABLE,
  SENTINEL_PASSWORD_VARIABLE,
  SENTINEL_PASSWORD_FILE_VARIABLE,
  SENTINEL_LISTEN_PASSWORD_VARIABLE,
  SENTINEL_LISTEN_PASSWORD_FILE_VARIABLE,
  WEBHOOK_VARIABLE,
  AUTHORIZATION_VARIABLE,
]);

export interface Overridden {
  readonly value: unknown;
  /** By path in the config: the flag or variable that its value came from. */
  readonly origins: ReadonlyMap<string, string>;
}

/**
 * Returns the file's value with flags and environment applied; `file` itself is not changed.
 * A value that is not an object stays as it is, and the schema refuses it.
 */
export function override(file: unknown, env: Environment, flags: ConfigFlags): Overridden {
  const origins = new Map<string, string>();
  let value = file;
  for (const { flag, option, variable, path } of SETTINGS) {
    const flagged = flag && flags[flag];
    const given = flagged ?? nonEmpty(env[variable]);
    if (given === undefined) continue;
    const changed = withValue(value, path, asInFile(flag, given));
    if (changed === undefined) continue;
    value = changed;
    origins.set(path.join('.'), flagged === undefined ? variable : (option ?? variable));
  }
  return { value, origins };
}

/** The value that the file would have for the text `given`. */
function asInFile(flag: keyof ConfigFlags | undefined, given: string): unknown {
  if (flag === 'admin' && given === 'off') return false;
  return flag === 'workers' && /^[0-9]+$/.test(given) ? Number(given) : given;
}

/** A line for each unknown SPILLWAY_* variable, in order of name. */
export function unknownVariables(env: Environment): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('SPILLWAY_') && !KNOWN.has(name))
    .sort()
    .map((name) => {
      const meant = meantSetting(name, [...KNOWN]);
      const instead = meant === undefined ? `It has ${[...KNOWN].join(', ')}` : `Did you mean ${meant}?`;
      return `${name} is set, but Spillway has no such variable. ${instead}`;
    });
}

/** undefined for '' too. */
export function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** A copy of `target` with `leaf` at `path`; undefined if a value on the path is not an object. */
function withValue(target: unknown, [key, ...rest]: readonly string[], leaf: unknown): object | undefined {
  if (typeof target !== 'object' || target === null || Array.isArray(target)) return undefined;
  if (rest.length === 0) return { ...target, [key]: leaf };
  const inner = withValue(Reflect.get(target, key) ?? {}, rest, leaf);
  return inner === undefined ? undefined : { ...target, [key]: inner };
}
