// Rows of counters as one typed array, so that counting allocates nothing.

/** A copy with this many cells. */
export function extended(cells: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(length);
  larger.set(cells);
  return larger;
}
