// Parses the window of a report.
import { parseDuration, UnitError } from '../../config/units.js';
import { DAY_MS, MINUTE_MS } from '../../core/units.js';

const LEAST_MS = 5 * MINUTE_MS;
const MOST_MS = DAY_MS;

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
