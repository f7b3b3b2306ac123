// Declares `spillway watch`.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration, parsePercent, UnitError } from '../config/units.js';
import { addServerOptions } from './tool-options.js';
import type { WatchCommandOptions } from './watch.js';
import { WATCH_MANUAL } from './watch-help.js';

const SECOND = 1000;
const HOUR = 3_600_000;
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
        .default(10 * SECOND, '10s')
        .argParser((text) => duration(text, SECOND, HOUR)),
    )
    .option(
      '--time-to-full <duration>',
      'report when the forecast says full within this time; 0s: never (default: alerts.timeToFull, 30m)',
      (text) => duration(text, 0, 7 * 24 * HOUR),
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
  const shares = text.split(',').map((word) => unit(() => parsePercent(word.trim())));
  const rising = shares.every((share, i) => share > 0 && (i === 0 || share > shares[i - 1]));
  if (rising && shares.length <= MOST_THRESHOLDS) return shares;
  throw new InvalidArgumentError(`It must be at most ${MOST_THRESHOLDS} rising shares, such as 80%,90%.`);
}

function duration(text: string, least: number, most: number): number {
  const ms = unit(() => parseDuration(text));
  if (ms >= least && ms <= most) return ms;
  throw new InvalidArgumentError('It is too short or too long.');
}

function unit<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UnitError) throw new InvalidArgumentError(`It ${error.message}.`);
    throw error;
  }
}
