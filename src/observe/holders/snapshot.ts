// The API's shapes about which keys hold the memory. Field names are an API. Types only.
import type { Lifetime } from './lifetimes.js';

/** The estimated memory of the keys of a rule, or of a pattern. */
export interface Holding {
  bytes: number;
  /**
   * Half of the 95% confidence interval, plus 8 bytes a key, the error of MEMORY USAGE that all keys may share. Large keys are
   * measured and add nothing to it.
   */
  errorBytes: number;
  /** Of `bytes`: keys with a TTL. The rest stays until somebody deletes it. */
  expiringBytes: number;
  keys: number;
  /** Of `keys`: those with a TTL. */
  expiringKeys: number;
  /** Large keys among them, which are measured one by one. */
  largeKeys: number;
  /** How long its keys live before they are evicted; null: none are, or it is unknown. */
  lifetime: Lifetime | null;
}

export interface PatternHolding extends Holding {
  pattern: string;
}

/** `sampled`; `waiting`: too few keys were sampled yet; `denied`: the monitor may not examine keys. */
export type HoldsMethod = 'sampled' | 'waiting' | 'denied';

export interface HoldsSnapshot {
  method: HoldsMethod;
  /** Random keys that the estimate comes from, and over how long. */
  samples: number;
  seconds: number;
  /** Memory in use that belongs to no key seen: the server's own memory, buffers, large keys that nobody wrote lately. */
  unaccountedBytes: number | null;
  /** Keys that no rule matches, by pattern, the most bytes first. */
  patterns: PatternHolding[];
  /** Names of the rules whose keys have not grown lately: within their priority they are refused last. */
  steady: string[];
}
