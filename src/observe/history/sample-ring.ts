// A ring of the latest samples, in memory of fixed size. Owns the cells; the caller defines the columns.
// Invariants: never more than `capacity` rows; row 0 is the oldest; nothing is allocated after construction.

export class SampleRing {
  private readonly cells: Float64Array;
  private next = 0;
  private used = 0;

  constructor(
    readonly capacity: number,
    private readonly width: number,
  ) {
    this.cells = new Float64Array(capacity * width);
  }

  get length(): number {
    return this.used;
  }

  /** Adds a row of `width` numbers. When the ring is full, it replaces the oldest row. */
  push(row: readonly number[]): void {
    for (let column = 0; column < this.width; column++) {
      this.cells[this.next * this.width + column] = row[column] ?? Number.NaN;
    }
    this.next = (this.next + 1) % this.capacity;
    this.used = Math.min(this.used + 1, this.capacity);
  }

  /** NaN: there is no such row. */
  read(row: number, column: number): number {
    if (row < 0 || row >= this.used) return Number.NaN;
    const place = (this.next - this.used + row + this.capacity) % this.capacity;
    return this.cells[place * this.width + column];
  }

  /** The last row whose first column is at most `value`; -1: none. That column must only grow. */
  lastUpTo(value: number): number {
    let [low, high] = [0, this.used];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.read(middle, 0) <= value) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
