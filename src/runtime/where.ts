// Where the server is, for what Spillway asks it beside its clients' connections: each asks anew when it connects.
import type { EffectiveConfig } from '../config/effective.js';

/** Where the primary is, and whether commands may go to it. */
export interface UpstreamNews {
  /** Grows with each change. */
  readonly epoch: number;
  readonly state: 'here' | 'paused' | 'gone';
  /** undefined: as in the config. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
}

export class Where {
  private host: string;
  private port: number;
  private path: string | undefined;

  constructor({ host, port, path }: EffectiveConfig['upstream']) {
    this.host = host;
    this.port = port;
    this.path = path;
  }

  get current(): { readonly host: string; readonly port: number; readonly path: string | undefined } {
    const { host, port, path } = this;
    return { host, port, path };
  }

  /** The server is elsewhere. */
  moved({ host, port }: { readonly host: string; readonly port: number }): void {
    this.host = host;
    this.port = port;
    this.path = undefined;
  }
}

/** The primary may be elsewhere later. */
export function follows(config: EffectiveConfig): boolean {
  return config.upstream.failover !== undefined;
}
