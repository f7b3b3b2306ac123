// Names of keys as people read them.

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 as the text that it is; of other names each byte that is no printable ASCII as redis-cli writes it: `\xff`. */
export function keyText(key: Uint8Array): string {
  try {
    return UTF8.decode(key);
  } catch {
    return Array.from(key, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
    ).join('');
  }
}
