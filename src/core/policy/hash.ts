// The hash of a key: one 32-bit number that says which share of keys it falls into and feeds the distinct count.
// Every instance of every version must agree, or two proxies would shed different keys: never change it lightly.

/** FNV-1a over buf[start, end), then murmur3's finaliser, since FNV alone leaves the high bits of short keys flat. */
export function hashKey(buf: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ buf[i], 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
