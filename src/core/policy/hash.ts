// The hash of a key: a 32-bit number that decides which keys are shed first, and that the count of distinct keys uses.
// All versions must agree, or two proxies would shed different keys: do not change it.

/** FNV-1a over buf[start, end), then murmur3's finaliser, because FNV alone hardly changes the high bits for short keys. */
export function hashKey(buf: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ buf[i], 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
