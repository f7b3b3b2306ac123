// How large a string is in memory: the allocator's class for its bytes. Two values of one class take the same memory. A class
// is a small number; larger classes are for more bytes.

/** An object's header, a string's header, and its NUL. */
const HEADER_BYTES = 20;
/** Up to here classes are 16 bytes apart; above, there are four for each doubling (jemalloc). */
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
  /** The key lives; its type or size is unknown. */
  OTHER: 127,
} as const;

/** The class of a string of `bytes`. */
export function sizeClassOf(bytes: number): Size {
  const size = bytes + HEADER_BYTES;
  if (size <= FINE_BYTES) return (size + (1 << FINE_STEP_BITS) - 1) >> FINE_STEP_BITS;
  const log = 31 - Math.clz32(size - 1);
  return FINE_CLASSES + (log - FINE_LOG) * 4 + ((size - 1) >>> (log - 2)) - 3;
}

/** The class of a key after INCR. */
export const INTEGER_CLASS = sizeClassOf(INTEGER_BYTES);

/** Whether it is the class of a string. */
export function isString(size: Size): boolean {
  return size > 0 && size < SizeClass.STREAM;
}
