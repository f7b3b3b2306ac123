// What the policy advisor knows of a server and its keys.
import type { FamilyName } from '../../core/policy/families.js';
import type { Rule } from '../../core/policy/rule.js';

/** No word says what they are, and their TTLs are that short. */
export const A_MINUTE = 'keys that live for a minute at most';
/** Which keys must not be evicted although they have a TTL, in the words of the advice. */
export type ShortLived = 'locks' | 'rate limits' | 'one-time codes' | typeof A_MINUTE;

/** Keys that hold memory together: those of a rule, or of a pattern that no rule matches. */
export interface Holder {
  readonly name: string;
  /** The rule that matches them; undefined: none. */
  readonly rule: Rule | undefined;
  /** The job system whose keys they are. */
  readonly family: FamilyName | undefined;
  /** They look like, or their rule says that they are, keys that can be made again. */
  readonly cache: boolean;
  readonly shortLived: ShortLived | undefined;
  /** NaN: not known. */
  readonly keys: number;
  readonly bytes: number;
  /** Of those that have a TTL. */
  readonly ttlKeys: number;
  readonly ttlBytes: number;
  /** What they add to memory; undefined: not measured. */
  readonly growthBytesPerSecond: number | undefined;
}

export interface AdviceFacts {
  /** maxmemory_policy; '': not told. */
  readonly policy: string;
  /** maxmemory, bytes; 0: none. */
  readonly limitBytes: number;
  /** What Redis compares with it. */
  readonly usedBytes: number;
  readonly keys: number;
  /** Keys with a TTL. */
  readonly expires: number;
  /** That Redis evicts, in words, such as "12 keys evicted so far"; undefined: it does not. */
  readonly evicting: string | undefined;
  /** What the server can evict under its present policy, and until when, as measured; undefined: nobody measures it. */
  readonly measured?: { readonly evictableBytes: number; readonly lastsSeconds: number | null } | undefined;
  /** The rules of the config, in their order; empty: there is no config. */
  readonly rules: readonly Rule[];
  /** undefined: nobody has looked at the keys. */
  readonly holders: readonly Holder[] | undefined;
  /** Writes refused in the last hour, by Spillway and by Redis; undefined: not counted. */
  readonly refusedLastHour: number | undefined;
  /** The most bytes that TTLs for so many more keys take on this server. */
  readonly ttlBytes: (moreKeys: number) => number;
}
