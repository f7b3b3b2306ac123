// Declares `spillway watch`.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addServerOptions } from './tool.js';
import type { WatchCommandOptions } from './watch.js';
import { WATCH_MANUAL } from './watch-help.js';

export function declareWatch(program: Command, inherited: <O extends object>(own: O) => O): void {
  addServerOptions(program.command('watch'))
    .allowExcessArguments(false)
    .summary('watch the memory of a Redis, and tell when it fills')
    .addOption(
      new Option('--threshold <shares>', 'tell when memory is over these shares of maxmemory')
        .default([0.8, 0.9], '80%,90%')
        .argParser(thresholds),
    )
    .addOption(new Option('--interval <seconds>', 'time between two readings').default(10).argParser(seconds))
    .option('--log <file>', 'append what is told to FILE, as JSON lines')
    .option('--once', 'read once, and exit with 2 over the first threshold, with 3 over the last')
    .option('--json', 'print JSON lines')
    .addHelpText('after', WATCH_MANUAL)
    .action(async (own: WatchCommandOptions) => {
      const { watchCommand } = await import('./watch.js');
      process.exitCode = await watchCommand(inherited(own), process.env);
    });
}

function thresholds(text: string): number[] {
  const shares = text.split(',').map((each) => {
    const percent = /^(\d+(?:\.\d+)?)%$/.exec(each.trim())?.[1];
    return percent === undefined ? Number.NaN : Number(percent) / 100;
  });
  const rising = shares.every((share, i) => share > 0 && share <= 1 && share > (shares[i - 1] ?? 0));
  if (rising && shares.length <= 10) return shares;
  throw new InvalidArgumentError('It must be one or more rising shares, such as 80%,90%.');
}

function seconds(text: string): number {
  const number = Number(text);
  if (number >= 0.1 && number <= 3600) return number;
  throw new InvalidArgumentError('It must be from 0.1 to 3600.');
}
