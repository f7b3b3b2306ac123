// Declares `spillway doctor`.
import { type Command, Option } from 'commander';
import type { DoctorCommandOptions } from './doctor.js';
import { DOCTOR_MANUAL } from './doctor-help.js';
import { addServerOptions, countOrNone, wholeNumber, yieldProcessor } from './tool-options.js';

export function declareDoctor(program: Command, inherited: <O extends object>(own: O) => O): void {
  addServerOptions(program.command('doctor'))
    .allowExcessArguments(false)
    .summary('find what endangers the memory of a Redis, and how to fix it')
    .addOption(
      new Option('--sample <keys>', 'look at this many keys; 0: at none')
        .default(10_000)
        .argParser(countOrNone),
    )
    .option('--max-rate <keys>', 'look at this many keys a second at most', wholeNumber)
    .addOption(
      new Option('--fail-on <severity>', 'exit with 2 or 3 for this severity and worse')
        .choices(['notice', 'warning', 'critical'])
        .default('warning'),
    )
    .option('--json', 'print one JSON document')
    .addHelpText('after', DOCTOR_MANUAL)
    .action(async (own: DoctorCommandOptions) => {
      yieldProcessor();
      const { doctorCommand } = await import('./doctor.js');
      process.exitCode = await doctorCommand(inherited(own), process.env);
    });
}
