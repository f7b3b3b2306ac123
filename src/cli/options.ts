// The flags that commands share, and how they become config sources.
// Checks no values: the config schema does, and names the flag a bad value came from.
import type { Command } from 'commander';
import type { ConfigSources } from '../config/load.js';
import { LOG_FORMATS, LOG_LEVELS } from '../config/log-levels.js';

/** Values by commander's names of the flags. */
export interface ConfigOptions {
  readonly listen?: string;
  readonly upstream?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly upstreamCa?: string;
  readonly upstreamCert?: string;
  readonly upstreamKey?: string;
  readonly upstreamServerName?: string;
  readonly admin?: string;
  readonly workers?: string;
  readonly config?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
}

/** Declares the flags on a command. */
export function addConfigOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'read the configuration from FILE (JSON)')
    .option('-l, --listen <host:port>', 'listen for clients here; ":6380": on all interfaces; or unix:/path')
    .option('--tls-cert <file>', 'serve clients over TLS with this certificate, PEM')
    .option('--tls-key <file>', 'the private key of the certificate, PEM')
    .option('--tls-client-ca <file>', 'require client certificates signed by these CAs, PEM')
    .option(
      '-u, --upstream <url>',
      'the Redis or Valkey server: redis://[user:password@]host[:port][/db], rediss:// (TLS) or unix:///path',
    )
    .option('--upstream-ca <file>', "the CAs that may sign a rediss:// server's certificate, PEM")
    .option('--upstream-cert <file>', 'the certificate that Spillway shows to the server, PEM')
    .option('--upstream-key <file>', 'the private key of that certificate, PEM')
    .option('--upstream-server-name <name>', "the name that the server's certificate must be for")
    .option(
      '-a, --admin <host:port>',
      'serve statistics, metrics and health here; needs a token beyond loopback; "off": nowhere',
    )
    .option(
      '-w, --workers <number>',
      'number of processes that serve clients; "auto": one for each processor',
    )
    .option('--log-level <level>', `log this level and above: ${LOG_LEVELS.join(', ')}`)
    .option('--log-format <format>', `log in this form: ${LOG_FORMATS.join(', ')}`);
}

export function toSources(options: ConfigOptions, env: ConfigSources['env']): ConfigSources {
  const { config: file, ...flags } = options;
  return { file, env, flags };
}

/** Flags of the commands that ask a running proxy. */
export interface AskOptions {
  readonly config?: string;
  readonly admin?: string;
  readonly json?: boolean;
}

/** Declares them on a command. */
export function addAskOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'read the admin address and the token file from FILE')
    .option('-a, --admin <url>', 'ask the proxy whose admin server is at URL');
}
