// Estimates from random keys what each group of keys holds (a rule's, or a discovered prefix's), with its error. Each key of the
// server is as likely to be a sample as any other, and the server says how many keys there are with a TTL and without. So in each
// of these two strata a sample stands for as many keys as there are for each sample.
// A key that holds much of the server's memory is not estimated by samples: it would stand for many like it, or be missed. Such
// keys count by themselves (tracked-keys.ts), and are left out here.
// Pure: the clock comes with each call (monotonic milliseconds).
// Invariants: at most CAPACITY samples; a window that is asked for twice gives the same.

/** How many keys there are: with a TTL, and without. */
export interface KeyCounts {
  readonly expiring: number;
  readonly staying: number;
}

/** What a group's keys hold; error: half of the 95 % confidence interval. */
export interface GroupEstimate {
  bytes: number;
  errorBytes: number;
  /** Of these, keys with a TTL. */
  expiringBytes: number;
  keys: number;
  /** Samples that it comes from. */
  samples: number;
}

const CAPACITY = 8192;
/** From fewer samples nothing is said. */
const LEAST = 32;
/** 95 % of a normal distribution lie within this many standard deviations. */
const Z = 1.96;

interface Sums {
  count: number;
  sum: number;
  squares: number;
}

export class Population<G> {
  private readonly at = new Float64Array(CAPACITY);
  private readonly bytes = new Float64Array(CAPACITY);
  private readonly expiring = new Uint8Array(CAPACITY);
  private readonly groups: (G | undefined)[] = new Array<G | undefined>(CAPACITY).fill(undefined);
  private next = 0;
  private used = 0;

  /** A random key of `group` held `bytes` at `now`. */
  add(group: G, bytes: number, expiring: boolean, now: number): void {
    this.at[this.next] = now;
    this.bytes[this.next] = bytes;
    this.expiring[this.next] = expiring ? 1 : 0;
    this.groups[this.next] = group;
    this.next = (this.next + 1) % CAPACITY;
    this.used = Math.min(CAPACITY, this.used + 1);
  }

  /** Forgets all: the keys, or their groups, are others now. */
  clear(): void {
    this.used = 0;
    this.groups.fill(undefined);
  }

  /** How long the newest `samples` samples go back, milliseconds. */
  spanOf(samples: number, now: number): number {
    if (this.used === 0) return 0;
    return now - this.at[this.indexOf(Math.min(samples, this.used) - 1)];
  }

  /**
   * By group, from the samples that came after `from` and not after `to`, of `counts` keys. Keys of `largeBytes` and more are left
   * out. undefined: there are too few samples.
   */
  estimate(
    counts: KeyCounts,
    from: number,
    to: number,
    largeBytes: number,
  ): ReadonlyMap<G, GroupEstimate> | undefined {
    const seen = [0, 0];
    const sums: [Map<G, Sums>, Map<G, Sums>] = [new Map(), new Map()];
    for (let age = 0; age < this.used; age++) {
      const i = this.indexOf(age);
      if (this.at[i] > to) continue;
      if (this.at[i] <= from) break;
      const stratum = this.expiring[i];
      seen[stratum]++;
      if (this.bytes[i] < largeBytes) addTo(sums[stratum], this.groups[i] as G, this.bytes[i]);
    }
    if (seen[0] + seen[1] < LEAST) return undefined;
    const estimates = new Map<G, GroupEstimate & { variance: number }>();
    const keys = [counts.staying, counts.expiring];
    for (const stratum of [0, 1] as const) {
      for (const [group, { count, sum, squares }] of sums[stratum]) {
        const n = seen[stratum];
        const stands = keys[stratum] / n;
        const estimate = estimates.get(group) ?? { ...NOTHING, variance: 0 };
        estimates.set(group, estimate);
        estimate.bytes += stands * sum;
        if (stratum === 1) estimate.expiringBytes += stands * sum;
        estimate.keys += stands * count;
        estimate.samples += count;
        // Of few samples the variance among them says little: one more is taken to be like the mean of these.
        const spread = (squares / n - (sum / n) ** 2) * (n / Math.max(1, n - 1)) + (sum / count / n) ** 2;
        estimate.variance += (keys[stratum] ** 2 * Math.max(0, spread)) / n;
      }
    }
    for (const estimate of estimates.values()) estimate.errorBytes = Z * Math.sqrt(estimate.variance);
    return estimates;
  }

  /** The place of the sample that `age` newer ones follow. */
  private indexOf(age: number): number {
    return (this.next - 1 - age + 2 * CAPACITY) % CAPACITY;
  }
}

/** What a group holds of which there was no sample. */
export const NOTHING: Readonly<GroupEstimate> = { bytes: 0, errorBytes: 0, expiringBytes: 0, keys: 0, samples: 0 };

function addTo<G>(sums: Map<G, Sums>, group: G, bytes: number): void {
  const sum = sums.get(group);
  if (sum === undefined) sums.set(group, { count: 1, sum: bytes, squares: bytes * bytes });
  else {
    sum.count++;
    sum.sum += bytes;
    sum.squares += bytes * bytes;
  }
}
