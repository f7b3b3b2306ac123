// Explains in words what Spillway does with a command, and why, key by key.
// Decides nothing itself: rules, TTLs and refusals come from a real session (dry-run.ts). It runs the command twice: without
// refusals, for the TTLs, and in a running proxy under the present pressure.
// It is long because each outcome has its sentence here.
import { formatPercent, formatSize } from '../../config/units.js';
import {
  arityFits,
  type CommandSpec,
  ConnectionRole,
  ScriptCall,
  Sizing,
  TtlTreatment,
} from '../../core/commands/spec.js';
import { familyNamed } from '../../core/policy/families.js';
import { globMatches } from '../../core/policy/glob.js';
import { tagOf } from '../../core/policy/hash.js';
import { TtlOutcome } from '../../core/policy/observer.js';
import type { Quotas } from '../../core/policy/quota.js';
import { Refusal, refusalName, refusalText } from '../../core/policy/refusal.js';
import { PRIORITY_NAMES, type Rule } from '../../core/policy/rule.js';
import type { CompiledRule } from '../../core/policy/rule-set.js';
import { DEFAULT_USER } from '../../core/policy/rule-views.js';
import { ALL, type ShedGate } from '../../core/policy/shed.js';
import { Spared, sparedName, sparedText } from '../../core/policy/spared.js';
import type { KnownKeys } from '../../core/policy/sparing.js';
import type { TokenBucket } from '../../core/policy/token-bucket.js';
import { drawTtl, givesTtl } from '../../core/policy/ttl-outcome.js';
import { Script } from '../../core/policy/verdict.js';
import { errorText } from '../../core/resp/client-errors.js';
import { EXPIRE_NX, encodeCommand } from '../../core/resp/encode.js';
import type { FollowUpForm } from '../../core/session/request/follow-ups.js';
import type { BudgetSnapshot } from '../../memory/snapshot.js';
import { assemble } from './assemble.js';
import { type DryRun, type DryRunKey, dryRun, type Stage } from './dry-run.js';
import type {
  ExplainedBudget,
  ExplainedKey,
  ExplainedLimit,
  ExplainedNow,
  ExplainedRefusal,
  ExplainedShed,
  ExplainedSparing,
  ExplainedTtl,
  ExplainRequest,
  Explanation,
  OutcomeName,
} from './types.js';
import { whenEvicted } from './when-evicted.js';

export interface ExplainSubject extends Stage {
  /** By Priority: in a running proxy as they are now, with what is reserved taken off. */
  readonly bands: readonly (readonly [start: number, full: number] | null)[];
  /** By Priority: share of the limit that is kept for higher ones. */
  readonly reserved: readonly number[];
  /** The state of a running proxy; undefined: offline. */
  readonly now:
    | (Pick<ExplainedNow, 'pressure' | 'rehearsal' | 'reason'> & {
        readonly gate: ShedGate;
        readonly quotas: Quotas;
        readonly budgets: readonly BudgetSnapshot[];
        /** undefined: several processes know keys, each its own. */
        readonly keys?: KnownKeys | undefined;
      })
    | undefined;
}

/** How many rules that did not match are named. */
const PASSED_OVER = 50;
const LAST_DRAW = 1 - Number.EPSILON;

export function explain(subject: ExplainSubject, request: ExplainRequest): Explanation {
  const command = assemble(request, subject.table);
  const bytes = encodeCommand(...command.map((word) => Buffer.from(word)));
  const { db = 0, user = DEFAULT_USER } = request;
  const client = { db, user };
  const admitted = dryRun(subject, client, bytes);
  const { now } = subject;
  const today = now && dryRun(subject, client, bytes, now.gate, now.quotas, now.keys);
  const name = Buffer.from(command[0]);
  const spec = subject.table.find(name, 0, name.length);
  const { verdict } = admitted;
  return {
    command,
    ...client,
    ...kindOf(spec, command.length, admitted),
    sends: admitted.sent,
    changed: !admitted.sentBytes.equals(bytes),
    keys:
      spec === undefined || verdict === undefined
        ? []
        : verdict.keys.map((key, i) => {
            const { script } = verdict;
            return explainKey(subject, { spec, script }, key, today?.verdict?.keys[i]);
          }),
    now:
      now === undefined || today === undefined
        ? null
        : {
            shed: today.shed,
            wouldShed: today.wouldShed,
            refused: explainRefusal(today),
            pressure: now.pressure,
            rehearsal: now.rehearsal,
            reason: now.reason,
          },
  };
}

function kindOf(
  spec: CommandSpec | undefined,
  argc: number,
  { verdict }: DryRun,
): Pick<Explanation, 'kind' | 'why'> {
  if (spec === undefined)
    return {
      kind: 'unknown',
      why: 'Spillway does not know this command (a module may define it): it passes unchanged and is never refused.',
    };
  if (spec.role === ConnectionRole.CONSOLE)
    return {
      kind: 'passed',
      why: 'Spillway answers it itself, if the server answers the INFO that Spillway sends in its place.',
    };
  if (!arityFits(spec.arity, argc))
    return {
      kind: 'refused',
      why: 'It has the wrong number of arguments: it passes unchanged, and Redis refuses it.',
    };
  if (spec.script > ScriptCall.LOAD) return SCRIPTS[verdict?.script ?? Script.NONE];
  if (verdict === undefined || verdict.keys.length === 0)
    return { kind: 'passed', why: 'It writes no key that could grow or get a TTL: it passes unchanged.' };
  if (verdict.keys[0].outcome !== undefined)
    return { kind: 'write', why: 'It is a write that rules apply to.' };
  return spec.ttl === TtlTreatment.GETEX
    ? { kind: 'passed', why: 'It sets no TTL: it passes unchanged.' }
    : { kind: 'refused', why: 'Its arguments are invalid: it passes unchanged, and Redis refuses it.' };
}

const SCRIPTS: Readonly<Record<Script, Pick<Explanation, 'kind' | 'why'>>> = {
  [Script.NONE]: {
    kind: 'passed',
    why: 'It runs a script, and no rule of the keys that it names has scripts "refuse" or scriptTtl: it passes unchanged.',
  },
  [Script.HARMLESS]: {
    kind: 'passed',
    why: 'It runs a script that cannot make memory grow (its commands, its flags or memory.passScripts say so): it passes unchanged.',
  },
  [Script.GROWING]: {
    kind: 'write',
    why: 'It runs a script that may make memory grow: rules of the keys that it names apply to it as a whole.',
  },
};

/** What is explained of a key: the command, and what it is as a script. */
interface Explained {
  readonly spec: CommandSpec;
  readonly script: Script;
}

function explainKey(
  subject: ExplainSubject,
  { spec, script }: Explained,
  found: DryRunKey,
  today: DryRunKey | undefined,
): ExplainedKey {
  const { key, rule } = found;
  const { rules } = subject.rules;
  const at = rules.indexOf(rule);
  const before = rules.slice(0, at < 0 ? rules.length : at).filter(({ builtIn }) => builtIn !== true);
  return {
    key: key.toString('utf8'),
    rule:
      at < 0
        ? null
        : {
            name: rule.name,
            position: rule.builtIn ? null : at + 1,
            family: rule.family ?? null,
            match: matching(rule, key),
          },
    priority: PRIORITY_NAMES[rule.priority],
    mode: rule.observe ? 'observe' : 'enforce',
    passedOver: before.slice(0, PASSED_OVER).map((each) => ({
      name: each.name,
      match: each.globs.map(text),
      db: each.databases === undefined ? null : [...each.databases],
      user: each.users?.map((name) => Buffer.from(name, 'latin1').toString('utf8')) ?? null,
    })),
    passedOverMore: Math.max(0, before.length - PASSED_OVER),
    ttl: explainTtl(subject, spec, found),
    shed: explainShed(subject, { spec, script }, found, today),
    limit: explainLimit(subject, rule),
    budget: explainBudget(subject, rule),
    evict: whenEvicted(rules, rule),
  };
}

function matching(rule: Rule, key: Uint8Array): string {
  return text(rule.globs.find((glob) => globMatches(glob, key, 0, key.length)) ?? new Uint8Array(0));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

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

function explainTtl(subject: ExplainSubject, spec: CommandSpec, found: DryRunKey): ExplainedTtl | null {
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

/** Of the key that decides; null: nothing is, or would be, refused. */
function explainRefusal({ verdict }: DryRun): ExplainedRefusal | null {
  const key = verdict?.keys[verdict.shedKey];
  if (key === undefined) return null;
  const reason = refusalName(key.refusal);
  return reason === undefined ? null : { key: key.key.toString('utf8'), reason, why: refusalText(reason) };
}

/** `today`: at this moment; undefined: offline. */
function explainShed(
  { bands, reserved, now }: ExplainSubject,
  explained: Explained,
  { key, rule, share }: DryRunKey,
  today: DryRunKey | undefined,
): ExplainedShed {
  const band = bands[rule.priority];
  const tag = tagOf(key);
  const { spec, script } = explained;
  const grows = (spec.denyOom && !spec.mover) || (script === Script.GROWING && rule.refusesScripts);
  return {
    possible: grows && band !== null,
    why:
      whyShed(explained, rule, band !== null) +
      whatIsEvicted(now, grows && band !== null) +
      whoKnows(now, rule, today?.refusal === Refusal.BAND),
    band: band === null ? null : [...band],
    reserved: reserved[rule.priority],
    tag: tag === undefined ? null : text(tag),
    keyAbove: band === null || !grows ? null : keyAbove(band, share),
    now: today === undefined ? null : today.refusal !== Refusal.NONE,
    reason: refusalName(today?.refusal ?? Refusal.NONE) ?? null,
    spared: explainSparing(today?.spared ?? Spared.NONE),
  };
}

function explainSparing(spared: Spared): ExplainedSparing | null {
  const reason = sparedName(spared);
  return reason === undefined ? null : { reason, why: sparedText(reason) };
}

/** On a server that evicts: which of the writes are refused. */
function whatIsEvicted(now: ExplainSubject['now'], possible: boolean): string {
  return possible && now?.gate.sparesExpiring === true
    ? ' The server can evict keys with a TTL: only writes that leave their key without one are refused now.'
    : '';
}

/** The primary of several workers serves no client: what it says of a key holds for one that was not written lately. */
function whoKnows(now: ExplainSubject['now'], { priority }: CompiledRule, refused: boolean): string {
  return refused && now !== undefined && now.keys === undefined && now.gate.thresholds[priority] < ALL
    ? ' A worker lets the write pass if it knows that the key is there and does not grow; each worker knows the keys of its own clients.'
    : '';
}

function whyShed({ spec, script }: Explained, rule: CompiledRule, banded: boolean): string {
  const priority = PRIORITY_NAMES[rule.priority];
  if (spec.mover) return 'It only moves data that is there already: it is never refused.';
  if (script !== Script.NONE && !rule.refusesScripts)
    return 'The rule lets scripts pass (scripts "refuse" would refuse this one with the key).';
  if (script === Script.HARMLESS) return 'The script cannot make memory grow: it is never refused.';
  if (!spec.denyOom && script === Script.NONE)
    return 'Redis does not count it as a command that needs memory: it is never refused.';
  if (!banded)
    return `Priority ${priority} is never refused because memory is nearly full; only large writes that do not fit are.`;
  const spared = sparing(spec);
  return rule.observe
    ? 'Observe mode refuses nothing. It counts what it would refuse.'
    : `Spillway refuses growing writes of priority ${priority} within its band, the same keys first each time.${spared}`;
}

function explainLimit({ now }: ExplainSubject, { slot, limit }: CompiledRule): ExplainedLimit | null {
  if (limit === undefined) return null;
  const quota = now?.quotas.of(slot);
  const rate = (perSecond: number, bucket: TokenBucket | undefined) =>
    perSecond === 0 ? null : { perSecond, left: bucket === undefined ? null : Math.floor(bucket.tokens) };
  return {
    writes: rate(limit.writesPerSecond, quota?.writes),
    bytes: rate(limit.bytesPerSecond, quota?.bytes),
    value: limit.valueBytes || null,
    error: limit.error ?? errorText('OOM'),
  };
}

function explainBudget({ now }: ExplainSubject, { name, budget }: CompiledRule): ExplainedBudget | null {
  if (budget === undefined) return null;
  const setting = 'share' in budget ? formatPercent(budget.share) : formatSize(budget.bytes);
  const known = now?.budgets.find(({ rule }) => rule === name);
  const { budgetBytes = null, heldBytes = null, refusedShare = null, method = null } = known ?? {};
  return { setting, budgetBytes, heldBytes, refusedShare, method };
}

/** Which writes of the kind pass although their key is refused. */
function sparing({ sizing }: CommandSpec): string {
  switch (sizing) {
    case Sizing.UNKNOWN:
    case Sizing.FOREIGN:
      return '';
    case Sizing.STREAM:
      return ' Until all are refused, it passes with MAXLEN or MINID if the stream was written lately.';
    default:
      return ' Until all are refused, it passes if the key was written lately and it leaves it no larger.';
  }
}

/** The inverse of Pressure.share(): the pressure above which a key with this share hash is refused. */
function keyAbove([start, full]: readonly [number, number], share: number): number {
  return start + (full - start) * (share / ALL);
}
