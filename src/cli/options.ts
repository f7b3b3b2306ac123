// The flags that commands share, and how they become config sources.
// Checks no values: the config schema does, and names the flag a bad value came from.
import type { Command } from 'commander';
import type { ConfigSources } from '../config/load.js';
import { LOG_LEVELS } from '../config/log-levels.js';

/** Values by commander's own naming of the flags. */
export interface ConfigOptions {
  readonly listen?: string;
  readonly upstream?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly upstreamCa?: string;
  readonly admin?: string;
  readonly workers?: string;
  readonly config?: string;
  readonly logLevel?: string;
}

/** Declares the flags on a command. */
export function addConfigOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'read the configuration from FILE (JSON)')
    .option('-l, --listen <host:port>', 'accept clients here; ":6380" means all interfaces; or unix:/path')
    .option('--tls-cert <file>', 'clients use TLS: the certificate, PEM')
    .option('--tls-key <file>', 'its private key, PEM')
    .option('--tls-client-ca <file>', 'the CAs that certificates of clients must be from, PEM')
    .option(
      '-u, --upstream <url>',
      'the Redis or Valkey behind, redis://[user:password@]host[:port][/db], rediss:// (TLS) or unix:///path',
    )
    .option('--upstream-ca <file>', "the CAs that a rediss:// server's certificate may be from, PEM")
    .option(
      '-a, --admin <host:port>',
      'serve statistics, metrics and health here, beyond loopback with a token; "off": nowhere',
    )
    .option('-w, --workers <number>', 'serve clients by so many processes; "auto": one for each processor')
    .option('--log-level <level>', `log from this level up: ${LOG_LEVELS.join(', ')}`);
}

export function toSources(options: ConfigOptions, env: ConfigSources['env']): ConfigSources {
  const { config: file, ...flags } = options;
  return { file, env, flags };
}

/** Of the commands that ask a running proxy. */
export interface AskOptions {
  readonly config?: string;
  readonly admin?: string;
  readonly json?: boolean;
}

/** Declares them on a command. */
export function addAskOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', "take the admin address and the token's file from FILE")
    .option('-a, --admin <url>', 'ask the proxy whose admin server is at URL');
}
