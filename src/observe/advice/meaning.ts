// What the words of a pattern say about its keys: a cache, or keys that must not be evicted although they have a TTL. Pure.
// Invariant: only whole words count, so neither `clock:*` nor `blockchain:*` is a lock.
import type { ShortLived } from './facts.js';

const SHORT_LIVED: readonly (readonly [ShortLived, RegExp])[] = [
  ['locks', word('lock|locks|locked|redlock|mutex|semaphore|lease|leases|leader')],
  [
    'rate limits',
    word('rate[-_.: ]?limits?|rate[-_.: ]?limit(?:er|ing)|limiter|throttles?|throttling|attempts'),
  ],
  ['rate limits', /^(?:rate|rl)[:/|]/i],
  ['one-time codes', word('otp|totp|2fa|mfa|nonce|nonces|csrf|captcha|idempotency|idempotent|dedupe?')],
  ['one-time codes', word('(?:one[-_]?time|verify|verification|magic)[-_.: ]?(?:codes?|links?|tokens?)')],
];
const CACHE = word('cache|caches|cached|fragments?|thumbs?|thumbnails?');
/** Parts of longer words, such as `pagecache`. */
const CACHE_PART = /cache/i;

/** undefined: no word of it says so. */
export function shortLivedBy(pattern: string): ShortLived | undefined {
  return SHORT_LIVED.find(([, words]) => words.test(pattern))?.[0];
}

/** Whether a word of the pattern says that its keys can be recreated. */
export function looksLikeCache(pattern: string): boolean {
  return shortLivedBy(pattern) === undefined && (CACHE.test(pattern) || CACHE_PART.test(pattern));
}

function word(words: string): RegExp {
  return new RegExp(`(?:^|[^a-z])(?:${words})(?:[^a-z]|$)`, 'i');
}
