// Shared by the commands that talk to Redis directly: the server, the rate, Ctrl-C, and the exit code of each failure.
import { accessSync, constants, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { EffectiveConfig } from '../config/effective.js';
import { ConfigError } from '../config/error.js';
import { type LoadedConfig, loadConfig } from '../config/load.js';
import type { Environment } from '../config/overrides.js';
import type { UpstreamAddress } from '../config/upstream-url.js';
import { TlsRenewal } from '../files/renewal.js';
import { ServerError } from '../tools/keyspace/endpoint.js';
import { connectServers, type Servers, type Where } from '../tools/keyspace/servers.js';
import { secureOptions } from '../wire/upstream/upstream-socket.js';
import { complain, ExitCode } from './exit.js';
import { Progress } from './terminal/progress.js';

export interface ToolOptions {
  readonly config?: string;
  readonly upstream?: string;
  readonly upstreamCa?: string;
  /** Files for TLS, and the name of the server. */
  readonly cert?: string;
  readonly key?: string;
  readonly sni?: string;
  readonly db?: number;
  /** Keys a second. */
  readonly maxRate?: number;
  readonly json?: boolean;
}

/** What a tool works with. */
export interface Tool {
  readonly config: EffectiveConfig;
  /** The config file that was read; undefined: none, so there are no rules. */
  readonly file: string | undefined;
  readonly servers: Servers;
  /** Finds and connects the servers again, and then closes the old connections. @throws ServerError */
  readonly reconnect: () => Promise<Servers>;
  /** Aborted by Ctrl-C and SIGTERM: the tool ends with what it has. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/**
 * Connects and runs `work`. An error that the user can fix becomes a message and its exit code.
 * `name`: the name in the server's CLIENT LIST.
 */
export async function tooling(
  options: ToolOptions,
  env: Environment,
  name: string,
  work: (tool: Tool) => Promise<ExitCode>,
): Promise<ExitCode> {
  const ending = new AbortController();
  const end = (signal: NodeJS.Signals): void => {
    // A second signal ends the process at once.
    if (ending.signal.aborted) process.exit(signalExit(signal));
    ending.abort(signal);
  };
  process.on('SIGINT', end).on('SIGTERM', end);
  const progress = new Progress({ stream: process.stderr, unit: 'keys' });
  let servers: Servers | undefined;
  try {
    const { config, file, where } = whereabouts(options, env);
    const connect = async (): Promise<Servers> => {
      const fresh = await connectServers(where, name);
      servers?.close();
      servers = fresh;
      return fresh;
    };
    const code = await work({
      ...{ config, file, progress },
      servers: await connect(),
      reconnect: connect,
      signal: ending.signal,
    });
    return ending.signal.aborted && code !== ExitCode.FAILURE
      ? signalExit(ending.signal.reason as NodeJS.Signals)
      : code;
  } catch (error) {
    progress.close();
    if (error instanceof ConfigError) {
      complain(error.message);
      return ExitCode.CONFIG;
    }
    if (!(error instanceof ServerError)) throw error;
    complain(error.message);
    return ExitCode.FAILURE;
  } finally {
    progress.close();
    servers?.close();
    process.off('SIGINT', end).off('SIGTERM', end);
  }
}

/** Why this file cannot be created, in words, checked before a long walk; undefined: it can. */
export function unwritableFolder(file: string): string | undefined {
  try {
    accessSync(path.dirname(file), constants.W_OK);
    return undefined;
  } catch (error) {
    return `${file} cannot be written: ${(error as Error).message}`;
  }
}

/** Writes a file completely or not at all. Only its owner can read it, because it has names of keys. Returns the problem. */
export function writeWhole(file: string, content: string): string | undefined {
  const part = `${file}.${process.pid}.part`;
  try {
    writeFileSync(part, content, { mode: 0o600 });
    renameSync(part, file);
    return undefined;
  } catch (error) {
    rmSync(part, { force: true });
    return `${file} cannot be written: ${(error as Error).message}`;
  }
}

/** The database to look at: `--db`, else the URL's; undefined: all. */
export function chosenDb({ db }: ToolOptions, { upstream }: EffectiveConfig): number | undefined {
  return db ?? upstream.db;
}

/** The config as the commands that talk to Redis read it, and where its server is. @throws ConfigError */
export function whereabouts(
  { config: file, upstream, upstreamCa, cert, key, sni }: ToolOptions,
  env: Environment,
): Pick<LoadedConfig, 'config' | 'file'> & { where: Where } {
  // The admin server is not started, so its settings are not checked.
  const flags = {
    ...{ upstream, upstreamCa, upstreamCert: cert, upstreamKey: key, upstreamServerName: sni },
    admin: 'off',
  };
  const loaded = loadConfig({ file, env, flags });
  const { config } = loaded;
  const { failover } = config.upstream;
  const where: Where = { ...config.upstream, tls: tlsOf(config.upstream, config), sentinel: failover };
  return { config, file: loaded.file, where };
}

function tlsOf(server: UpstreamAddress, { upstream }: EffectiveConfig): Where['tls'] {
  if (!server.secure) return undefined;
  const { serverName, ...files } = upstream.tls ?? {};
  const renewal = new TlsRenewal(files, { renewed: () => {}, kept: () => {} });
  const options = secureOptions({ ...server, connectTimeoutMs: 0 }, { renewal, serverName });
  renewal.close();
  return options;
}

/** The exit code that shells use: 128 plus the signal's number. */
function signalExit(signal: NodeJS.Signals): ExitCode {
  return signal === 'SIGTERM' ? ExitCode.TERMINATED : ExitCode.INTERRUPTED;
}
