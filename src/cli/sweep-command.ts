// Declares `spillway sweep`.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { SWEEP_MANUAL } from './sweep-help.js';
import type { SweepCommandOptions } from './sweep-options.js';
import { addWalkOptions, wholeNumber, yieldProcessor } from './tool-options.js';

export function declareSweep(program: Command, inherited: <O extends object>(own: O) => O): void {
  addWalkOptions(program.command('sweep'))
    .allowExcessArguments(false)
    .summary('give TTLs to keys that have none, by the rules')
    .option('--apply', 'give the TTLs; default: only print what would be done')
    .option('--rule <name...>', 'only the keys of these rules')
    .option('--max-keys <number>', 'give this many TTLs at most', wholeNumber)
    .addOption(
      new Option('--spread <share>', 'make TTLs longer by up to this share, so that not all expire at once')
        .default(0.1, '10%')
        .argParser(share),
    )
    .option(
      '--until <share>',
      'stop before memory is this full (default: the lowest band of memory.shed); "never": no check',
      untilShare,
    )
    .option('--ttl <duration>', 'use this TTL for rules with a longer one')
    .option('--idle <duration>', 'only keys that nobody has read or written for this long')
    .option('--journal <file>', 'with --apply: write the journal to FILE, for --undo and --resume')
    .option('--resume <file>', 'with --apply: continue the sweep of this journal')
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
