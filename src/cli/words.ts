// Formats words and numbers for the commands. No text from a key or from the network may reach a terminal as control
// characters.

/** A plain word as it is; any other text in quotes, with escapes. */
export function quoted(word: string): string {
  return /^[^\s"'\p{C}]+$/u.test(word) ? word : JSON.stringify(word).replace(/\p{C}/gu, escaped);
}

/** Text without control characters, spaces and all. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, escaped);
}

/** 84.2% */
export function percentage(share: number): string {
  return `${(share * 100).toFixed(1).replace(/\.0$/, '')}%`;
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** 61.3 MB: binary units, as in Redis's `64mb`. */
export function byteText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

function escaped(char: string): string {
  return Array.from(
    { length: char.length },
    (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('');
}
