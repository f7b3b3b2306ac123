// A subcommand run in the test's own process, from its arguments to its exit code: a start of node for each run is most of
// what a test of a tool takes. That the built `spillway` has the command too, at least one run of each test file sees.
import os from 'node:os';
import { Command } from 'commander';

export interface Ran {
  readonly status: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

type Declare = (program: Command, inherited: <O extends object>(own: O) => O) => void;

/** Nothing may be asserted while it runs: what goes to standard output and standard error is the command's. */
export async function runCommand(declare: Declare, args: readonly string[]): Promise<Ran> {
  const program = new Command('spillway').exitOverride();
  declare(program, (own) => own);
  const before = process.exitCode;
  const priority = os.getPriority();
  try {
    return await runExit(async () => {
      await program.parseAsync([...args], { from: 'user' });
      return process.exitCode;
    });
  } finally {
    process.exitCode = before;
    restorePriority(priority);
  }
}

/** The same of a function that returns the exit code. */
export async function runExit(work: () => Promise<Ran['status']>): Promise<Ran> {
  const stdout = captured(process.stdout);
  const stderr = captured(process.stderr);
  try {
    return { status: await work(), stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    stdout.end();
    stderr.end();
  }
}

function captured(stream: NodeJS.WriteStream): { text(): string; end(): void } {
  const { write } = stream;
  let text = '';
  stream.write = (chunk: string | Uint8Array) => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    return true;
  };
  return {
    text: () => text,
    end() {
      stream.write = write;
    },
  };
}

/** The tools take a lower one for their process; the tests behind them need not have it. */
function restorePriority(priority: number): void {
  try {
    os.setPriority(priority);
  } catch {
    // Who is not allowed to goes on at the lower one.
  }
}
