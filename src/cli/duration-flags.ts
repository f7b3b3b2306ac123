// Flags that take a duration: "500ms", "2s", "1h30m". Flags that once took a number of seconds still take a bare one.
import { InvalidArgumentError } from 'commander';
import { formatDuration, parseDuration, UnitError } from '../config/units.js';

const SECOND = 1000;
/** Whole or decimal. */
const BARE = /^\d+(?:\.\d+)?$/;

/** A parser for commander, which returns milliseconds. @param least and @param most milliseconds, both included */
export function durationFlag(least: number, most: number): (text: string) => number {
  return (text) => within(milliseconds(text), least, most);
}

/** As durationFlag(); it returns seconds, and a number without a unit is one of seconds. */
export function secondsFlag(least: number, most: number): (text: string) => number {
  return (text) => within(BARE.test(text) ? Number(text) * SECOND : milliseconds(text), least, most) / SECOND;
}

function milliseconds(text: string): number {
  return unitFlag(() => parseDuration(text));
}

function within(ms: number, least: number, most: number): number {
  if (ms >= least && ms <= most) return ms;
  throw new InvalidArgumentError(`It must be from ${formatDuration(least)} to ${formatDuration(most)}.`);
}

/** Says what is wrong with a quantity as commander says it. */
export function unitFlag<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UnitError) throw new InvalidArgumentError(`It ${error.message}.`);
    throw error;
  }
}
