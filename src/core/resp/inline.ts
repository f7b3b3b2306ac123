// Splits an inline command into words, as Redis's sdssplitargs (sds.c) does: spaces separate words, double quotes know the
// escapes \n \r \t \b \a \xHH, single quotes only \'. Only people and health checks send inline commands, so this code is
// simple rather than fast.
const SPACE = 0x20;
const VERTICAL_TAB = 0x0b;
const FORM_FEED = 0x0c;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;
const LOWER_X = 0x78;
const ESCAPES = new Map<number, number>([
  [0x6e, 0x0a], // \n
  [0x72, 0x0d], // \r
  [0x74, 0x09], // \t
  [0x62, 0x08], // \b
  [0x61, 0x07], // \a
]);

/** The words of the line buf[start, end), decoded; undefined when its quotes do not balance for each server. */
export function splitInline(buf: Uint8Array, start: number, end: number): Uint8Array[] | undefined {
  const words: Uint8Array[] = [];
  let at = start;
  for (;;) {
    while (at < end && isSpace(buf[at])) at++;
    if (at >= end) return words;
    const word: number[] = [];
    while (at < end && !endsWord(buf[at])) {
      const byte = buf[at++];
      if (byte !== DOUBLE_QUOTE && byte !== SINGLE_QUOTE) {
        word.push(byte);
        continue;
      }
      at =
        byte === DOUBLE_QUOTE ? readDoubleQuoted(buf, at, end, word) : readSingleQuoted(buf, at, end, word);
      // A closing quote must be followed by a space or the end of the line; servers differ on what follows otherwise.
      if (at < 0 || (at < end && !endsWord(buf[at]))) return undefined;
      break;
    }
    words.push(Uint8Array.from(word));
  }
}

/** Reads up to the closing quote; returns the offset after it, or -1 when there is none. */
function readDoubleQuoted(buf: Uint8Array, at: number, end: number, word: number[]): number {
  while (at < end) {
    const byte = buf[at++];
    if (byte === DOUBLE_QUOTE) return at;
    if (byte !== BACKSLASH || at >= end) {
      word.push(byte);
      continue;
    }
    const escaped = buf[at++];
    const high = at + 1 < end ? hexValue(buf[at]) : -1;
    const low = at + 1 < end ? hexValue(buf[at + 1]) : -1;
    if (escaped === LOWER_X && high >= 0 && low >= 0) {
      word.push(high * 16 + low);
      at += 2;
    } else {
      word.push(ESCAPES.get(escaped) ?? escaped);
    }
  }
  return -1;
}

function readSingleQuoted(buf: Uint8Array, at: number, end: number, word: number[]): number {
  while (at < end) {
    const byte = buf[at++];
    if (byte === SINGLE_QUOTE) return at;
    if (byte === BACKSLASH && at < end && buf[at] === SINGLE_QUOTE) word.push(buf[at++]);
    else word.push(byte);
  }
  return -1;
}

/** Vertical tab and form feed stand between words but do not end one. */
function endsWord(byte: number): boolean {
  return isSpace(byte) && byte !== VERTICAL_TAB && byte !== FORM_FEED;
}

/** C's isspace in the "C" locale. */
function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= 0x09 && byte <= 0x0d);
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}
