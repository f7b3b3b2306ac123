// The policy advisor: what is wrong with the eviction policy of a server for these keys and rules, and what to do. Pure; it
// changes nothing. Each advice has an id, under which `spillway doctor` lists it too.

import { PRIORITY_NAMES, type Rule } from '../../core/policy/rule.js';
import { timeText } from '../../core/words.js';
import { evictedUnder } from '../../memory/eviction-policy.js';
import type { Advice } from './advice.js';
import { A_MINUTE, type AdviceFacts } from './facts.js';
import { type LifeSpan, makeRoom } from './make-room.js';
import { mustStay, rulesToStay } from './outlook.js';
import { evictSteps, type Step } from './steps.js';
import { withoutTtl } from './without-ttl.js';
import { some } from './words.js';

/** From this share of the limit on, eviction is near. */
const NEAR = 0.7;
const FULL = 0.9;

/** The most serious first. */
export function advise(facts: AdviceFacts): Advice[] {
  if (facts.limitBytes <= 0) return [];
  const found = [
    jobsEvictable(facts),
    withoutTtl(facts),
    locksEvictable(facts),
    evictionOrder(facts),
    makeRoom(facts, ttlsByPriority(facts.rules)),
  ].filter((advice) => advice !== undefined);
  const order = ['critical', 'warning', 'notice'];
  return found.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

/** With allkeys-* any key may be evicted, jobs included. */
function jobsEvictable(facts: AdviceFacts): Advice | undefined {
  const { policy, holders, rules, evicting } = facts;
  if (evictedUnder(policy) !== 'all') return undefined;
  const held = (holders ?? []).filter((holder) => mustStay(holder) && holder.keys !== 0);
  const named = rulesToStay(rules).map(({ name }) => name);
  const names = [...new Set([...held.map(({ name }) => name), ...named])];
  if (names.length === 0) return undefined;
  const caches = evictSteps(facts);
  const jobs = held.some(({ family }) => family !== undefined) || rules.some(({ family }) => family);
  const bull = held.some(({ family }) => family === 'bull') || rules.some(({ family }) => family === 'bull');
  const handled = makesRoom(rules);
  return {
    id: 'jobs-evictable',
    severity: handled ? 'notice' : evicting !== undefined || fullness(facts) >= FULL ? 'critical' : 'warning',
    title: jobs ? 'Redis may evict jobs' : 'Redis may evict keys that must stay',
    evidence: `${policy}; keys that must stay: ${some(names)}${also(evicting)}`,
    reason:
      'With an allkeys policy Redis evicts any key when it is full, also jobs and data that no rule may expire.' +
      (handled
        ? ' Spillway makes room before the limit, so this happens only when it cannot keep memory below it.'
        : ''),
    steps: [
      ...caches,
      caches.length > 0 || handled
        ? {
            kind: 'policy',
            policy: 'noeviction',
            why: 'only once these rules enforce: then Spillway makes room among the caches, and Redis evicts nothing',
          }
        : { kind: 'policy', policy: 'volatile-lru', why: 'evicts only keys that have a TTL' },
      ...(bull ? [BULL] : []),
    ],
  };
}

const BULL: Step = {
  kind: 'note',
  text: 'BullMQ asks for noeviction; its own keys have no TTL, so a volatile policy never evicts them either',
};

/** Locks, rate limits and one-time codes have a TTL, so they are evicted along with the caches. */
function locksEvictable(facts: AdviceFacts): Advice | undefined {
  const { policy, holders, rules, evicting } = facts;
  if (!/^(?:volatile|allkeys)-/.test(policy) || makesRoom(rules)) return undefined;
  const taken = (holders ?? []).filter(
    ({ shortLived, ttlKeys, keys }) => shortLived !== undefined && (ttlKeys > 0 || keys > 0),
  );
  if (taken.length === 0) return undefined;
  const kinds = [...new Set(taken.flatMap(({ shortLived }) => shortLived ?? []))];
  // A cache may also have a short TTL.
  const named = kinds.some((kind) => kind !== A_MINUTE);
  const caches = evictSteps(facts);
  return {
    id: 'locks-evictable',
    severity: named && (evicting !== undefined || fullness(facts) >= NEAR) ? 'warning' : 'notice',
    title: `Redis may evict ${kinds.slice(0, 2).join(' and ')}`,
    evidence: `${policy}; ${taken
      .slice(0, 3)
      .map(({ name, shortLived }) => `${name} (${shortLived})`)
      .join(', ')}${also(evicting)}`,
    reason:
      policy === 'volatile-ttl'
        ? 'When Redis is full it evicts the keys that expire soonest, so it evicts these first: then two processes hold the same lock, and rate limits start again.'
        : 'When Redis is full it cannot distinguish these keys from a cache: then two processes hold the same lock, and rate limits start again.',
    steps:
      caches.length > 0
        ? [
            ...caches,
            {
              kind: 'note',
              text: 'Spillway then makes room among the caches before Redis begins to evict, with this policy or with noeviction',
            },
          ]
        : [
            {
              kind: 'note',
              text: 'give the caches of this server a rule with "evict": true, and Spillway makes room among them before Redis begins to evict',
            },
          ],
  };
}

/** volatile-ttl evicts the keys that expire soonest. That is the wrong order if less important keys live longer. */
function evictionOrder(facts: AdviceFacts): Advice | undefined {
  if (facts.policy !== 'volatile-ttl') return undefined;
  const pairs = wrongPairs(facts.rules);
  const [first] = pairs;
  if (first === undefined) return undefined;
  const [early, late] = first;
  const told = pairs.slice(0, 3).map(([a, b]) => `${ttlOf(a)} before ${ttlOf(b)}`);
  const more = pairs.length > 3 ? `, and ${pairs.length - 3} more pairs` : '';
  return {
    id: 'eviction-order',
    severity: makesRoom(facts.rules) ? 'notice' : 'warning',
    title: 'volatile-ttl evicts more important keys first',
    evidence: `evicted first: ${told.join('; ')}${more}`,
    reason: 'This policy evicts the keys that expire soonest, whatever their priority.',
    steps: [
      {
        kind: 'rule',
        text: `give "${late.name}" a TTL of at most ${timeText(early.ttlMs / 1000)}, or "${early.name}" one of at least ${timeText(late.ttlMs / 1000)}`,
      },
      {
        kind: 'policy',
        policy: 'volatile-lru',
        why: 'or this: evicts the keys that were not used for the longest time',
      },
    ],
  };
}

function ttlOf({ name, ttlMs, priority }: Rule): string {
  return `"${name}" (${PRIORITY_NAMES[priority]}, ${timeText(ttlMs / 1000)})`;
}

/** Pairs of rules of which the first is evicted first although its priority is higher. */
function wrongPairs(rules: readonly Rule[]): [Rule, Rule][] {
  const timed = rules.filter(({ ttlMs }) => ttlMs > 0);
  return timed.flatMap((early) =>
    timed
      .filter((late) => late.priority < early.priority && late.ttlMs > early.ttlMs)
      .map((late): [Rule, Rule] => [early, late]),
  );
}

/** Whether rules of a lower priority have the shorter TTLs. */
function ttlsByPriority(rules: readonly Rule[]): LifeSpan {
  const timed = rules.filter(({ ttlMs }) => ttlMs > 0);
  if (new Set(timed.map(({ priority }) => priority)).size < 2) return 'alike';
  return wrongPairs(rules).length === 0 ? 'by priority' : 'alike';
}

function also(text: string | undefined): string {
  return text === undefined ? '' : `; ${text}`;
}

/** Whether Spillway itself evicts for some rule. */
function makesRoom(rules: readonly Rule[]): boolean {
  return rules.some(({ evict, observe }) => evict === true && !observe);
}

function fullness({ usedBytes, limitBytes }: AdviceFacts): number {
  return usedBytes / limitBytes;
}
