// Names of keys as text.

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A name in UTF-8 as it is; in any other name each byte that is not printable ASCII as `\xff`, like redis-cli. */
export function keyText(key: Uint8Array): string {
  try {
    return UTF8.decode(key);
  } catch {
    return Array.from(key, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
    ).join('');
  }
}
