// Checks the eviction policy against the keys and the rules: the policy advisor's results, as findings.

import { countText } from '../../core/words.js';
import { TtlCost } from '../../memory/ttl-cost.js';
import type { Advice, AdviceId } from '../../observe/advice/advice.js';
import { advise } from '../../observe/advice/advise.js';
import type { AdviceFacts, Holder } from '../../observe/advice/facts.js';
import { holderOf } from '../../observe/advice/holder.js';
import { outlooks, type PolicyOutlook } from '../../observe/advice/outlook.js';
import type { Step } from '../../observe/advice/steps.js';
import type { GroupAnalysis } from '../analyze/analysis.js';
import type { Facts } from './facts.js';
import { type Check, type Finding, figure, keyspace, set } from './finding.js';
import { counted, leavesToPrimary, sweepMend } from './room.js';

export const POLICY_CHECKS: readonly Check[] = (
  [
    { id: 'jobs-evictable', needs: 'keys' },
    { id: 'locks-evictable', needs: 'keys' },
    { id: 'volatile-without-ttl' },
    { id: 'eviction-order' },
    { id: 'noeviction-cache' },
  ] as const satisfies readonly { readonly id: AdviceId; readonly needs?: keyof Facts }[]
).map((check) => ({
  ...check,
  primaryOnly: true,
  run(facts) {
    const advice = advise(adviceFacts(facts)).find(({ id }) => id === check.id);
    return advice && findingOf(advice, facts);
  },
}));

/** What each policy would do; empty: without a limit, or without facts about the keys. */
export function policyOutlooks(facts: Facts): PolicyOutlook[] {
  const known = adviceFacts(facts);
  if (!(known.limitBytes > 0) || known.holders === undefined || leavesToPrimary(facts)) return [];
  return outlooks(known);
}

/** Facts for the advisor from one look: growth and refusals are unknown. */
function adviceFacts(facts: Facts): AdviceFacts {
  const { keys, expires } = keyspace(facts);
  const cost = new TtlCost(facts.info);
  const evicted = figure(facts, 'evicted_keys');
  return {
    policy: facts.info.get('maxmemory_policy') ?? '',
    limitBytes: figure(facts, 'maxmemory') || 0,
    usedBytes: counted(facts),
    ...{ keys, expires },
    evicting: evicted > 0 ? `${countText(evicted)} keys evicted so far` : undefined,
    rules: facts.rules?.rules.filter(({ builtIn }) => builtIn !== true) ?? [],
    holders: facts.keys?.groups.map((group) => holderFrom(group, facts)),
    refusedLastHour: undefined,
    ttlBytes: (more) => cost.bytes(expires, more),
  };
}

function holderFrom(group: GroupAnalysis, { rules }: Facts): Holder {
  const { name, keys, bytes, withoutTtl, withoutTtlBytes, ttl, averageBytes, db } = group;
  const ttlKeys = Math.max(0, keys.estimate - withoutTtl.estimate);
  return holderOf(name, rules, {
    keys: keys.estimate,
    db,
    bytes: bytes.estimate,
    ttlKeys,
    ttlBytes: Math.max(0, bytes.estimate - withoutTtlBytes),
    averageBytes,
    minuteShare: ttlKeys > 0 ? (ttl[0]?.keys ?? 0) / ttlKeys : 0,
  });
}

function findingOf({ id, severity, title, evidence, reason, steps }: Advice, facts: Facts): Finding {
  const mend = steps.flatMap((step) => mendOf(step, facts));
  if (id === 'volatile-without-ttl')
    mend.push(...sweepMend(facts, 'shows which other keys would get a TTL by the rules; --apply gives it'));
  else if (facts.rules === undefined && steps.some(({ kind }) => kind === 'rule')) {
    mend.push('spillway init      # writes a first configuration, with rules for these keys');
  }
  return { severity, title, evidence, reason, mend };
}

function mendOf(step: Step, facts: Facts): string[] {
  if (step.kind === 'note') return [`# ${step.text}`];
  if (step.kind === 'rule') return [`# in the configuration of Spillway: ${step.text}`];
  const [now = '', ...later] = set(facts, 'maxmemory-policy', step.policy);
  return [`${now}   # ${step.why}`, ...later];
}
