// A private Redis or Valkey for the demo, the tests and the benchmarks: on loopback, in a temp folder of its own,
// nothing persisted. Never touches a server that it has not started.
// Invariant: the server and its folder do not outlive this process, however this process ends (see server-launch).
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { findFreePort } from './free-port.js';
import { endServer, type Launched, launchServer } from './server-launch.js';
import { ServerSetupError } from './setup-error.js';

const START_ATTEMPTS = 5;

export interface RedisOptions {
  /** From findServerBinary() or ensureServerBinary(). */
  readonly binary: string;
  /** More arguments for the server, such as `['--maxmemory', '64mb']`; they override the defaults. */
  readonly args?: readonly string[];
  /** Default: a free one. */
  readonly port?: number;
}

export interface RedisProcess {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The pid of the process that runs now; restart() changes it. */
  readonly pid: number;
  /** Ends the server and removes its folder. May be called again. */
  stop(): Promise<void>;
  /** Sends a signal; for one that ends the server, waits for its end. Its folder stays: restart() may follow. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and in the same folder, after ending it if it still runs. */
  restart(): Promise<void>;
}

/**
 * Starts a private server and resolves once it answers commands.
 * @throws ServerSetupError ERR_SERVER_START with the server's last log lines.
 */
export async function startRedis(options: RedisOptions): Promise<RedisProcess> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'spillway-redis-'));
  try {
    for (let attempt = 1; ; attempt++) {
      const port = options.port ?? (await findFreePort());
      try {
        return new PrivateRedis(
          options,
          folder,
          port,
          await launchServer(options.binary, options.args ?? [], folder, port),
        );
      } catch (error) {
        // Another process took the port between the check and the start.
        const lostRace = error instanceof ServerSetupError && /in use/i.test(error.message);
        if (!lostRace || options.port !== undefined || attempt === START_ATTEMPTS) throw error;
      }
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

class PrivateRedis implements RedisProcess {
  readonly host = '127.0.0.1';
  readonly port: number;
  #launched: Launched;
  readonly #options: RedisOptions;
  readonly #folder: string;

  constructor(options: RedisOptions, folder: string, port: number, launched: Launched) {
    this.port = port;
    this.#launched = launched;
    this.#options = options;
    this.#folder = folder;
  }

  get pid(): number {
    return this.#launched.pid;
  }

  async stop(): Promise<void> {
    await endServer(this.#launched);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const { child, exited } = this.#launched;
    child.kill(signal);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return;
    // Otherwise nothing would keep the process alive during the wait.
    child.ref();
    await exited;
  }

  async restart(): Promise<void> {
    await endServer(this.#launched);
    this.#launched = await launchServer(
      this.#options.binary,
      this.#options.args ?? [],
      this.#folder,
      this.port,
    );
  }
}
