// Counts of values in buckets that widen with the values (after HdrHistogram). Memory is fixed, and percentiles are within
// 1% of the recorded values. Has no unit.
// Values are whole numbers from 0 to MAXIMUM; a value outside counts as the nearer end.
//
//   value   0 … 127 | 128 … 255 | 256 … 511 | 512 … 1023 | …
//   bucket    1 wide |   1 wide  |  2 wide   |   4 wide   |     128 buckets in each part

const PART_BITS = 7;
const PART = 1 << PART_BITS;
export const MAXIMUM = 2 ** 31 - 1;
const BUCKETS = (31 - PART_BITS + 1) * PART;

/** Part of a histogram's counts as plain data, to be added to another histogram. */
export interface HistogramPart {
  readonly count: number;
  readonly max: number;
  /** The buckets that are not empty, and their counts. */
  readonly buckets: Uint16Array;
  readonly counts: Float64Array;
}

export class Histogram {
  count = 0;
  /** The largest value recorded, exactly. */
  max = 0;
  private readonly buckets = new Float64Array(BUCKETS);

  record(value: number): void {
    const bounded = value <= 0 ? 0 : value >= MAXIMUM ? MAXIMUM : Math.round(value);
    this.buckets[bucketOf(bounded)]++;
    this.count++;
    if (bounded > this.max) this.max = bounded;
  }

  /** Returns the counts since the last call (or the start) and resets them. */
  take(): HistogramPart {
    const all = this.count === 0 ? [] : this.buckets.keys();
    const buckets = Uint16Array.from(all).filter((bucket) => this.buckets[bucket] > 0);
    const part = {
      count: this.count,
      max: this.max,
      buckets,
      counts: Float64Array.from(buckets, (b) => this.buckets[b]),
    };
    this.buckets.fill(0);
    this.count = 0;
    this.max = 0;
    return part;
  }

  /** Adds the counts taken from another histogram. */
  add({ count, max, buckets, counts }: HistogramPart): void {
    for (let i = 0; i < buckets.length; i++) this.buckets[buckets[i]] += counts[i];
    this.count += count;
    if (max > this.max) this.max = max;
  }

  /** The value that this share (0 … 1) of all values does not exceed; 0 when there is none. */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.buckets[bucket];
      if (seen >= rank) return Math.min(middleOf(bucket), this.max);
    }
    return 0;
  }
}

function bucketOf(value: number): number {
  const part = partOf(value);
  return part === 0 ? value : part * PART + (value >>> (part - 1)) - PART;
}

/** 0 for values below PART, then one more for each doubling. */
function partOf(value: number): number {
  return value < PART ? 0 : 32 - Math.clz32(value) - PART_BITS;
}

function middleOf(bucket: number): number {
  const part = Math.floor(bucket / PART);
  if (part === 0) return bucket;
  const width = 2 ** (part - 1);
  return ((bucket % PART) + PART) * width + (width - 1) / 2;
}
