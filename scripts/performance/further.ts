// The sections of docs/PERFORMANCE.md beyond Redis's own figures: an HTTP application, shedding, and single steps. Pure.
import {
  type HttpResults,
  MICRO_STEPS,
  type MicroResults,
  type ScenarioResults,
} from '../../bench/report/types.js';
import { lost, short, table, whole } from './format.js';

/** What each step of MICRO_STEPS is. */
const STEP_NAMES: Readonly<Record<(typeof MICRO_STEPS)[number], string>> = {
  scanner: 'scanner: framing',
  identify: 'identify: the command’s row',
  decide: 'decide: rule, hash, verdict',
  sequencer: 'sequencer: a reply in its turn',
  session: 'whole session: command and reply',
  statistics: 'statistics: counting a write',
};

export function httpSection({ connections, seconds, rows }: HttpResults): string {
  const lines = rows.map((row) => [
    `\`${row.route}\``,
    row.target,
    whole(row.perSecond),
    row.target === 'direct' ? '' : lost(row.ratio),
    short(row.p50),
    short(row.p99),
  ]);
  return `## An HTTP application

A \`node:http\` server whose handlers use ioredis. autocannon loads each route over ${whole(connections)} connections for ${whole(seconds)} s. *Overhead* is
the share of requests lost against direct, the median of the rounds. \`/mixed\` is a pipeline of GET, SET and INCR. Times are in
milliseconds.

${table(['route', 'target', '>requests a second', '>overhead', '>p50', '>p99'], lines)}`;
}

export function scenarioSection({ verdicts }: ScenarioResults): string {
  const held = verdicts.filter(({ pass }) => pass).length;
  const lines = verdicts.map(({ sizes, requirement, pass, measured }) => [
    sizes,
    requirement,
    measured,
    pass ? 'holds' : '**does not hold**',
  ]);
  return `## Shedding under full load

Writers at full speed on a Redis of 100 MB with \`noeviction\`, directly and through Spillway. Of ${verdicts.length} requirements
${held} hold.

${table(['values', 'requirement', 'measured', 'verdict'], lines)}`;
}

export function microSection({ rows }: MicroResults): string {
  const lines = MICRO_STEPS.flatMap((step) =>
    rows
      .filter((row) => row.step === step)
      .map(({ what, nanoseconds }) => [STEP_NAMES[step], what, short(nanoseconds)]),
  );
  return `## Single steps

Time of each step inside Spillway for one command, in nanoseconds, without sockets, measured with mitata.

${table(['step', 'what', '>ns'], lines)}`;
}
