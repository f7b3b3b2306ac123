// The server of the config as one process sees it: its address, TLS and login, and how a worker learns of a move.
import type { Logger } from 'pino';
import type { EffectiveConfig } from '../config/effective.js';
import type { Endpoint } from '../tools/keyspace/endpoint.js';
import { ServerAddress } from '../wire/upstream/server-address.js';
import { secureOptions } from '../wire/upstream/upstream-socket.js';
import { upstreamTls } from './tls.js';

/** Where the primary is, and whether commands may go to it. */
export interface UpstreamNews {
  /** Grows with each change. */
  readonly epoch: number;
  readonly state: 'here' | 'paused' | 'gone';
  /** When the primary process should have learned of it, by upstreamNewsClock(). */
  readonly at: number;
  /** undefined: as in the config. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
}

/** Milliseconds on a clock that all processes of a machine share. */
export function upstreamNewsClock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * One object for each process. Close `tls.renewal` in the end.
 * @param log gets a line for renewed certificate files
 * @throws TlsFileError
 */
export function upstreamOf(config: EffectiveConfig, log: Logger): ServerAddress {
  return new ServerAddress(config.upstream, config.limits.tcpKeepAliveMs, upstreamTls(config, log));
}

/** The present address for Spillway's own connections, and their login. */
export function endpointOf(config: EffectiveConfig, upstream: ServerAddress): () => Endpoint {
  const { username, password, connectTimeoutMs } = config.upstream;
  return () => {
    const { host, port, path, tls } = upstream;
    const endpoint = { host, port, path, username, password, connectTimeoutMs };
    return { ...endpoint, tls: tls && secureOptions(endpoint, tls) };
  };
}
