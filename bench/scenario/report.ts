// A scenario's figures and verdicts as text. Pure.
import Table from 'cli-table3';
import { PATTERNS } from './patterns.js';
import type { RunFigures, ScenarioFigures, Verdict } from './verdict.js';

export function drawFigures({ direct, proxied }: ScenarioFigures): string {
  const table = new Table({
    head: ['run', 'pattern', 'accepted', 'OOM', 'other errors', 'first OOM ms', 'all refused from ms'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const runs: [string, RunFigures][] = [
    ['direct', direct],
    ['proxied', proxied],
  ];
  for (const [run, { patterns }] of runs) {
    for (const name of PATTERNS) {
      const { ok, oom, otherErrors, firstOomMs, fullyRefusedMs } = patterns[name];
      const times = [firstOomMs, fullyRefusedMs].map((time) =>
        time === null ? '-' : String(Math.round(time)),
      );
      table.push([run, name, grouped(ok), grouped(oom), grouped(otherErrors), ...times]);
    }
  }
  return table.toString();
}

export function drawVerdicts(verdicts: readonly Verdict[]): string {
  return verdicts
    .map(({ requirement, pass, measured }) => `${pass ? 'PASS' : 'FAIL'}  ${requirement}\n      ${measured}`)
    .join('\n');
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
