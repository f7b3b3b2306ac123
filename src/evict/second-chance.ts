// Whether a key was read since it was written, by the server's answer: how long the key was idle, or, if the server counts how
// often keys are used (lfu policies), that count. Pure.

/** IDLETIME counts whole seconds by a clock that is updated once a second: it says nothing about younger keys. */
export const ASK_FROM_MS = 4000;
const UNSHARP_S = 2;
export const UNSHARP_MS = UNSHARP_S * 1000;
/** The count of a new key (LFU_INIT_VAL), and how fast it falls: by 1 a minute, with the default lfu-decay-time. */
const FREQ_OF_NEW = 5;
const DECAY_MS = 60_000;

/** `age`: milliseconds since it was written, `idle`: seconds. */
export function readSinceByIdle(age: number, idle: number): boolean {
  return idle + UNSHARP_S < age / 1000;
}

/** `age`: milliseconds since it was written, `freq`: the answer to OBJECT FREQ. */
export function readSinceByFreq(age: number, freq: number): boolean {
  return freq > Math.max(0, FREQ_OF_NEW - Math.floor(age / DECAY_MS));
}

/** For at least how many milliseconds a key was not used, by its count of uses. */
export function idleByFreq(freq: number): number {
  return Math.max(0, FREQ_OF_NEW - freq) * DECAY_MS;
}
