// Parses the window of a report.
import { parseDuration, UnitError } from '../../config/units.js';

const LEAST_MS = 5 * 60_000;
const MOST_MS = 24 * 60 * 60_000;

/** "1h" → milliseconds; default an hour; undefined: not a valid window. */
export function readWindow(text = '1h'): number | undefined {
  try {
    const ms = parseDuration(text);
    return ms >= LEAST_MS && ms <= MOST_MS ? ms : undefined;
  } catch (error) {
    if (error instanceof UnitError) return undefined;
    throw error;
  }
}
