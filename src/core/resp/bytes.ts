// Byte constants of RESP, and functions to read and write numbers for the scanners, the policy and the encoders. Pure; only
// copyOf() allocates.

/** No bytes: for objects that hold none, so that an idle client costs no buffers. */
export const NOTHING = Buffer.alloc(0);

export const CR = 0x0d;
export const LF = 0x0a;
export const STAR = 0x2a; // *
export const DOLLAR = 0x24; // $
export const PLUS = 0x2b; // +
export const MINUS = 0x2d; // -
export const COLON = 0x3a; // :
export const UNDERSCORE = 0x5f; // _
export const HASH = 0x23; // #
export const COMMA = 0x2c; // ,
export const PAREN = 0x28; // (
export const BANG = 0x21; // !
export const EQUALS = 0x3d; // =
export const PERCENT = 0x25; // %
export const TILDE = 0x7e; // ~
export const GREATER = 0x3e; // >
export const BAR = 0x7c; // |
export const ZERO = 0x30;

/** The longest decimal that always fits Redis's 64-bit integers. */
const MAX_DIGITS = 18;

/**
 * Reads buf[start, end) as a positive decimal integer, as strictly as Redis's string2ll: no sign, space or
 * leading zero. Returns -1 for anything else, zero and more than `mostDigits` included; beyond 2^53 it is not exact.
 */
export function readPositiveInteger(
  buf: Uint8Array,
  start: number,
  end: number,
  mostDigits = MAX_DIGITS,
): number {
  const length = end - start;
  if (length < 1 || length > mostDigits || buf[start] === ZERO) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = buf[i] - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Writes a non-negative integer in decimal at `at`; returns the offset after it. */
export function writeInteger(buf: Uint8Array, at: number, value: number): number {
  let end = at + digitsOf(value);
  const behind = end;
  do {
    buf[--end] = ZERO + (value % 10);
    value = Math.floor(value / 10);
  } while (end > at);
  return behind;
}

/** How many decimal digits a non-negative integer has. */
export function digitsOf(value: number): number {
  // The length of nearly every argument.
  if (value < 100) return value < 10 ? 1 : 2;
  let digits = 1;
  while (value >= 10) {
    value = Math.floor(value / 10);
    digits++;
  }
  return digits;
}

/** True when buf[start, end) is `word` in any case; `word` is ASCII, upper case letters. */
export function equalsIgnoreCase(buf: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    const byte = buf[start + i];
    const upper = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
    if (upper !== word.charCodeAt(i)) return false;
  }
  return true;
}

/** True when buf from `start` on begins with the ASCII text `word`, byte for byte, before `end`. */
export function startsWith(buf: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start < word.length) return false;
  for (let i = 0; i < word.length; i++) if (buf[start + i] !== word.charCodeAt(i)) return false;
  return true;
}

/** A copy of buf[start, end): slice() of a Buffer would be a view of the same memory. */
export function copyOf(buf: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(buf, start, end);
}
