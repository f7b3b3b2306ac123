// The facts that the policy advisor has about a server and its keys.
import type { FamilyName } from '../../core/policy/families.js';
import type { Rule } from '../../core/policy/rule.js';

/** For keys whose name says nothing, but whose TTLs are that short. */
export const A_MINUTE = 'keys that live for a minute at most';
/** Kinds of keys that must not be evicted although they have a TTL, in the words of the advice. */
export type ShortLived = 'locks' | 'rate limits' | 'one-time codes' | typeof A_MINUTE;

/** Keys that are counted together: those of a rule, or of a pattern that no rule matches. */
export interface Holder {
  readonly name: string;
  /** The rule that matches them; undefined: none. */
  readonly rule: Rule | undefined;
  /** The job system that owns the keys. */
  readonly family: FamilyName | undefined;
  /** The database of keys without a rule; null: several, or no other database has keys. */
  readonly db: number | null;
  /** Whether the keys can be recreated: they look like it, or their rule says so. */
  readonly cache: boolean;
  /** They are written in transactions, so that none of them may go by itself. */
  readonly transactional?: boolean;
  readonly shortLived: ShortLived | undefined;
  /** NaN: unknown. */
  readonly keys: number;
  readonly bytes: number;
  /** For the keys that have a TTL. */
  readonly ttlKeys: number;
  readonly ttlBytes: number;
  /** What they add to memory; undefined: not measured. */
  readonly growthBytesPerSecond: number | undefined;
}

export interface AdviceFacts {
  /** maxmemory_policy; '': unknown. */
  readonly policy: string;
  /** maxmemory, bytes; 0: none. */
  readonly limitBytes: number;
  /** The memory that Redis compares with it. */
  readonly usedBytes: number;
  readonly keys: number;
  /** Keys with a TTL. */
  readonly expires: number;
  /** How much Redis has evicted, in words, such as "12 keys evicted so far"; undefined: nothing. */
  readonly evicting: string | undefined;
  /** What the server can evict under its present policy, and until when, as measured; undefined: nobody measures it. */
  readonly measured?: { readonly evictableBytes: number; readonly lastsSeconds: number | null } | undefined;
  /** The rules of the config, in their order; empty: there is no config. */
  readonly rules: readonly Rule[];
  /** undefined: nobody has examined the keys. */
  readonly holders: readonly Holder[] | undefined;
  /** Writes refused in the last hour, by Spillway and by Redis; undefined: not counted. */
  readonly refusedLastHour: number | undefined;
  /** The most bytes that TTLs for this many more keys take on this server. */
  readonly ttlBytes: (moreKeys: number) => number;
}
