// Which TTL a command leaves its key with, and why, in words.
import { type CommandSpec, TtlTreatment } from '../../core/commands/spec.js';
import type { CompiledRule } from '../../core/policy/compiled-rule.js';
import { familyNamed } from '../../core/policy/families.js';
import { TtlOutcome } from '../../core/policy/observer.js';
import { drawTtl, givesTtl } from '../../core/policy/ttl-outcome.js';
import { EXPIRE_NX } from '../../core/resp/encode.js';
import type { FollowUpForm } from '../../core/session/request/follow-ups.js';
import type { DryRunKey } from './dry-run.js';
import type { ExplainSubject } from './subject.js';
import type { ExplainedTtl, OutcomeName } from './types.js';

const LAST_DRAW = 1 - Number.EPSILON;

const OUTCOMES: Readonly<Record<TtlOutcome, OutcomeName>> = {
  [TtlOutcome.INJECTED]: 'ttlInjected',
  [TtlOutcome.CLAMPED]: 'ttlClamped',
  [TtlOutcome.HAD_TTL]: 'hadTtl',
  [TtlOutcome.WITHOUT_TTL]: 'withoutTtl',
  [TtlOutcome.FOLLOW_UP]: 'followUp',
  [TtlOutcome.KEPT]: 'kept',
  [TtlOutcome.WOULD_INJECT]: 'wouldInject',
  [TtlOutcome.WOULD_CLAMP]: 'wouldClamp',
};

/** null: the command neither gives, cuts nor leaves out a TTL. */
export function explainTtl(
  subject: ExplainSubject,
  spec: CommandSpec,
  found: DryRunKey,
): ExplainedTtl | null {
  const { rule, outcome } = found;
  if (outcome === undefined) return null;
  const given =
    outcome === TtlOutcome.INJECTED ||
    outcome === TtlOutcome.FOLLOW_UP ||
    outcome === TtlOutcome.WOULD_INJECT;
  return {
    outcome: OUTCOMES[outcome],
    givesMs: given ? [drawTtl(rule, () => 0), drawTtl(rule, () => LAST_DRAW)] : null,
    why: whyOf(outcome, subject, spec, rule),
  };
}

function whyOf(outcome: TtlOutcome, { form }: ExplainSubject, spec: CommandSpec, rule: CompiledRule): string {
  switch (outcome) {
    case TtlOutcome.INJECTED:
      return "It carries no TTL, so Spillway adds the rule's to the command.";
    case TtlOutcome.CLAMPED:
      return "Its TTL is longer than the rule's maxTtl, so Spillway cuts it to maxTtl.";
    case TtlOutcome.HAD_TTL:
      return rule.maxTtlMs > 0
        ? "It carries a TTL of its own, within the rule's maxTtl."
        : 'It carries a TTL of its own.';
    case TtlOutcome.FOLLOW_UP:
      return `It has no place for a TTL, so Spillway sends a ${nameOf(form)} after it, which gives the key a TTL only if it has none.${renewing(rule)}`;
    case TtlOutcome.WOULD_INJECT:
      return "Observe mode changes nothing. In enforce mode the key would get the rule's TTL if it has none.";
    case TtlOutcome.WOULD_CLAMP:
      return "Observe mode changes nothing. In enforce mode Spillway would cut its TTL to the rule's maxTtl.";
    case TtlOutcome.WITHOUT_TTL:
      return `It leaves the key without a TTL: ${whyNone(rule, form)}.`;
    default:
      return `It leaves the TTL of its key as it is: ${whyKept(spec, rule, form)}.`;
  }
}

function renewing(rule: CompiledRule): string {
  return rule.renew
    ? ' A TTL that the rule gave begins anew with each write; one that the application set stays.'
    : ' Later writes leave a TTL of the rule as it is.';
}

function nameOf({ followUp }: FollowUpForm): string {
  return followUp === EXPIRE_NX ? 'PEXPIRE … NX' : 'script';
}

function whyNone(rule: CompiledRule, form: FollowUpForm): string {
  if (rule.slot === 0) return 'no rule matches the key';
  if (rule.family !== undefined)
    return `it is a key of ${familyNamed(rule.family).title}, whose keys hold jobs and get no TTL`;
  if (rule.durable) return 'the rule says that its keys are meant to stay (durable)';
  if (!givesTtl(rule)) return 'the rule has no ttl';
  return form.followUps
    ? 'the command gives none'
    : `only a ${nameOf(form)} after it could give one, and the server does not have that command`;
}

function whyKept(spec: CommandSpec, rule: CompiledRule, form: FollowUpForm): string {
  if (!givesTtl(rule) || !form.followUps) return whyNone(rule, form);
  if (spec.ttl === TtlTreatment.CREATES && !rule.applyToAll)
    return 'the rule applies to string writes only (applyTo "all" covers every command that can create the key)';
  return 'it creates no key, or sets a TTL itself';
}
