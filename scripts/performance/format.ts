// How figures read in docs/PERFORMANCE.md. Pure, and the same on every machine.

/** 12,345 */
export const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

/** Milliseconds or microseconds: three digits that count. */
export function short(value: number): string {
  if (value >= 100) return whole(value);
  return value.toFixed(value >= 10 ? 1 : 2);
}

export const ratio = (value: number): string => value.toFixed(2);

const UNITS = ['bytes', 'KB', 'MB', 'GB'];

/** Bytes in the largest unit of 1,024 that leaves at least 1: 64 bytes, 1.5 KB, 100 MB. */
export function size(bytes: number): string {
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${bytes < 0 ? '-' : ''}${digits === 0 ? whole(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/**
 * `value` with `digits` decimals, rounded toward the worse side, so that a figure that misses its limit is never shown
 * as one that keeps it.
 */
export function worse(value: number, digits: number, better: 'more' | 'less'): string {
  const near = Number(value.toFixed(digits));
  const step = 10 ** -digits;
  if (better === 'more') return (near > value ? near - step : near).toFixed(digits);
  return (near < value ? near + step : near).toFixed(digits);
}

/** How much slower than 1 a ratio is, toward the worse side: 2.4%, from 0.9765. */
export const lost = (value: number): string => `${worse(100 - value * 100, 1, 'less')}%`;

/** A Markdown table; columns are to the left unless their heading begins with `>`. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const right = head.map((cell) => cell.startsWith('>'));
  const line = (cells: readonly (string | number)[]): string =>
    `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    line(head.map((cell) => cell.replace(/^>/, ''))),
    line(right.map((is) => (is ? '---:' : '---'))),
    ...rows.map(line),
  ].join('\n');
}
