// Bands of durations: of TTLs, which say when memory will be free again, and of the time since a key was last used.

import { DAY_S, HOUR_S, MINUTE_S } from '../../core/units.js';

/** Upper ends in seconds. The last band has no end. */
export const TTL_BANDS = [
  MINUTE_S,
  10 * MINUTE_S,
  HOUR_S,
  6 * HOUR_S,
  DAY_S,
  7 * DAY_S,
  30 * DAY_S,
  Number.POSITIVE_INFINITY,
];
export const IDLE_BANDS = [HOUR_S, DAY_S, 7 * DAY_S, 30 * DAY_S, Number.POSITIVE_INFINITY];

export function bandOf(seconds: number, bands: readonly number[]): number {
  let i = 0;
  while (seconds > bands[i]) i++;
  return i;
}

/** `≤ 10 min`, `> 30 d`. */
export function bandName(i: number, bands: readonly number[]): string {
  return Number.isFinite(bands[i]) ? `≤ ${short(bands[i])}` : `> ${short(bands[i - 1])}`;
}

/** `45 s`, `12 min`, `36 h`, `29 d`. */
export function spanText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 1.5 * HOUR_S) return `${Math.round(seconds / MINUTE_S)} min`;
  return seconds < 2 * DAY_S ? `${Math.round(seconds / HOUR_S)} h` : `${Math.round(seconds / DAY_S)} d`;
}

function short(seconds: number): string {
  if (seconds < HOUR_S) return `${seconds / MINUTE_S} min`;
  return seconds < DAY_S ? `${seconds / HOUR_S} h` : `${seconds / DAY_S} d`;
}
