// Whether a write is refused, by memory, by a limit or by a budget of its rule, and why, in words.
import { formatPercent, formatSize } from '../../config/units.js';
import { type CommandSpec, Sizing } from '../../core/commands/spec.js';
import type { CompiledRule } from '../../core/policy/compiled-rule.js';
import { tagOf } from '../../core/policy/hash.js';
import { Refusal, refusalName, refusalText } from '../../core/policy/refusal.js';
import { PRIORITY_NAMES } from '../../core/policy/rule.js';
import { ALL } from '../../core/policy/shed.js';
import { Spared, sparedName, sparedText } from '../../core/policy/spared.js';
import type { TokenBucket } from '../../core/policy/token-bucket.js';
import { Script } from '../../core/policy/verdict.js';
import { errorText } from '../../core/resp/client-errors.js';
import type { DryRun, DryRunKey } from './dry-run.js';
import type { Explained, ExplainSubject } from './subject.js';
import type {
  ExplainedBudget,
  ExplainedLimit,
  ExplainedRefusal,
  ExplainedShed,
  ExplainedSparing,
} from './types.js';

/** For the key that decides; null: nothing is, or would be, refused. */
export function explainRefusal({ verdict }: DryRun): ExplainedRefusal | null {
  const key = verdict?.keys[verdict.shedKey];
  if (key === undefined) return null;
  const reason = refusalName(key.refusal);
  return reason === undefined ? null : { key: key.key.toString('utf8'), reason, why: refusalText(reason) };
}

/** `today`: at this moment; undefined: offline. */
export function explainShed(
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
    tag: tag === undefined ? null : Buffer.from(tag).toString('utf8'),
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

/** On a server that evicts: which writes are refused. */
function whatIsEvicted(now: ExplainSubject['now'], possible: boolean): string {
  return possible && now?.gate.sparesExpiring === true
    ? ' The server can evict keys with a TTL: only writes that leave their key without one are refused now.'
    : '';
}

/** The primary of several workers serves no client: what it says about a key holds for a key that was not written lately. */
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

/** What is left of the rule's rates; null: it has no limit. */
export function explainLimit({ now }: ExplainSubject, { slot, limit }: CompiledRule): ExplainedLimit | null {
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

/** The memory of the rule's keys; null: it has no budget. */
export function explainBudget(
  { now }: ExplainSubject,
  { name, budget }: CompiledRule,
): ExplainedBudget | null {
  if (budget === undefined) return null;
  const setting = 'share' in budget ? formatPercent(budget.share) : formatSize(budget.bytes);
  const known = now?.budgets.find(({ rule }) => rule === name);
  const { budgetBytes = null, heldBytes = null, refusedShare = null, method = null } = known ?? {};
  return { setting, budgetBytes, heldBytes, refusedShare, method };
}

/** Which writes of this kind pass although their key is refused. */
function sparing({ sizing }: CommandSpec): string {
  switch (sizing) {
    case Sizing.UNKNOWN:
    case Sizing.FOREIGN:
      return '';
    case Sizing.STREAM:
      return ' Until all are refused, it passes with MAXLEN or MINID if the stream was written lately.';
    default:
      return ' Until all are refused, the write passes if the key was written lately and does not become larger.';
  }
}

/** The inverse of Pressure.share(): the pressure above which a key with this share hash is refused. */
function keyAbove([start, full]: readonly [number, number], share: number): number {
  return start + (full - start) * (share / ALL);
}
