// How much of the server's memory strings take, by the size classes of its allocator.

/** Bytes of memory that a key takes in addition to its name and value: entry, object, headers. */
export const ENTRY_BYTES = 56;
const STRING_HEADER_BYTES = 4;

/** What the server allocates for a string of this many bytes, and for its key. */
export function stringMemory(keyBytes: number, bytes: number): number {
  return ENTRY_BYTES + allocated(keyBytes + STRING_HEADER_BYTES) + allocated(bytes + STRING_HEADER_BYTES);
}

/** jemalloc's size classes: four for each doubling. */
function allocated(bytes: number): number {
  if (bytes <= 64) return (bytes + 15) & ~15;
  const step = 1 << (29 - Math.clz32(bytes - 1));
  return (bytes + step - 1) & -step;
}
