// The advice for a volatile policy that has little left to evict, or soon will: keys without a TTL fill the server. Pure.
import { bytesText, countText, percentText, timeText } from '../../core/words.js';
import { evictedUnder } from '../../memory/eviction-policy.js';
import { DEAR_SHARE } from '../../memory/ttl-cost.js';
import type { RuleSuggestion } from '../stats/suggest.js';
import type { Advice } from './advice.js';
import type { AdviceFacts, Holder } from './facts.js';
import { mustStay, outlooks } from './outlook.js';
import { evictSteps, inline, ruleFor, type Step } from './steps.js';
import { some } from './words.js';

const FEW_KEYS = 100;
/** Below this share of the keys, or of the limit, there is hardly anything to evict. */
const HARDLY = 0.1;
const HALF = 0.5;
const FULL = 0.9;
/** An end within this time is reported. */
const SOON_SECONDS = 86_400;
const AT_ONCE_SECONDS = 3600;

/** undefined: enough can be evicted, for as long as known. */
export function withoutTtl(facts: AdviceFacts): Advice | undefined {
  const { policy, keys, expires, usedBytes, limitBytes, holders } = facts;
  if (evictedUnder(policy) !== 'volatile' || keys < FEW_KEYS) return undefined;
  const now = outlooks(facts).find(({ current }) => current);
  const evictable = now?.evictableBytes ?? (expires / keys) * usedBytes;
  const few = expires < HARDLY * keys;
  const little =
    (holders?.every(({ bytes }) => Number.isFinite(bytes)) || facts.measured !== undefined) &&
    evictable < HARDLY * limitBytes &&
    usedBytes >= HALF * limitBytes;
  const seconds = now?.lastsSeconds ?? null;
  const soon = seconds !== null && seconds < SOON_SECONDS;
  if (!few && !little && !soon) return undefined;
  const filling = fillers(facts);
  const named = filling.length === 0 ? '' : `; without a TTL: ${some(filling.map(sizeOf))}`;
  const end =
    seconds === null ? '' : `; at the present growth nothing is left to evict in ${timeText(seconds)}`;
  const pressing =
    usedBytes - evictable >= FULL * limitBytes || (seconds ?? AT_ONCE_SECONDS) < AT_ONCE_SECONDS;
  return {
    id: 'volatile-without-ttl',
    severity: pressing || (few && usedBytes >= FULL * limitBytes) ? 'critical' : 'warning',
    title: few
      ? 'Redis may evict only keys with a TTL, and hardly any key has one'
      : 'Redis may evict only keys with a TTL, and keys without one fill it',
    evidence: `${policy}, and ${percentText(expires / keys)} of ${countText(keys)} keys have a TTL: about ${bytesText(evictable)} of ${bytesText(limitBytes)} can be evicted${named}${end}`,
    reason: 'When these keys are gone, Redis refuses writes, as with noeviction.',
    steps: [...rulesFor(filling, facts), ...evictSteps(facts)],
  };
}

/** The keys that hold most memory that nothing can evict, the fastest growing first. */
function fillers({ holders = [] }: AdviceFacts): Holder[] {
  const stays = ({ bytes, ttlBytes }: Holder) => bytes - ttlBytes || 0;
  return holders
    .filter((holder) => stays(holder) > 0 || mayFill(holder))
    .sort((a, b) => (b.growthBytesPerSecond ?? 0) - (a.growthBytesPerSecond ?? 0) || stays(b) - stays(a))
    .slice(0, 3);
}

/** Keys whose memory is unknown, but most of whose writes leave them without a TTL, and that keep growing. */
function mayFill({ bytes, keys, ttlKeys, growthBytesPerSecond }: Holder): boolean {
  return Number.isNaN(bytes) && ttlKeys < HALF * keys && growthBytesPerSecond !== 0;
}

function sizeOf({ name, bytes, ttlBytes, growthBytesPerSecond = 0 }: Holder): string {
  if (Number.isFinite(bytes)) return `${name} ${bytesText(bytes - ttlBytes)}`;
  return growthBytesPerSecond > 0 ? `${name} (${bytesText(growthBytesPerSecond)} a second)` : name;
}

function rulesFor(filling: readonly Holder[], facts: AdviceFacts): Step[] {
  const steps: Step[] = [];
  for (const holder of filling) {
    if (mustStay(holder)) {
      steps.push({
        kind: 'note',
        text: `${holder.name} is meant to stay: it needs room (a higher maxmemory), or a budget in its rule`,
      });
    } else if (holder.rule === undefined) {
      const rule = ruleFor(holder, facts.rules);
      if (rule !== undefined) steps.push({ kind: 'rule', text: adding(holder.name, rule) });
      if (rule?.family === undefined) steps.push(...costOf(holder, facts));
    }
  }
  return steps;
}

/** A TTL is proposed only if the keys' own TTLs or their name show that they expire. */
function adding(name: string, rule: RuleSuggestion): string {
  if (rule.durable !== true) return `add the rule ${inline(rule)}`;
  return `no sign says that ${name} may expire: add the rule ${inline(rule)}, and write "ttl" in place of "durable" if it may`;
}

/** The memory that TTLs for these keys take, compared with what they make evictable. */
function costOf({ name, keys, ttlKeys, bytes, ttlBytes }: Holder, { ttlBytes: cost }: AdviceFacts): Step[] {
  const [more, gain] = [Math.max(0, Math.round(keys - ttlKeys)), bytes - ttlBytes];
  if (!(more > 0 && gain > 0)) return [];
  const taken = cost(more);
  if (!Number.isFinite(taken)) return [];
  const text = `TTLs for the ${countText(more)} keys of ${name} take up to ${bytesText(taken)} more, and make ${bytesText(gain)} evictable`;
  const dear = taken > DEAR_SHARE * gain ? '; keep such small keys in hashes' : '';
  return [{ kind: 'note', text: `${text}${dear}` }];
}
