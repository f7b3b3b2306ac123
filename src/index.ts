// The package as a library: a proxy in the process of a program, such as its tests (docs/EMBEDDING.md). What is exported here
// is an API; nothing else of the package is. Reads no arguments, no variables and no signals of the process.
import { type Logger, pino } from 'pino';
import type { z } from 'zod';
import { formatListenAddress } from './config/address.js';
import { loadConfig, reloadConfig } from './config/load.js';
import type { ReloadOutcome } from './config/reload-outcome.js';
import type { configSchema } from './config/schema.js';
import type { MemorySnapshot } from './memory/snapshot.js';
import type { StatsSnapshot } from './observe/stats/snapshot.js';
import { SpillwayProxy } from './runtime/proxy.js';

export { ConfigError } from './config/error.js';
export type { MemorySnapshot, ReloadOutcome, StatsSnapshot };

/** A configuration, as in proxy.config.json: what is left out has its default. */
export type SpillwayConfig = z.input<typeof configSchema>;

export interface SpillwayOptions {
  readonly config?: SpillwayConfig;
  /** Variables that the configuration goes by, SPILLWAY_ADMIN_TOKEN and the like; none unless given, not even the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Nothing is logged without one. */
  readonly log?: Logger;
}

export class Spillway {
  private readonly proxy: SpillwayProxy;
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
   * Resolves when clients can connect and memory was read, or could not be. A server that is not there is no error: the
   * proxy refuses clients until it is. Rejects with the system's error when it cannot listen. To be called once.
   */
  start(): Promise<void> {
    return this.proxy.start();
  }

  /** Lets clients finish what is under way for up to `graceMs`, then closes everything. */
  stop(graceMs = 0): Promise<void> {
    return this.proxy.stop(graceMs);
  }

  /** Where clients connect: `redis://host:port`, or `unix:/path`. @throws Error before it has started */
  get url(): string {
    const { address } = this.proxy;
    return `${address.path === undefined ? 'redis://' : ''}${formatListenAddress(address)}`;
  }

  /** Where clients connect, as numbers say it: the port is the real one where the configuration says 0. */
  get address(): { readonly host: string; readonly port: number; readonly path?: string | undefined } {
    return this.proxy.address;
  }

  /** The admin server: `http://host:port`; undefined where the configuration wants none. */
  get adminUrl(): string | undefined {
    const { adminAddress } = this.proxy;
    return adminAddress && `http://${formatListenAddress(adminAddress)}`;
  }

  /** Goes by another configuration, as a reload of the file does; what needs a restart is named, and stays. */
  async reload(config: SpillwayConfig): Promise<ReloadOutcome> {
    const before = this.config;
    this.config = config;
    const outcome = await this.proxy.reload('reload()');
    if (!outcome.ok) this.config = before;
    return outcome;
  }

  /** As GET /api/stats. */
  stats(): Promise<StatsSnapshot> {
    return this.proxy.stats();
  }

  /** As GET /api/memory. */
  memory(): MemorySnapshot {
    return this.proxy.memory();
  }

  private sources() {
    return { content: this.config, env: this.env, flags: {} };
  }
}
