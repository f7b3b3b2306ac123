// How people read figures and names: percentages, sizes, counts, lengths of time, quoted keys. One style for every
// surface; src/surfaces/admin/page/format.js is its twin in the browser. Pure.
// Invariant: no text from a key or from the network reaches a terminal as control characters.

/** A plain word as it is; any other text in quotes, with escapes. */
export function quoted(word: string): string {
  return /^[^\s"'\p{C}]+$/u.test(word) ? word : JSON.stringify(word).replace(/\p{C}/gu, escaped);
}

/** Text without control characters, spaces and all. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, escaped);
}

/** `84.2%`, `80%`. */
export function percentText(share: number): string {
  return `${(share * 100).toFixed(1).replace(/\.0$/, '')}%`;
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** `61.3 MB`, `512 MB`: binary units, as in Redis's `64mb`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // From 1023.5 on it would be shown as 1024.
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit > 0 && value < 99.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** `12,345`: a number of things, or an estimate of it, as a whole number. */
export function countText(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `45 s`, `12 min`, `3.4 h`, `29 days`. A setting keeps the form of the configuration, as in `12m`. */
export function timeText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${(seconds / 3600).toFixed(1).replace(/\.0$/, '')} h`
    : `${Math.round(seconds / 86_400)} days`;
}

function escaped(char: string): string {
  return Array.from(
    { length: char.length },
    (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('');
}
