// Runs a plan: some files at a time, those that want the machine for themselves at the end, and reports.
// Prints a line for each file, what failed in full, and a last line `N passed, N failed`.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import type { TestRun } from './plan.js';
import { type Failure, type Outcome, runFile } from './run-file.js';

const SHOWN_FAILURES = 20;
const SHOWN_LINES = 40;
/** Of one file of `npm test`: about 150 of them share 4 minutes of two cores. */
const LONGEST_CPU_S = 12;
/** So many files that failed are run once more, by themselves. More of them are no chance. */
const MOST_AGAIN = 3;

export interface RunOptions {
  readonly root: string;
  readonly compiled: (file: string) => string;
  /** How many files run at a time; default: two more than there are cores, since tests wait, too. */
  readonly jobs?: number;
  /** Files that fail beside others are run once more, by themselves: those that pass then are named unsteady. */
  readonly again?: boolean;
  readonly signal?: AbortSignal;
}

/** `unsteady`: the file's first run, which failed; its second passed. */
export type Result = Outcome & { readonly unsteady?: Outcome };

/** Resolves with the outcomes, in the order of the runs, once the last file has ended. */
export async function runAll(runs: readonly TestRun[], options: RunOptions): Promise<Result[]> {
  const outcomes = new Map<TestRun, Result>();
  const lanes = async (queue: TestRun[], count: number): Promise<void> => {
    const lane = async (): Promise<void> => {
      for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
        if (options.signal?.aborted) return;
        const before = outcomes.get(run);
        const outcome = await runFile({
          root: options.root,
          script: options.compiled(run.file),
          label: run.variant === '' ? run.file : `${run.file} (${run.variant})`,
          env: run.env,
          again: before !== undefined,
          ...(options.signal && { signal: options.signal }),
        });
        const isUnsteady = before !== undefined && outcome.failures.length === 0;
        outcomes.set(run, isUnsteady ? { ...outcome, unsteady: before } : outcome);
        print(outcome, options.root);
      }
    };
    await Promise.all(Array.from({ length: count }, lane));
  };
  await lanes(
    runs.filter(({ alone }) => !alone),
    options.jobs ?? availableParallelism() + 2,
  );
  await lanes(
    runs.filter(({ alone }) => alone),
    1,
  );
  const failed = runs.filter((run) => (outcomes.get(run)?.failures.length ?? 0) > 0);
  if (options.again && failed.length > 0 && failed.length <= MOST_AGAIN) {
    console.log(`once more, by themselves: ${failed.length} that failed`);
    await lanes(failed, 1);
  }
  return runs.flatMap((run) => outcomes.get(run) ?? []);
}

/**
 * What all of it came to. Sets the exit code when something failed. `short`: a file that has become too long for the quick
 * tier is named.
 */
export function summarize(outcomes: readonly Result[], { short = false } = {}): void {
  const tooLong = outcomes.filter(({ cpuSeconds = 0 }) => short && cpuSeconds > LONGEST_CPU_S);
  const sum = (part: (outcome: Result) => number): number =>
    outcomes.reduce((total, one) => total + part(one), 0);
  const slowest = [...outcomes].sort((a, b) => b.seconds - a.seconds).slice(0, 5);
  console.log(
    `slowest: ${slowest.map(({ label, seconds }) => `${label} ${seconds.toFixed(1)} s`).join(', ')}`,
  );
  for (const { label } of tooLong) {
    console.log(
      `too long for npm test, over ${LONGEST_CPU_S} s of CPU time: ${label}; see CONTRIBUTING.md, Tests`,
    );
  }
  for (const { label, passed, failures, skipped, unsteady, output } of outcomes) {
    if (passed === 0 && failures.length === 0) console.log(`not run: ${label}: ${skipped.join('; ')}`);
    if (unsteady !== undefined)
      console.log(
        `unsteady: ${label}: ${unsteady.failures.length} failed at first, none by itself: ${unsteady.failures[0]?.name}; all that it printed: ${unsteady.output}`,
      );
    if (failures.length > 0)
      console.log(`failed: ${label}, ${failures.length}; all that it printed: ${output}`);
  }
  const failed = sum(({ failures }) => failures.length);
  console.log(
    `${outcomes.length} files, ${sum(({ cpuSeconds = 0 }) => cpuSeconds).toFixed(0)} s of CPU time`,
  );
  console.log(`${sum(({ passed }) => passed)} passed, ${failed} failed`);
  if (failed > 0 || outcomes.length === 0) process.exitCode = 1;
}

function print({ label, passed, failures, seconds, cpuSeconds, said, output }: Outcome, root: string): void {
  const cpu = cpuSeconds === undefined ? '' : `, CPU ${cpuSeconds.toFixed(1)} s`;
  const what =
    failures.length > 0 ? `${failures.length} of ${passed + failures.length} failed` : `${passed} passed`;
  console.log(`${failures.length > 0 ? 'not ok' : 'ok'} ${label}: ${what} in ${seconds.toFixed(1)} s${cpu}`);
  for (const failure of failures.slice(0, SHOWN_FAILURES)) console.log(indented(text(failure)));
  if (failures.length > SHOWN_FAILURES)
    console.log(indented(`… and ${failures.length - SHOWN_FAILURES} more`));
  if (failures.length === 0) return;
  if (said !== '') console.log(indented(`standard error, its end:\n${said}`));
  console.log(indented(`all that it printed: ${path.relative(root, output)}`));
}

function text({ name, diag }: Failure): string {
  const lines = diag ? stringify(diag).trimEnd().split('\n') : [];
  const shown = lines.slice(0, SHOWN_LINES).map((line) => `  ${line}`);
  return [name, ...shown, ...(lines.length > SHOWN_LINES ? ['  …'] : [])].join('\n');
}

const indented = (text: string): string => text.replace(/^/gm, '    ');
