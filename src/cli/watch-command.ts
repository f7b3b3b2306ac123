// Declares `spillway watch`.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parsePercent } from '../config/units.js';
import { DAY_MS, HOUR_MS, SECOND_MS } from '../core/units.js';
import { durationFlag, unitFlag } from './duration-flags.js';
import { addServerOptions } from './tool-options.js';
import type { WatchCommandOptions } from './watch.js';
import { WATCH_MANUAL } from './watch-help.js';

const MOST_THRESHOLDS = 10;

export function declareWatch(program: Command, inherited: <O extends object>(own: O) => O): void {
  addServerOptions(program.command('watch'))
    .allowExcessArguments(false)
    .summary('watch the memory of a Redis, and alert when it fills')
    .addOption(
      new Option('--threshold <shares>', 'report when memory reaches these shares of the limit')
        .default([0.8, 0.9], '80%,90%')
        .argParser(thresholds),
    )
    .addOption(
      new Option('--interval <duration>', 'time between two lines, from 1s to 1h')
        .default(10 * SECOND_MS, '10s')
        .argParser(durationFlag(SECOND_MS, HOUR_MS)),
    )
    .option(
      '--time-to-full <duration>',
      'report when the forecast says full within this time; 0s: never (default: alerts.timeToFull, 30m)',
      durationFlag(0, 7 * DAY_MS),
    )
    .option('--log <file>', 'append changes and readings to FILE as lines of JSON')
    .option('--quiet', 'print only changes')
    .option('--once', 'look once; the exit code says what was found')
    .option('--json', 'print lines of JSON')
    .addHelpText('after', WATCH_MANUAL)
    .action(async (own: WatchCommandOptions) => {
      const { watchCommand } = await import('./watch.js');
      process.exitCode = await watchCommand(inherited(own), process.env);
    });
}

function thresholds(text: string): number[] {
  const shares = text.split(',').map((word) => unitFlag(() => parsePercent(word.trim())));
  const rising = shares.every((share, i) => share > 0 && (i === 0 || share > shares[i - 1]));
  if (rising && shares.length <= MOST_THRESHOLDS) return shares;
  throw new InvalidArgumentError(`It must be at most ${MOST_THRESHOLDS} rising shares, such as 80%,90%.`);
}
