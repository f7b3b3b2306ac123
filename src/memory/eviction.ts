// The API's shapes about making room. Field names are an API. Types only.

/**
 * What making room does now: `observing`: its rules only observe; `unable`: `trouble` says why; `unknown`: there is no reading or
 * no limit; `behind`: memory is far above the start; `active`: keys are being removed; `waiting`: memory is below the start.
 */
export type EvictionPhase = 'observing' | 'unable' | 'unknown' | 'behind' | 'active' | 'waiting';

/** How Spillway makes room: part of GET /api/memory. */
export interface EvictionSnapshot {
  /** Shares of the limit: it begins at `startShare`, and goes down to `stopShare`. */
  readonly startShare: number;
  readonly stopShare: number;
  readonly phase: EvictionPhase;
  /** Keys are being removed now. */
  readonly active: boolean;
  /** Memory is not far above the start, so pressure counts only what cannot be evicted. */
  readonly holding: boolean;
  /** One sentence: why it removes nothing; null: it can. */
  readonly trouble: string | null;
  /** The server cannot say which keys were read (it has no OBJECT), so Spillway removes those that were written first. */
  readonly byAgeAlone: boolean;
  /** Estimated bytes of the keys that it knows and may remove. */
  readonly evictableBytes: number;
  /** What is known about the keys. */
  readonly ring: {
    readonly keys: number;
    readonly bytes: number;
    readonly capacityBytes: number;
    /** Keys that were forgotten because it was full. */
    readonly dropped: number;
  };
  /** For each rule with evict that has such keys. */
  readonly rules: readonly RuleEvictionSnapshot[];
}

/** What Spillway would evict at a rehearsed pressure: an estimate. */
export interface WouldEvict {
  readonly bytes: number;
  /** What the keys of rules with evict would still hold. */
  readonly keptBytes: number;
  /** Only rules that would lose keys; in the order in which they would. */
  readonly rules: readonly {
    readonly rule: string;
    /** null: no key of the rule is known, only the memory that its keys hold. */
    readonly keys: number | null;
    readonly bytes: number;
  }[];
}

export interface RuleEvictionSnapshot {
  readonly rule: string;
  readonly keys: number;
  readonly bytes: number;
  /** How long ago the oldest was written. */
  readonly oldestSeconds: number;
}
