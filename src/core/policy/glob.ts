// Redis's globs on bytes, as in KEYS and SCAN MATCH (stringmatchlen in util.c), so that a rule matches exactly the keys that
// an operator sees with `redis-cli --scan --pattern`. Never allocates.
// It backtracks only to the last star. That finds the same matches as Redis's recursion, in time proportional to the key's
// length times the glob's. For all globs of one key that may still be too long, so the total backtracking can be bounded.
// Invariant: one key is matched at a time, so one count of it is enough.

export const STAR = 0x2a;
export const QUESTION = 0x3f;
export const CLASS_OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;
export const ESCAPE = 0x5c;

/** The most bytes that may be read again for one key: 10 to 20 ms. A key of 1 KB stays below it with a thousand globs. */
const MOST_REPEATED = 4 * 1024 * 1024;
const UNBOUNDED = 2 ** 30 - 1;
let left = UNBOUNDED;

/** Begins a key: sets how many bytes globMatchesWithin() may read again, for all globs of the key together. */
export function boundGlobs(): void {
  left = MOST_REPEATED;
}

/** Whether the bound was reached. Then results since are unreliable. */
export function globsWereCut(): boolean {
  return left < 0;
}

/** Whether the glob `pattern` matches buf[start, end). */
export function globMatches(pattern: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  left = UNBOUNDED;
  return globMatchesWithin(pattern, buf, start, end);
}

/** The same, within the bound of boundGlobs(); beyond it false. */
export function globMatchesWithin(pattern: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  const length = pattern.length;
  // Redis's loop never runs on an empty key, so only these globs match it: KEYS and SCAN check for a lone star first.
  if (start === end) return length === 0 || (length === 1 && pattern[0] === STAR);
  let p = 0;
  let at = start;
  let starAt = -1;
  let retryFrom = 0;
  while (at < end) {
    if (p < length && pattern[p] === STAR) {
      while (p < length && pattern[p] === STAR) p++;
      if (p === length) return true;
      starAt = p;
      retryFrom = at;
      continue;
    }
    const behind = p < length ? matchOne(pattern, p, buf[at]) : -1;
    if (behind >= 0) {
      p = behind;
      at++;
    } else if (starAt >= 0) {
      left -= at - retryFrom + 1;
      if (left < 0) return false;
      p = starAt;
      at = ++retryFrom;
    } else {
      return false;
    }
  }
  while (p < length && pattern[p] === STAR) p++;
  return p === length;
}

/** Matches one byte against the pattern element at `p`; returns the offset after the element, or -1. */
function matchOne(pattern: Uint8Array, p: number, byte: number): number {
  switch (pattern[p]) {
    case QUESTION:
      return p + 1;
    case CLASS_OPEN:
      return matchClass(pattern, p + 1, byte);
    case ESCAPE: {
      const literal = p + 1 < pattern.length ? p + 1 : p;
      return pattern[literal] === byte ? literal + 1 : -1;
    }
    default:
      return pattern[p] === byte ? p + 1 : -1;
  }
}

/** Matches a class whose body begins at `p`. As in Redis, a class without a closing bracket ends with the pattern. */
function matchClass(pattern: Uint8Array, p: number, byte: number): number {
  const length = pattern.length;
  const negated = pattern[p] === CARET;
  if (negated) p++;
  let matched = false;
  while (p < length) {
    if (pattern[p] === ESCAPE && p + 1 < length) {
      p++;
      if (pattern[p] === byte) matched = true;
    } else if (pattern[p] === CLOSE) {
      break;
    } else if (p + 2 < length && pattern[p + 1] === DASH) {
      // Redis compares C chars, which are signed on its usual platforms.
      const from = signed(pattern[p]);
      const to = signed(pattern[p + 2]);
      const value = signed(byte);
      if (value >= Math.min(from, to) && value <= Math.max(from, to)) matched = true;
      p += 2;
    } else if (pattern[p] === byte) {
      matched = true;
    }
    p++;
  }
  if (matched === negated) return -1;
  return Math.min(p + 1, length);
}

/** The end of the class whose body begins at `p`. */
export function globClassEnd(pattern: Uint8Array, p: number): number {
  const length = pattern.length;
  if (pattern[p] === CARET) p++;
  while (p < length && pattern[p] !== CLOSE) {
    if (pattern[p] === ESCAPE && p + 1 < length) p += 2;
    else if (p + 2 < length && pattern[p + 1] === DASH) p += 3;
    else p++;
  }
  return Math.min(p + 1, length);
}

/** Whether a class of the glob is never closed, so that it reaches to the end. `[a-]` is such a class: "-]" is a range. */
export function globClassIsOpen(pattern: Uint8Array): boolean {
  for (let p = 0; p < pattern.length; ) {
    if (pattern[p] === ESCAPE) p += 2;
    else if (pattern[p] !== CLASS_OPEN) p++;
    else {
      // Something closes the class exactly if it ends before a byte that follows the glob.
      const longer = Uint8Array.of(...pattern.subarray(p), STAR);
      const end = globClassEnd(longer, 1);
      if (end === longer.length) return true;
      p += end;
    }
  }
  return false;
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}
