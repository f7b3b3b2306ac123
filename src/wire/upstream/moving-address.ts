// The one place of a process that says where a server is that may be elsewhere later. Each connection asks it when it is made.
// Invariant: host and port change together, by moved() alone.
import { Following } from './following.js';
import type { Endpoint, UpstreamAddress, UpstreamTls } from './upstream-socket.js';

export class MovingAddress implements UpstreamAddress {
  host: string;
  port: number;
  path: string | undefined;
  readonly connectTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly tls: UpstreamTls | undefined;
  readonly following = new Following();

  constructor({ host, port, path, connectTimeoutMs }: Endpoint, keepAliveMs = 0, tls?: UpstreamTls) {
    this.host = host;
    this.port = port;
    this.path = path;
    this.connectTimeoutMs = connectTimeoutMs;
    this.keepAliveMs = keepAliveMs;
    this.tls = tls;
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
