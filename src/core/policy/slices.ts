// Work on thousands of rules, written so that it can pause. It yields after each slice; its caller decides what happens
// meanwhile: nothing at the start, a turn of the event loop while clients are served. Pure.
// Invariant: a slice is at most SLICE rules or patterns, each of which takes microseconds.

/** Yields wherever it may pause. */
export type Sliced<T> = Generator<undefined, T, unknown>;

/** How many rules or patterns are handled between two pauses. */
export const SLICE = 100;

/** Does all of it without a pause. */
export function atOnce<T>(work: Sliced<T>): T {
  let next = work.next();
  while (!next.done) next = work.next();
  return next.value;
}

/** Calls `each` for every item, in order, a slice at a time. */
export function* forEachSliced<T>(items: readonly T[], each: (item: T, index: number) => void): Sliced<void> {
  for (let i = 0; i < items.length; i++) {
    if (i > 0 && i % SLICE === 0) yield;
    each(items[i], i);
  }
}

/** items.map(), a slice at a time. */
export function* mapSliced<T, U>(items: readonly T[], make: (item: T, index: number) => U): Sliced<U[]> {
  const made: U[] = [];
  yield* forEachSliced(items, (item, i) => {
    made.push(make(item, i));
  });
  return made;
}
