// The server's present address, for all connections of a process, clients' and Spillway's own. Each connection asks when it is
// made.
// Invariant: host, port and path change together, by moved() alone.
import { Following } from './following.js';
import type { Endpoint, UpstreamAddress, UpstreamTls } from './upstream-socket.js';

interface Settings extends Endpoint {
  /** One of them is present: the primary may move later. */
  readonly failover?: unknown;
  readonly followedName?: unknown;
}

export class ServerAddress implements UpstreamAddress {
  host: string;
  port: number;
  path: string | undefined;
  readonly connectTimeoutMs: number;
  readonly following: Following | undefined;

  constructor(
    { host, port, path, connectTimeoutMs, failover, followedName }: Settings,
    readonly keepAliveMs: number,
    readonly tls: UpstreamTls | undefined,
  ) {
    this.host = host;
    this.port = port;
    this.path = path;
    this.connectTimeoutMs = connectTimeoutMs;
    this.following = (failover ?? followedName) === undefined ? undefined : new Following();
  }

  is({ host, port }: { readonly host: string; readonly port: number }): boolean {
    return this.path === undefined && this.host === host && this.port === port;
  }

  moved({ host, port }: { readonly host: string; readonly port: number }): void {
    this.host = host;
    this.port = port;
    this.path = undefined;
  }
}
