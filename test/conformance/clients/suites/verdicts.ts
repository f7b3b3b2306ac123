// What two runs of one suite said of its tests, and where they part.
// A test may run several times under one name: each run counts by itself, in order.

export type Verdict = 'passed' | 'failed';

export interface SuiteRun {
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** What was left out, and why. */
  readonly skipped: readonly { readonly what: string; readonly why: string }[];
  /** The end of the output: shown when a run is not what it should be. */
  readonly tail: string;
}

export interface Difference {
  readonly name: string;
  readonly direct: Verdict | 'not run';
  readonly through: Verdict | 'not run';
}

/** Collects verdicts under names that tell repeated tests apart. */
export class Verdicts {
  readonly all = new Map<string, Verdict>();
  readonly #times = new Map<string, number>();

  add(name: string, verdict: Verdict): void {
    const times = (this.#times.get(name) ?? 0) + 1;
    this.#times.set(name, times);
    this.all.set(times === 1 ? name : `${name} (${times})`, verdict);
  }
}

export function differences(direct: SuiteRun, through: SuiteRun): Difference[] {
  const names = new Set([...direct.verdicts.keys(), ...through.verdicts.keys()]);
  return [...names]
    .map((name) => ({
      name,
      direct: direct.verdicts.get(name) ?? ('not run' as const),
      through: through.verdicts.get(name) ?? ('not run' as const),
    }))
    .filter(({ direct, through }) => direct !== through);
}
