// The hash of a key: a 32-bit number. The count of distinct keys uses it, and it decides which keys are shed first. The share
// hash of a key with a {tag} is the hash of the tag, so that all keys with that tag are shed together. A key's hash is signed,
// because V8 stores such numbers without a heap object. A share hash is unsigned. All versions must agree, or two proxies would
// shed different keys: do not change it.

const OPEN = 0x7b;
const CLOSE = 0x7d;

/** FNV-1a over buf[start, end), then murmur3's finaliser, because FNV alone hardly changes the high bits for short keys. */
export function hashKey(buf: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ buf[i], 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** The hash, 0 … 2^32 - 1, that decides whether the key buf[start, end) is in the share that is shed; `hash`: its hashKey(). */
export function hashShare(buf: Uint8Array, start: number, end: number, hash: number): number {
  const from = tagStart(buf, start, end);
  const to = tagEnd(buf, from, end);
  return (to > from ? hashKey(buf, from, to) : hash) >>> 0;
}

/** The part of the key that hashShare() hashes, if it is not the whole key. */
export function tagOf(key: Uint8Array): Uint8Array | undefined {
  const from = tagStart(key, 0, key.length);
  const to = tagEnd(key, from, key.length);
  return to > from ? key.subarray(from, to) : undefined;
}

/**
 * Redis Cluster hashes what is between the first `{` and the first `}` after it, unless that is empty (keyHashSlot in
 * cluster.c).
 */
function tagStart(buf: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (buf[i] === OPEN) return i + 1;
  return end;
}

/** `from` if there is no `}`. */
function tagEnd(buf: Uint8Array, from: number, end: number): number {
  for (let i = from; i < end; i++) if (buf[i] === CLOSE) return i;
  return from;
}
