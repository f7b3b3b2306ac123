// Declares `spillway sweep`.
import { type Command, InvalidArgumentError } from 'commander';
import { SWEEP_MANUAL } from './sweep-help.js';
import type { SweepCommandOptions } from './sweep-options.js';
import { addWalkOptions, wholeNumber, yieldProcessor } from './tool-options.js';

export function declareSweep(program: Command, inherited: <O extends object>(own: O) => O): void {
  addWalkOptions(program.command('sweep'))
    .allowExcessArguments(false)
    .summary('give TTLs to keys that have none, by the rules')
    .option('--apply', 'do it; else it is only told what would be done')
    .option('--rule <name...>', 'only the keys of these rules')
    .option('--max-keys <number>', 'give so many TTLs at most', wholeNumber)
    .option('--spread <share>', 'make TTLs longer by up to this, so that not all end at once', share, 0.1)
    .option('--until <share>', 'end before memory is this full; "never": do not look', untilShare)
    .option('--ttl <duration>', 'this one where the TTL of a rule is longer')
    .option('--journal <file>', 'with --apply: keep what is done in FILE, to undo it or go on')
    .option('--resume <file>', 'go on with the sweep of this journal')
    .option('--undo <file>', 'take back the TTLs that the sweep of this journal gave')
    .option('--json', 'print one JSON document')
    .addHelpText('after', SWEEP_MANUAL)
    .action(async (own: SweepCommandOptions) => {
      yieldProcessor();
      const { sweepCommand } = await import('./sweep.js');
      process.exitCode = await sweepCommand(inherited(own), process.env);
    });
}

function untilShare(text: string): number | 'never' {
  return text === 'never' ? text : share(text);
}

function share(text: string): number {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined && Number(percent) <= 100) return Number(percent) / 100;
  throw new InvalidArgumentError('It must be a share from 0% to 100%.');
}
