// Formats numbers, sizes and times for the page, as src/core/words.ts does for everything else. Pure.

/** Binary units, named as in Redis's `64mb` and by the command line. */
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
/** As the command line rounds: by the number's binary value. */
const tenths = { format: (/** @type {number} */ n) => n.toFixed(1) };

/** Shown for a value that is unknown or does not apply. */
export const NONE = '–';

/** @param {number} n */
export function count(n) {
  return whole.format(n);
}

/** Three digits or so: "0", "0.4", "1,204". @param {number} n */
export function rate(n) {
  if (n === 0) return '0';
  if (n < 0.05) return '<0.1';
  return n < 10 ? tenths.format(n) : whole.format(n);
}

/** @param {number} n */
export function bytes(n) {
  let unit = 0;
  let value = Math.abs(n);
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit > 0 && value < 99.95 ? tenths : whole;
  return `${n < 0 ? '−' : ''}${digits.format(value)} ${UNITS[unit]}`;
}

/** "84.2%", "80%". @param {number} share 0 … 1 */
export function percent(share) {
  return `${tenths.format(share * 100).replace(/\.0$/, '')}%`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 90) return `${whole.format(Math.ceil(seconds))} s`;
  if (seconds < 90 * 60) return `${whole.format(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${tenths.format(seconds / 3600).replace(/\.0$/, '')} h`;
  return `${whole.format(seconds / 86_400)} days`;
}

/** How long ago, seen from `now`. @param {string | null} iso @param {number} now epoch milliseconds */
export function ago(iso, now) {
  if (iso === null) return 'never';
  const seconds = (now - Date.parse(iso)) / 1000;
  return seconds < 2 ? 'now' : `${duration(seconds)} ago`;
}
