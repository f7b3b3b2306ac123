// Estimates from random keys the memory of each group of keys (a rule's, or a discovered prefix's), with its error. Each key of
// the server is equally likely to be a sample, and the server reports how many keys there are with a TTL and without. So in
// each of these two strata a sample stands for the number of keys divided by the number of samples.
// A key that holds much of the server's memory is not estimated by samples: it would stand for many like it, or be missed. Such
// keys count by themselves (tracked-keys.ts), and are left out here.
// Pure: the clock comes with each call (monotonic milliseconds).
// Invariants: at most CAPACITY samples; the same window always gives the same result.

/** How many keys there are: with a TTL, and without. */
export interface KeyCounts {
  readonly expiring: number;
  readonly staying: number;
}

/** The memory of a group's keys; error: half of the 95% confidence interval. */
export interface GroupEstimate {
  bytes: number;
  errorBytes: number;
  /** Of these, keys with a TTL. */
  expiringBytes: number;
  keys: number;
  expiringKeys: number;
  /** Samples that it comes from. */
  samples: number;
}

const CAPACITY = 8192;
/** With fewer samples there is no result. */
const LEAST = 32;
/** Up to this factor, numbers of keys count as about equal. */
const ALIKE = 1.25;
/** 95% of a normal distribution lie within this many standard deviations. */
const Z = 1.96;

interface Sums {
  count: number;
  keys: number;
  sum: number;
  squares: number;
}

export class Population<G> {
  private readonly at = new Float64Array(CAPACITY);
  private readonly bytes = new Float64Array(CAPACITY);
  private readonly expiring = new Uint8Array(CAPACITY);
  /** How many keys there were then: of its kind, and in all. */
  private readonly ofKind = new Float64Array(CAPACITY);
  private readonly inAll = new Float64Array(CAPACITY);
  private readonly groups: (G | undefined)[] = new Array<G | undefined>(CAPACITY).fill(undefined);
  private next = 0;
  private used = 0;

  /** A random key of `group`, one of `counts`, held `bytes` at `now`. */
  add(group: G, bytes: number, expiring: boolean, counts: KeyCounts, now: number): void {
    this.ofKind[this.next] = expiring ? counts.expiring : counts.staying;
    this.inAll[this.next] = counts.expiring + counts.staying;
    this.at[this.next] = now;
    this.bytes[this.next] = bytes;
    this.expiring[this.next] = expiring ? 1 : 0;
    this.groups[this.next] = group;
    this.next = (this.next + 1) % CAPACITY;
    this.used = Math.min(CAPACITY, this.used + 1);
  }

  /** Forgets everything: the keys, or their groups, are others now. */
  clear(): void {
    this.used = 0;
    this.groups.fill(undefined);
  }

  /**
   * How many milliseconds the newest samples go back: at most `most` samples and `longestMs`, and only while the number of keys
   * was about the same as now.
   */
  spanOf(most: number, longestMs: number, now: number): number {
    let span = 0;
    for (let age = 0; age < Math.min(this.used, most); age++) {
      const i = this.indexOf(age);
      const before = now - this.at[i];
      const ratio = this.inAll[i] / Math.max(1, this.inAll[this.indexOf(0)]);
      const changed = ratio > ALIKE || ratio * ALIKE < 1;
      if (before > longestMs || (changed && age >= 2 * LEAST)) break;
      span = before;
    }
    return span;
  }

  /**
   * By group, from the samples that came after `from` and not after `to`. Keys of `largeBytes` and more are left out. undefined:
   * there are too few samples.
   */
  estimate(from: number, to: number, largeBytes: number): ReadonlyMap<G, GroupEstimate> | undefined {
    const seen = [0, 0];
    const sums: [Map<G, Sums>, Map<G, Sums>] = [new Map(), new Map()];
    for (let age = 0; age < this.used; age++) {
      const i = this.indexOf(age);
      if (this.at[i] > to) continue;
      if (this.at[i] <= from) break;
      const stratum = this.expiring[i];
      seen[stratum]++;
      if (this.bytes[i] < largeBytes)
        addTo(sums[stratum], this.groups[i] as G, this.ofKind[i], this.bytes[i] * this.ofKind[i]);
    }
    if (seen[0] + seen[1] < LEAST) return undefined;
    const estimates = new Map<G, GroupEstimate & { variance: number }>();
    for (const stratum of [0, 1] as const) {
      for (const [group, { count, keys, sum, squares }] of sums[stratum]) {
        const n = seen[stratum];
        const estimate = estimates.get(group) ?? { ...NOTHING, variance: 0 };
        estimates.set(group, estimate);
        estimate.bytes += sum / n;
        estimate.keys += keys / n;
        if (stratum === 1) estimate.expiringBytes += sum / n;
        if (stratum === 1) estimate.expiringKeys += keys / n;
        estimate.samples += count;
        // A few samples say little about their variance: one more is assumed, close to their mean.
        const spread = (squares / n - (sum / n) ** 2) * (n / Math.max(1, n - 1)) + (sum / count) ** 2 / n;
        estimate.variance += Math.max(0, spread) / n;
      }
    }
    for (const estimate of estimates.values()) estimate.errorBytes = Z * Math.sqrt(estimate.variance);
    return estimates;
  }

  /** The place of the sample that has `age` newer ones after it. */
  private indexOf(age: number): number {
    return (this.next - 1 - age + 2 * CAPACITY) % CAPACITY;
  }
}

/** The memory of a group without a sample. */
export const NOTHING: Readonly<GroupEstimate> = {
  ...{ bytes: 0, errorBytes: 0, expiringBytes: 0 },
  ...{ keys: 0, expiringKeys: 0, samples: 0 },
};

function addTo<G>(sums: Map<G, Sums>, group: G, keys: number, bytes: number): void {
  const sum = sums.get(group) ?? { count: 0, keys: 0, sum: 0, squares: 0 };
  sums.set(group, sum);
  sum.count++;
  sum.keys += keys;
  sum.sum += bytes;
  sum.squares += bytes * bytes;
}
