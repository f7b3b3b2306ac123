// One test file as a process: starts it, reads its TAP, ends it when it hangs, and looks for what it leaves behind.
// Invariant: when runFile() has resolved, neither the test nor any process that it started is there.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync } from 'node:fs';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { Parser, type Result } from 'tap-parser';
import { LastLines } from '../../src/cli/local-server/last-lines.js';
import { until } from '../../test/support/wait.js';
import { processesWith, reapedCpuSeconds } from './proc.js';

/** tap itself ends a test by then, and says what it waited for. */
const TIMEOUT_S = 600;
const KILL_AFTER_MS = (TIMEOUT_S + 20) * 1000;
/** What a test starts has a guard that ends it, as soon as the test is gone. */
const LEAVE_MS = 5000;

const SOURCE_MAPS = new URL('source-maps.mjs', import.meta.url).href;
const OWN_PRIORITY = JSON.stringify(fileURLToPath(new URL('own-priority.cjs', import.meta.url)));

/** In the environment of a test and of all that it starts. */
const MARK = 'SPILLWAY_TEST_RUN';

export interface FileStart {
  readonly root: string;
  /** Compiled, see compile.ts. */
  readonly script: string;
  /** Names it in the report and in the file that keeps its output. */
  readonly label: string;
  readonly env: Readonly<Record<string, string>>;
  /** It has failed before: what it printed then is kept. */
  readonly again?: boolean;
  /** Ends the test. */
  readonly signal?: AbortSignal;
  /** How long what it has started may take to end behind it. */
  readonly leaveMs?: number;
}

export interface Failure {
  /** With the names of the tests around it. */
  readonly name: string;
  /** What tap says of it. */
  readonly diag?: unknown;
}

export interface Outcome {
  readonly label: string;
  readonly passed: number;
  readonly failures: readonly Failure[];
  /** What could not run here, each with its reason. */
  readonly skipped: readonly string[];
  readonly seconds: number;
  /** Of the test and the processes it has waited for; undefined where there is no /proc. */
  readonly cpuSeconds: number | undefined;
  /** The end of what it printed besides TAP. */
  readonly said: string;
  /** The file with all that it printed. */
  readonly output: string;
}

let started = 0;

/** Resolves once it has ended; a test that fails is no error. */
export async function runFile({
  root,
  script,
  label,
  env,
  again = false,
  signal,
  leaveMs = LEAVE_MS,
}: FileStart): Promise<Outcome> {
  const mark = `${process.pid}-${++started}`;
  const output = outputFile(root, again ? `${label} again` : label);
  const began = performance.now();
  // tap names a test's folder by file and arguments: two variants of a file at the same time must not share it.
  const child = spawn(process.execPath, ['--import', SOURCE_MAPS, script, `run${started}`], {
    cwd: root,
    // Slabs that return are filled with rubbish then (src/wire/slabs.ts).
    env: {
      ...process.env,
      NODE_ENV: 'test',
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --require ${OWN_PRIORITY}`,
      TAP_TIMEOUT: String(TIMEOUT_S),
      ...env,
      [MARK]: mark,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const tap = new TapReader();
  const said = new LastLines(30);
  const log = createWriteStream(output);
  child.stdout.on('data', (chunk: Buffer) => tap.write(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.add(String(chunk)));
  for (const stream of [child.stdout, child.stderr]) stream.pipe(log, { end: false });
  const stop = (): boolean => child.kill('SIGTERM');
  signal?.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  const closed = once(child, 'close');
  const [code, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  const cpuSeconds = reapedCpuSeconds();
  clearTimeout(timer);
  signal?.removeEventListener('abort', stop);
  const left = await endLeftBehind(mark, leaveMs);
  await closed;
  await finished(log.end());
  const { passed, failures, skipped } = tap.end();
  if (left.length > 0) failures.push({ name: `left behind: ${left.join('; ')}` });
  else if (failures.length === 0 && (code !== 0 || passed + skipped.length === 0)) {
    const how = by === null ? `exit code ${code}` : `ended by ${by}`;
    failures.push({ name: `${how} after ${passed} assertions` });
  }
  const seconds = (performance.now() - began) / 1000;
  return { label, passed, failures, skipped, seconds, cpuSeconds, said: said.text(), output };
}

/** Counts as tap does: assertions, not the tests around them. */
class TapReader {
  readonly #parser = new Parser();
  readonly #failures: Failure[] = [];
  readonly #skipped: string[] = [];
  #passed = 0;

  constructor() {
    this.#parser.on('pass', () => this.#passed++);
    this.#parser.on('skip', ({ name, skip }: Result) => this.#skipped.push(`${name}: ${skip}`));
    this.#parser.on('fail', ({ fullname, name, diag }: Result) =>
      this.#failures.push({ name: fullname.endsWith(name) ? fullname : `${fullname} > ${name}`, diag }),
    );
  }

  write(chunk: Buffer): void {
    this.#parser.write(chunk);
  }

  end(): { passed: number; failures: Failure[]; skipped: string[] } {
    this.#parser.end();
    return { passed: this.#passed, failures: this.#failures, skipped: this.#skipped };
  }
}

/** Ends what a test has left behind, and names it. What only takes a moment to end is not left behind. */
async function endLeftBehind(mark: string, timeoutMs: number): Promise<string[]> {
  const gone = await until(() => processesWith(MARK, mark).length === 0, { timeoutMs }).catch(() => false);
  if (gone) return [];
  const left = processesWith(MARK, mark);
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just ended by itself.
    }
  }
  return left.map(({ pid, command }) => `${command} (pid ${pid})`);
}

function outputFile(root: string, label: string): string {
  const folder = path.join(root, '.tap/output');
  mkdirSync(folder, { recursive: true });
  return path.join(folder, `${label.replace(/[^\w.-]+/g, '-')}.tap`);
}
