// The handle of bystander-process.ts: an ordinary client beside an offender, and how long its requests took.
// One process serves for many runs, one after another.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Latency {
  readonly samples: number;
  /** Replies that were not the right one, and connections lost. */
  readonly wrong: number;
  /** The first of them. */
  readonly example: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export class Bystander {
  readonly #child: ChildProcess;
  readonly #gone: Promise<never>;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('bystander-process.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx'],
    });
    this.#gone = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`the bystander's process ended with ${code}`);
    });
    this.#gone.catch(() => {});
  }

  /** Resolves once it has had its first reply; call the result to end the run and to have what it saw. */
  async watch(port: number): Promise<() => Promise<Latency>> {
    this.#child.send({ port });
    await this.#message();
    return async () => {
      const seen = this.#message();
      this.#child.send('end');
      return (await seen) as Latency;
    };
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  async #message(): Promise<unknown> {
    return Promise.race([once(this.#child, 'message').then(([message]) => message), this.#gone]);
  }
}
