// How large a string is, as far as memory goes: the class of the allocator that its bytes fall into. Two values of one class
// take the same memory. A class is a small number; a larger one is for more bytes.

/** An object's header, a string's header, and its NUL. */
const HEADER_BYTES = 20;
/** Up to here classes are 16 bytes apart, behind it four for each doubling (jemalloc). */
const FINE_BYTES = 128;
const FINE_STEP_BITS = 4;
const FINE_CLASSES = FINE_BYTES >> FINE_STEP_BITS;
const FINE_LOG = 7;
/** A 64-bit integer in digits, with its sign. */
const INTEGER_BYTES = 20;

/** Of a string: 1 … 100; else what follows. */
export type Size = number;

export const SizeClass = {
  /** A stream. */
  STREAM: 126,
  /** The key lives; what it holds, or how large that is, is not known. */
  OTHER: 127,
} as const;

/** The class of a string of `bytes`. */
export function sizeClassOf(bytes: number): Size {
  const size = bytes + HEADER_BYTES;
  if (size <= FINE_BYTES) return (size + (1 << FINE_STEP_BITS) - 1) >> FINE_STEP_BITS;
  const log = 31 - Math.clz32(size - 1);
  return FINE_CLASSES + (log - FINE_LOG) * 4 + ((size - 1) >>> (log - 2)) - 3;
}

/** What INCR makes of a key. */
export const INTEGER_CLASS = sizeClassOf(INTEGER_BYTES);

/** It is the class of a string. */
export function isString(size: Size): boolean {
  return size > 0 && size < SizeClass.STREAM;
}
