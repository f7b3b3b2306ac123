// How many bytes of memory a written byte takes, by the keys that were measured lately.

/** After this many keys, what was learnt before weighs half as much. */
const LEARNT_KEYS = 256;
const MOST_RATIO = 5;

export class MemoryRatio {
  value = 1;
  private memory = 0;
  private bytes = 0;
  private keys = 0;

  /** A key of `bytes` took `memory`; the ratio stays at `least` or above. */
  learn(memory: number, bytes: number, least: number): void {
    this.memory += Math.min(memory, bytes * MOST_RATIO);
    this.bytes += bytes;
    if (++this.keys >= LEARNT_KEYS) {
      this.keys /= 2;
      this.memory /= 2;
      this.bytes /= 2;
    }
    this.value = Math.max(least, this.memory / this.bytes);
  }
}
