// One step's cases in a process of its own, so that what the compiler has made of one step does not shape another.
// Called with the step's name and the milliseconds for each case; prints JSON.
import { do_not_optimize, measure } from 'mitata';
import type { MicroRow, MicroStep } from '../report/types.js';
import type { MicroCase } from './case.js';
import { decideCases } from './decide.js';
import { identifyCases } from './identify.js';
import { scannerCases } from './scanner.js';
import { sequencerCases } from './sequencer.js';
import { sessionCases } from './session.js';
import { statisticsCases } from './statistics.js';

const CASES: Readonly<Record<MicroStep, () => MicroCase[]>> = {
  scanner: scannerCases,
  identify: identifyCases,
  decide: decideCases,
  sequencer: sequencerCases,
  session: sessionCases,
  statistics: statisticsCases,
};

const step = process.argv[2] as MicroStep;
const nanosecondsEach = Number(process.argv[3]) * 1e6;
const rows: MicroRow[] = [];
for (const { what, commands, run } of CASES[step]()) {
  warmUp(run);
  const { p50 } = await measure(() => do_not_optimize(run()), { min_cpu_time: nanosecondsEach });
  rows.push({ step, what, nanoseconds: p50 / commands });
}
process.stdout.write(JSON.stringify(rows));

/** As long as it is measured: a fraction of that and the compiler is not done with a whole session. */
function warmUp(run: () => unknown): void {
  const end = performance.now() + nanosecondsEach / 1e6;
  while (performance.now() < end) do_not_optimize(run());
}
