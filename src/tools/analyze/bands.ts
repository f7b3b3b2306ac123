// Bands of durations: of TTLs, which say when memory will be free again, and of the time since a key was last used.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Upper ends in seconds. The last band has no end. */
export const TTL_BANDS = [
  MINUTE,
  10 * MINUTE,
  HOUR,
  6 * HOUR,
  DAY,
  7 * DAY,
  30 * DAY,
  Number.POSITIVE_INFINITY,
];
export const IDLE_BANDS = [HOUR, DAY, 7 * DAY, 30 * DAY, Number.POSITIVE_INFINITY];

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
  if (seconds < 1.5 * HOUR) return `${Math.round(seconds / MINUTE)} min`;
  return seconds < 2 * DAY ? `${Math.round(seconds / HOUR)} h` : `${Math.round(seconds / DAY)} d`;
}

function short(seconds: number): string {
  if (seconds < HOUR) return `${seconds / MINUTE} min`;
  return seconds < DAY ? `${seconds / HOUR} h` : `${seconds / DAY} d`;
}
