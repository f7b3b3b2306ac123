// Turns a key into the pattern of the family it belongs to: `user:8412:cart` becomes `user:*:*`.
// It only normalizes, from one buffer into another. It never allocates and never reads beyond the first 128 bytes of a key.
// Invariants: the pattern is printable ASCII, at most MAX_PATTERN bytes, and as a Redis glob matches its key.
//
//   with separators (`:` `/` `|`)      last segment, and every earlier one that looks like an id, becomes `*`; of an earlier
//                                      word with a number after it, `user132`, the word stays: `user*`
//   without, like an id                `*`, or the words in front of the first digit: `sess_9aF…` becomes `sess_*`
//   without, ending in digits          `job42` becomes `job*`
//   without, otherwise                 the key itself
//
// An id: digits only; has an `@`; 8 or more of hex digits and `-` with a digit; 16 or more bytes with a digit.
// An earlier segment is one, too, if digits begin and end it (`2026-11`, `10.0.0.1`); `v1` and the like are words.
// `{` and `}` (of a {tag}) are ignored in this test.

/** Longest pattern in bytes; a longer one is cut there and ends in `*`. */
export const MAX_PATTERN = 64;
const LOOK_AT = 128;
/** The size that writePattern needs for its output: every byte may be escaped. */
export const PATTERN_SCRATCH = 2 * LOOK_AT + 1;

const STAR = 0x2a;
const QUESTION = 0x3f;
const BACKSLASH = 0x5c;
const CLOSE = 0x7d;
const V = 0x76;

// What a byte says about its segment; a segment's kinds are or'ed.
const Kind = { DIGIT: 1, HEX: 2, OTHER: 4, AT: 8, GLOB: 16, UNPRINTABLE: 32, SEPARATOR: 64 } as const;
const KIND = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const char = String.fromCharCode(byte);
  if (byte < 0x20 || byte > 0x7e) KIND[byte] = Kind.UNPRINTABLE | Kind.OTHER;
  else if (':/|'.includes(char)) KIND[byte] = Kind.SEPARATOR;
  else if ('*?[]\\'.includes(char)) KIND[byte] = Kind.GLOB | Kind.OTHER;
  else if (char === '@') KIND[byte] = Kind.AT | Kind.OTHER;
  else if ('{}'.includes(char)) KIND[byte] = 0;
  else if (/[0-9]/.test(char)) KIND[byte] = Kind.DIGIT;
  else if (/[a-fA-F-]/.test(char)) KIND[byte] = Kind.HEX;
  else KIND[byte] = Kind.OTHER;
}

/**
 * Writes the pattern of key[start, end) to the beginning of `out`, which holds PATTERN_SCRATCH bytes or more.
 * Returns the pattern's length, 0 … MAX_PATTERN (0: the empty key).
 */
export function writePattern(key: Uint8Array, start: number, end: number, out: Uint8Array): number {
  const limit = end - start > LOOK_AT ? start + LOOK_AT : end;
  let last = limit - 1;
  while (last >= start && KIND[key[last]] !== Kind.SEPARATOR) last--;
  // The part after the last separator always becomes `*`.
  const readTo = last < start ? limit : last + 1;
  let length = 0;
  let segmentOut = 0;
  let segmentStart = start;
  let seen = 0;
  for (let i = start; i < readTo; i++) {
    const byte = key[i];
    const kind = KIND[byte];
    if (kind === Kind.SEPARATOR) {
      if (likeId(seen, i - segmentStart)) {
        out[segmentOut] = STAR;
        length = segmentOut + 1;
      } else if ((seen & Kind.DIGIT) !== 0) length = withoutNumber(out, segmentOut, length);
      out[length++] = byte;
      segmentOut = length;
      segmentStart = i + 1;
      seen = 0;
    } else {
      seen |= kind;
      if ((kind & (Kind.GLOB | Kind.UNPRINTABLE)) === 0) out[length++] = byte;
      else if (kind & Kind.UNPRINTABLE) out[length++] = QUESTION;
      else {
        out[length++] = BACKSLASH;
        out[length++] = byte;
      }
    }
  }
  if (last < start) length = withoutSeparator(out, length, seen, limit - start);
  else out[length++] = STAR;
  return length > MAX_PATTERN ? cut(out) : length;
}

/** Shortens the earlier segment out[from, length), which is no id by its bytes alone; returns the new length. */
function withoutNumber(out: Uint8Array, from: number, length: number): number {
  const end = length - (out[length - 1] === CLOSE ? 1 : 0);
  let stem = end;
  while (stem > from && KIND[out[stem - 1]] === Kind.DIGIT) stem--;
  if (stem === end || (stem === from + 1 && out[from] === V)) return length;
  if (beginsWithDigit(out, from)) {
    out[from] = STAR;
    return from + 1;
  }
  out[stem++] = STAR;
  if (end < length) out[stem++] = CLOSE;
  return stem;
}

function beginsWithDigit(out: Uint8Array, from: number): boolean {
  return KIND[out[from]] === Kind.DIGIT || (KIND[out[from]] === 0 && KIND[out[from + 1]] === Kind.DIGIT);
}

function likeId(seen: number, length: number): boolean {
  return likeNumberOrHash(seen, length) || (length >= 16 && (seen & Kind.DIGIT) !== 0);
}

function likeNumberOrHash(seen: number, length: number): boolean {
  if (seen & Kind.AT || seen === Kind.DIGIT) return true;
  return length >= 8 && (seen & (Kind.DIGIT | Kind.OTHER)) === Kind.DIGIT;
}

/** Shortens the literal out[0, length) of a key that is a single segment to its stem; returns the new length. */
function withoutSeparator(out: Uint8Array, length: number, seen: number, keyLength: number): number {
  if (likeNumberOrHash(seen, keyLength)) {
    out[0] = STAR;
    return 1;
  }
  let stem = length;
  while (stem > 0 && KIND[out[stem - 1]] === Kind.DIGIT) stem--;
  if (likeId(seen, keyLength)) {
    let firstDigit = 0;
    while (firstDigit < stem && KIND[out[firstDigit]] !== Kind.DIGIT) firstDigit++;
    if (firstDigit < stem) {
      stem = firstDigit;
      while (stem > 0 && !endsWord(out[stem - 1])) stem--;
    }
  }
  if (stem === length) return length;
  out[stem] = STAR;
  return stem + 1;
}

/** `_`, `-` or `.`: separators too weak to split every key by, good enough to find the words before an id. */
function endsWord(byte: number): boolean {
  return byte === 0x5f || byte === 0x2d || byte === 0x2e;
}

/** Cuts the pattern in `out` to MAX_PATTERN bytes with a `*` at the end, not between a backslash and its byte. */
function cut(out: Uint8Array): number {
  let at = MAX_PATTERN - 1;
  let backslashes = 0;
  while (backslashes < at && out[at - 1 - backslashes] === BACKSLASH) backslashes++;
  if (backslashes % 2 === 1) at--;
  out[at] = STAR;
  return at + 1;
}
