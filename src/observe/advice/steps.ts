// The steps that an advice proposes to the operator: rules to change, a policy to set. Pure.
// Invariant: it never proposes to evict keys of a job system, locks, counters, or keys of durable or critical rules.
import { Priority, type Rule } from '../../core/policy/rule.js';
import { inDatabase, type RuleSuggestion, suggestRule } from '../stats/suggest.js';
import type { AdviceFacts, Holder } from './facts.js';
import { looksLikeCache, shortLivedBy } from './meaning.js';
import { mustStay, rulesToStay } from './outlook.js';
import { some } from './words.js';

export type Step =
  /** For the config of Spillway. */
  | { readonly kind: 'rule'; readonly text: string }
  /** maxmemory-policy. */
  | { readonly kind: 'policy'; readonly policy: string; readonly why: string }
  | { readonly kind: 'note'; readonly text: string };

/** A rule that is added only observes, so nothing may rely on it yet. */
const ENFORCE: Step = {
  kind: 'note',
  text: 'what is added only observes: when "spillway report" shows what it would evict, remove its "mode"',
};

/** The changes that let Spillway evict the caches; empty: no keys look like a cache. */
export function evictSteps({ holders, rules }: AdviceFacts): Step[] {
  const caches = (holders ?? []).filter(
    (holder) => holder.cache && !mustStay(holder) && holder.rule?.evict !== true,
  );
  const ruled = [...new Set(caches.flatMap(({ rule }) => (rule === undefined ? [] : [rule])))];
  const found = ruled.length > 0 ? ruled : caches.length > 0 ? [] : rules.filter(mayBeCache);
  const steps: Step[] = [];
  if (found.length > 0) {
    const sure = found.every(({ name, globs }) => [name, ...globs.map(textOf)].some(looksLikeCache));
    steps.push({
      kind: 'rule',
      text: `${sure ? 'add' : 'if their keys can be recreated, add'} "evict": true to ${found.length === 1 ? 'the rule' : 'the rules'} ${some(found.map(({ name }) => JSON.stringify(name)))}`,
    });
  }
  const added: Step[] = [];
  for (const holder of caches.filter(({ rule }) => rule === undefined).slice(0, 3)) {
    const rule = ruleFor(holder, rules);
    if (rule?.ttl !== undefined)
      added.push({ kind: 'rule', text: `add the rule ${inline({ ...rule, evict: true })}` });
  }
  return [...steps, ...added, ...(added.length > 0 ? [ENFORCE] : [])];
}

/** The rule that the page and `init` suggest for these keys; it only observes. undefined: no rule can be suggested. */
export function ruleFor(
  { name, db, keys, ttlKeys, transactional }: Holder,
  rules: readonly Rule[],
): RuleSuggestion | undefined {
  const taken = new Set(rules.map((rule) => rule.name));
  const writes = Number.isFinite(keys) ? Math.max(1, Math.round(keys)) : 1;
  const hadTtl = Number.isFinite(ttlKeys) ? Math.min(writes, Math.round(ttlKeys)) : 0;
  const hitter = { pattern: name, writes, hadTtl, withoutTtl: writes - hadTtl, bytes: 0, error: 0 };
  const { suggestion } = suggestRule({ ...hitter, ...(transactional && { inMulti: writes }) }, taken);
  return suggestion === null ? undefined : inDatabase(suggestion, db);
}

function mayBeCache(rule: Rule): boolean {
  if (rule.evict === true || rule.ttlMs === 0 || rulesToStay([rule]).length > 0) return false;
  const texts = [rule.name, ...rule.globs.map(textOf)];
  if (texts.some((text) => shortLivedBy(text) !== undefined)) return false;
  return rule.priority === Priority.LOW || texts.some(looksLikeCache);
}

/** One line for a person. */
export function stepText(step: Step): string {
  return step.kind === 'policy' ? `CONFIG SET maxmemory-policy ${step.policy}: ${step.why}` : step.text;
}

/** One line, as in a config. */
export function inline(rule: object): string {
  const fields = Object.entries(rule).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  return `{ ${fields.join(', ')} }`;
}

function textOf(glob: Uint8Array): string {
  return Buffer.from(glob).toString('latin1');
}
