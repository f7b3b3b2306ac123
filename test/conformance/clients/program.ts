// Programs that are clients of their own: run to their end, or talked to while they run.
// Invariant: every wait is bounded and says what the program has written so far; no program outlives its case.
import { type ChildProcess, spawn } from 'node:child_process';
import { until } from '../../support/wait.js';
import type { Later } from './cases.js';
import { PATIENCE } from './sides.js';

/** No colors, no history file, messages in English. */
const PLAIN = { TERM: 'dumb', NO_COLOR: '1', REDISCLI_HISTFILE: '/dev/null', LC_ALL: 'C.UTF-8' };

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  readonly #chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  #over = false;

  constructor(file: string, args: readonly string[], later: Later, env: NodeJS.ProcessEnv = {}) {
    const child = spawn(file, args, { env: { ...process.env, ...PLAIN, ...env }, stdio: 'pipe' });
    this.#child = child;
    child.stdin.on('error', () => {});
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => this.#chunks[name].push(chunk));
    }
    this.#ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        this.#over = true;
        resolve(code);
      });
    });
    this.#ended.catch(() => {});
    later(() => this.stop());
  }

  /** It has ended. */
  get over(): boolean {
    return this.#over;
  }

  /** What it has written so far. */
  get stdout(): string {
    return Buffer.concat(this.#chunks.stdout).toString('latin1');
  }

  get stderr(): string {
    return Buffer.concat(this.#chunks.stderr).toString('latin1');
  }

  write(input: string | Buffer): void {
    this.#child.stdin?.write(input);
  }

  /** Resolves once its output satisfies `enough`. */
  async says(enough: (stdout: string) => boolean, patience = PATIENCE): Promise<string> {
    const describe = () => `more output; so far: ${JSON.stringify(this.stdout.slice(-500) + this.stderr)}`;
    const done = () => {
      if (enough(this.stdout)) return true;
      if (this.#over) throw new Error(`the program ended; waited for ${describe()}`);
      return false;
    };
    await until(done, { ...patience, describe });
    return this.stdout;
  }

  /** Closes its input and waits for its end. */
  async end(input: string | Buffer = ''): Promise<Ended> {
    this.#child.stdin?.end(input);
    const code = await this.#ended;
    return { code, stdout: this.stdout, stderr: this.stderr };
  }

  async stop(): Promise<void> {
    if (!this.#over) this.#child.kill('SIGKILL');
    await this.#ended.catch(() => {});
  }
}
