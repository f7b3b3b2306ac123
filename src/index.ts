// The package as a library: a proxy in the process of another program, such as its tests (docs/EMBEDDING.md). The exports are
// an API; nothing else in the package is. It reads no arguments, variables or signals of the process.
import { type Logger, pino } from 'pino';
import type { z } from 'zod';
import { formatListenAddress } from './config/address.js';
import { loadConfig, reloadConfig } from './config/load.js';
import type { ReloadOutcome } from './config/reload-outcome.js';
import type { configSchema } from './config/schema.js';
import type { MemorySnapshot } from './memory/snapshot.js';
import type { StatsSnapshot } from './observe/stats/snapshot.js';
import { type Addresses, SpillwayProxy } from './runtime/proxy.js';

export { ConfigError } from './config/error.js';
export type { MemorySnapshot, ReloadOutcome, StatsSnapshot };

/** A configuration, as in proxy.config.json: absent settings have their defaults. */
export type SpillwayConfig = z.input<typeof configSchema>;

export interface SpillwayOptions {
  readonly config?: SpillwayConfig;
  /** Variables for the configuration, such as SPILLWAY_ADMIN_TOKEN; by default none, not even the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Without a logger nothing is logged. */
  readonly log?: Logger;
}

export class Spillway {
  private readonly proxy: SpillwayProxy;
  /** undefined: it has not started. */
  private addresses: Addresses | undefined;
  private readonly env: Readonly<Record<string, string | undefined>>;
  private config: SpillwayConfig;

  /** Connects to nothing and listens nowhere yet. @throws ConfigError */
  constructor({ config = {}, env = {}, log = pino({ level: 'silent' }) }: SpillwayOptions = {}) {
    this.config = config;
    this.env = env;
    const { config: effective, warnings } = loadConfig(this.sources());
    for (const warning of warnings) log.warn(warning);
    const load = () => reloadConfig(this.sources());
    this.proxy = new SpillwayProxy(effective, log, { source: { file: undefined, text: undefined, load } });
  }

  /**
   * Resolves when clients can connect and memory was read, or could not be read. A missing server is no error: the proxy
   * refuses clients until the server is there. Rejects with the system's error if it cannot listen. Call it once.
   */
  async start(): Promise<void> {
    this.addresses = await this.proxy.start();
  }

  /** Lets clients finish what is under way for up to `graceMs`, then closes everything. */
  stop(graceMs = 0): Promise<void> {
    return this.proxy.stop(graceMs);
  }

  /** The address for clients: `redis://host:port`, or `unix:/path`. @throws Error before it has started */
  get url(): string {
    const { address } = this;
    return `${address.path === undefined ? 'redis://' : ''}${formatListenAddress(address)}`;
  }

  /** The same in parts: the port is the real one if the configuration says 0. */
  get address(): { readonly host: string; readonly port: number; readonly path?: string | undefined } {
    if (this.addresses === undefined) throw new Error('the proxy has not started');
    return this.addresses.address;
  }

  /** The admin server: `http://host:port`; undefined if the configuration turns it off. */
  get adminUrl(): string | undefined {
    const adminAddress = this.addresses?.adminAddress;
    return adminAddress && `http://${formatListenAddress(adminAddress)}`;
  }

  /**
   * Applies another configuration, like a reload of the file. The result names the settings that need a restart and stay
   * unchanged.
   */
  async reload(config: SpillwayConfig): Promise<ReloadOutcome> {
    const before = this.config;
    this.config = config;
    const outcome = await this.proxy.reload('reload()');
    if (!outcome.ok) this.config = before;
    return outcome;
  }

  /** The answer of GET /api/stats. */
  stats(): Promise<StatsSnapshot> {
    return this.proxy.stats();
  }

  /** The answer of GET /api/memory. */
  memory(): MemorySnapshot {
    return this.proxy.memory();
  }

  private sources() {
    return { content: this.config, env: this.env, flags: {} };
  }
}
