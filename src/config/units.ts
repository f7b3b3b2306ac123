// Parses and formats the quantities of the config: durations, sizes, percentages and rates.
// Owns only their grammar; the schema has the bounds. Never guesses: a duration without a unit is an error.
// Invariant: parse(format(x)) === x for every x that parse can return.

const MS_PER_UNIT = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
type DurationUnit = keyof typeof MS_PER_UNIT;
const DURATION_UNITS = Object.keys(MS_PER_UNIT) as DurationUnit[];

// redis.conf's own meaning (memtoull): k is 1000, kb is 1024, case does not matter.
const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
};

/** Patterns for editors (JSON Schema). The parsers are stricter, and decide. */
export const DURATION_PATTERN = '^([0-9]+(d|h|ms|m|s))+$';
export const SIZE_PATTERN = '^[0-9]+([bB]|[kKmMgG][bB]?)?$';
export const PERCENT_PATTERN = '^[0-9]{1,3}(\\.[0-9]{1,4})?%$';
export const COUNT_RATE_PATTERN = '^[0-9]+/s$';
export const SIZE_RATE_PATTERN = '^[0-9]+([bB]|[kKmMgG][bB]?)?/s$';

/** The text is not a valid quantity. The message is the end of "<field> …". */
export class UnitError extends Error {
  override readonly name = 'UnitError';
}

/**
 * "24h", "500ms", "1h30m" → milliseconds. Whole numbers, each unit at most once, larger before smaller.
 * @throws UnitError
 */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/([0-9]+)(ms|[dhms])/g)];
  if (text === '' || parts.map((part) => part[0]).join('') !== text) {
    const why = /^[0-9]+$/.test(text) ? 'must have a unit,' : 'must be a duration';
    throw new UnitError(`${why} such as "500ms", "24h" or "1h30m" (units: d, h, m, s, ms)`);
  }
  let total = 0;
  let lastUnit = -1;
  for (const [, digits, unit] of parts) {
    const rank = DURATION_UNITS.indexOf(unit as DurationUnit);
    if (rank <= lastUnit) {
      throw new UnitError('must name each unit once, the larger before the smaller, as in "1h30m"');
    }
    lastUnit = rank;
    total += Number(digits) * MS_PER_UNIT[unit as DurationUnit];
  }
  if (!Number.isSafeInteger(total)) throw new UnitError('is too long a duration');
  return total;
}

/** Milliseconds → the shortest text that parseDuration reads back: 5_400_000 → "1h30m". */
export function formatDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const unit of DURATION_UNITS) {
    const count = Math.floor(rest / MS_PER_UNIT[unit]);
    rest -= count * MS_PER_UNIT[unit];
    if (count > 0) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}

/**
 * "64mb", "1gb", "1048576", or a number of bytes → bytes, by redis.conf's units (kb is 1024, k is 1000).
 * @throws UnitError
 */
export function parseSize(value: string | number): number {
  const match = /^([0-9]+)([a-z]*)$/.exec(String(value).toLowerCase());
  if (match === null || !Object.hasOwn(BYTES_PER_UNIT, match[2])) {
    throw new UnitError(
      'must be a size such as "64mb", "1gb" or a number of bytes (units: b, k, kb, m, mb, g, gb)',
    );
  }
  const bytes = Number(match[1]) * BYTES_PER_UNIT[match[2]];
  if (!Number.isSafeInteger(bytes)) throw new UnitError('is too large a size');
  return bytes;
}

/** Bytes → "64mb" if a binary unit divides it, else digits. */
export function formatSize(bytes: number): string {
  for (const unit of ['gb', 'mb', 'kb']) {
    if (bytes > 0 && bytes % BYTES_PER_UNIT[unit] === 0) return `${bytes / BYTES_PER_UNIT[unit]}${unit}`;
  }
  return String(bytes);
}

/**
 * "80%" → 0.8. From "0%" to "100%", at most four decimals.
 * @throws UnitError
 */
export function parsePercent(text: string): number {
  const percent = new RegExp(PERCENT_PATTERN).test(text) ? Number(text.slice(0, -1)) : Number.NaN;
  if (!(percent <= 100)) throw new UnitError('must be a percentage from "0%" to "100%", such as "80%"');
  return percent / 100;
}

/** 0.8 → "80%". Rounding to ten digits removes the error of the division by 100. */
export function formatPercent(share: number): string {
  return `${Number((share * 100).toPrecision(10))}%`;
}

/**
 * "500/s" → 500.
 * @throws UnitError
 */
export function parseCountRate(text: string): number {
  const count = new RegExp(COUNT_RATE_PATTERN).test(text) ? Number(text.slice(0, -2)) : Number.NaN;
  if (!Number.isSafeInteger(count)) throw new UnitError('must be a whole number a second, such as "500/s"');
  return count;
}

export function formatCountRate(perSecond: number): string {
  return `${perSecond}/s`;
}

/**
 * "5mb/s" → bytes a second, by the units of parseSize.
 * @throws UnitError
 */
export function parseSizeRate(text: string): number {
  if (!new RegExp(SIZE_RATE_PATTERN).test(text))
    throw new UnitError('must be a size a second, such as "5mb/s"');
  return parseSize(text.slice(0, -2));
}

export function formatSizeRate(bytesPerSecond: number): string {
  return `${formatSize(bytesPerSecond)}/s`;
}
