// What the rule of a group of keys says, and why: may they expire, after which time, and how important they are. By the name of
// the group, the types of its keys and the TTLs that they have. Without a sign that they may expire, the rule changes nothing.
// Pure.
import { parseDuration } from '../../config/units.js';
import { familyOf } from '../../core/policy/families.js';
import type { PriorityName } from '../../core/policy/rule.js';
import { DAY_S, HOUR_S } from '../../core/units.js';
import { looksLikeCache } from '../../observe/advice/meaning.js';
import { expiresByName, mayExpire, type RuleSuggestion } from '../../observe/stats/suggest.js';
import type { GroupAnalysis } from '../analyze/analysis.js';
import { COVERED, type ObservedTtl } from './observed.js';
import { percent } from './words.js';

/** If a smaller share has a TTL, the rule gets that TTL only if it is longer than what the name suggests. */
const TELLING = 0.5;
/** Seconds. An application that sets longer TTLs wants the keys to stay. */
const FOR_EVER = 10 * 365 * DAY_S;
const NO_SIGN =
  'No sign says that keys without a TTL may expire, so "durable": the rule changes nothing. If they may, write "ttl" in place of "durable".';
const QUEUES: ReadonlySet<string> = new Set(['list', 'stream']);
export interface Reasoned {
  readonly rule: RuleSuggestion;
  readonly why: readonly string[];
}

/** Uses the same signs as the suggestions of a running proxy: without one the keys get no TTL. */
export function judge(
  suggested: RuleSuggestion,
  group: GroupAnalysis,
  observed: ObservedTtl | undefined,
): Reasoned {
  const { name: pattern, keys, withoutTtl, types } = group;
  const family = familyOf(Buffer.from(pattern, 'latin1'));
  if (family !== undefined) {
    return {
      rule: durable(suggested, 'critical'),
      why: [`Keys of ${family.title}: if a part of these were refused or expired, jobs would be lost.`],
    };
  }
  if (suggested.durable) return collection(suggested, types);
  if (!mayExpire(pattern, keys.estimate - withoutTtl.estimate, keys.estimate)) {
    return { rule: durable(suggested, priorityOf(types)), why: [usualTtl(observed), NO_SIGN] };
  }
  return expiring(suggested, pattern, observed);
}

function durable({ ttl, ...kept }: RuleSuggestion, priority: PriorityName): RuleSuggestion {
  return { ...kept, durable: true, priority };
}

function usualTtl(observed: ObservedTtl | undefined): string {
  if (observed === undefined) return 'No key has a TTL.';
  return `${percent(COVERED)} of the keys with a TTL expire within ${durationText(observed.seconds)}.`;
}

function collection(suggested: RuleSuggestion, types: GroupAnalysis['types']): Reasoned {
  return {
    rule: { ...suggested, priority: priorityOf(types) },
    why: [
      'Mostly not strings, so "durable": these keys are meant to stay. The rule changes nothing.',
      ...((types.hash ?? 0) > 0.5
        ? [
            'Check: may they expire when nothing has written to them for some time, as carts and profiles do? Then write a "ttl", "applyTo": "all" and "renew": true instead.',
          ]
        : []),
    ],
  };
}

function expiring(suggested: RuleSuggestion, pattern: string, observed: ObservedTtl | undefined): Reasoned {
  const share = observed?.share ?? 0;
  const byName = parseDuration(suggested.ttl ?? '') / 1000;
  if (observed !== undefined && observed.seconds > FOR_EVER) {
    return {
      rule: durable(suggested, 'normal'),
      why: [
        'Some TTLs are longer than ten years, so "durable": these keys are meant to stay. The rule changes nothing.',
      ],
    };
  }
  const rule: RuleSuggestion = { ...suggested };
  if (!expiresByName(pattern)) rule.priority = 'normal';
  if (observed !== undefined && (share >= TELLING || observed.seconds > byName)) {
    rule.ttl = durationText(observed.seconds);
  }
  const why = [usualTtl(observed)];
  if (share < TELLING)
    why.push(
      `Check: is ${rule.ttl} long enough for the keys without a TTL? If they must stay, write "durable": true instead.`,
    );
  if (looksLikeCache(pattern)) {
    why.push(
      'Looks like a cache. If these keys can be recreated, add "evict": true: then Spillway removes the oldest as memory fills, before it refuses a write.',
    );
  }
  return { rule, why };
}

function priorityOf(types: Readonly<Record<string, number>>): PriorityName {
  const queues = Object.entries(types).reduce((sum, [type, part]) => sum + (QUEUES.has(type) ? part : 0), 0);
  return queues > 0.5 ? 'critical' : 'normal';
}

/** A duration as in a rule: minutes below an hour, hours up to a day, then days. */
function durationText(seconds: number): string {
  if (seconds < 3600) return `${seconds / 60}m`;
  return seconds <= DAY_S ? `${seconds / HOUR_S}h` : `${seconds / DAY_S}d`;
}
