// Decides which TTL each key of a write gets, and how: in place, by changed bytes, by a follow-up, or not at all.
// Completes a verdict that already has its keys and rules. Judging twice changes nothing. It leaves alone what it does
// not understand, and counts nothing where Redis refuses the command for its options.
import { type CommandSpec, TtlTreatment } from '../commands/spec.js';
import { PX_BYTES, writePx } from '../resp/encode.js';
import type { RequestScanner } from '../resp/request-scanner.js';
import type { CompiledRule } from './compiled-rule.js';
import { TtlOutcome } from './observer.js';
import {
  clampExpiry,
  ExpiryKind,
  ExpiryUnit,
  isRelative,
  lifetimeOf,
  readExpiry,
  TtlOptions,
} from './ttl-options.js';
import { drawTtl, expiryOutcome, followUpOutcome, givesTtl, keptOutcome } from './ttl-outcome.js';
import { Action, type Verdict } from './verdict.js';

export class TtlJudge {
  /** The server has GETEX, EXAT and PXAT. May change with the server; what the server refuses stays unchanged. */
  pointsInTime = true;
  private readonly options = new TtlOptions();
  private readonly jitteredPx = Buffer.alloc(PX_BYTES);
  /** Set by readOptions: the argument that holds the expiry, or -1. */
  private expiryIndex = -1;

  /** `now`: epoch milliseconds of the server. `random`: 0 ≤ r < 1. */
  constructor(
    private readonly verdict: Verdict,
    private readonly now: () => number,
    private readonly random: () => number,
  ) {}

  /** For the write under scan. `followUps`: whether one may be sent for it. */
  judge(args: RequestScanner, spec: CommandSpec, followUps: boolean): void {
    const verdict = this.verdict;
    verdict.recorded = true;
    verdict.replaces = spec.replaces;
    verdict.ifMissing = spec.ifMissing;
    const rule = verdict.rule[0];
    switch (spec.ttl) {
      case TtlTreatment.SET:
        if (args.argc === 3) this.judgeWithoutExpiry(rule);
        else if (args.parsed < args.argc) verdict.tail = true;
        else this.judgeOptions(args, 3, rule, followUps);
        return;
      case TtlTreatment.GETEX:
        this.judgeGetex(args, rule);
        return;
      case TtlTreatment.SETEX:
        this.judgeExpiry(args, 2, ExpiryUnit.SECONDS, rule);
        return;
      case TtlTreatment.PSETEX:
        this.judgeExpiry(args, 2, ExpiryUnit.MILLISECONDS, rule);
        return;
      case TtlTreatment.MSETEX:
        this.judgeMsetex(args, followUps);
        return;
      default:
        // A key without its value: MSET answers with an arity error of its own.
        verdict.recorded = spec.keys.step !== 2 || (args.argc - spec.keys.first) % 2 === 0;
        if (verdict.recorded) this.judgeEach(spec.ttl, followUps);
    }
  }

  private judgeGetex(args: RequestScanner, rule: CompiledRule): void {
    this.verdict.recorded = false;
    if (!this.pointsInTime) return;
    const kind = this.readOptions(args, 2, true);
    if (kind === ExpiryKind.EXPIRY) this.judgeExpiry(args, this.expiryIndex, this.options.unit, rule);
    else if (kind === ExpiryKind.KEEP) this.verdict.persists = true;
  }

  /** SET and similar commands with all options, which begin at argument `from`. */
  private judgeOptions(args: RequestScanner, from: number, rule: CompiledRule, followUps: boolean): void {
    switch (this.readOptions(args, from, false)) {
      case ExpiryKind.NONE:
        this.judgeWithoutExpiry(rule);
        return;
      case ExpiryKind.EXPIRY:
        this.judgeExpiry(args, this.expiryIndex, this.options.unit, rule);
        return;
      case ExpiryKind.KEEP:
        this.verdict.outcome[0] = keptOutcome(rule, followUps);
        return;
      default:
        this.verdict.recorded = false;
    }
  }

  private judgeWithoutExpiry(rule: CompiledRule): void {
    const verdict = this.verdict;
    if (!givesTtl(rule)) verdict.outcome[0] = TtlOutcome.WITHOUT_TTL;
    else if (rule.observe) verdict.outcome[0] = TtlOutcome.WOULD_INJECT;
    else {
      verdict.outcome[0] = TtlOutcome.INJECTED;
      verdict.action = Action.APPEND;
      this.setSuffix(rule);
    }
  }

  private setSuffix(rule: CompiledRule): void {
    const verdict = this.verdict;
    if (rule.pxSuffix !== undefined) {
      verdict.lifetimeMs = rule.ttlMs;
      verdict.suffix = rule.pxSuffix;
      verdict.suffixLength = rule.pxSuffix.length;
    } else {
      verdict.suffix = this.jitteredPx;
      verdict.lifetimeMs = drawTtl(rule, this.random);
      verdict.suffixLength = writePx(this.jitteredPx, 0, verdict.lifetimeMs);
    }
  }

  private judgeExpiry(args: RequestScanner, index: number, unit: ExpiryUnit, rule: CompiledRule): void {
    const verdict = this.verdict;
    const expiry =
      index < args.parsed ? readExpiry(args.buf, args.starts[index], args.ends[index], unit, this.now) : -1;
    verdict.recorded = expiry >= 0 && (this.pointsInTime || isRelative(unit));
    // A point in time becomes PX, which would be a syntax error next to a second EXAT or PXAT.
    const replaceable = isRelative(unit) || !this.options.repeated;
    const clamped =
      verdict.recorded && rule.maxTtlMs > 0 && replaceable
        ? clampExpiry(expiry, unit, rule.maxTtlMs, this.now)
        : -1;
    verdict.outcome[0] = expiryOutcome(rule, clamped >= 0);
    if (verdict.outcome[0] !== TtlOutcome.CLAMPED) {
      verdict.lifetimeMs = lifetimeOf(expiry, unit, this.now);
      return;
    }
    verdict.action = Action.REPLACE;
    verdict.replaceIndex = index;
    verdict.replacement = clamped;
    verdict.replaceUnit = !isRelative(unit);
    verdict.lifetimeMs = lifetimeOf(clamped, verdict.replaceUnit ? ExpiryUnit.MILLISECONDS : unit, this.now);
  }

  /** MSETEX has one TTL for all keys: it is set in place if all keys need the same, otherwise by a follow-up for each key. */
  private judgeMsetex(args: RequestScanner, followUps: boolean): void {
    const verdict = this.verdict;
    // The options have not come yet, but a follow-up is right in any case: it gives a TTL only if there is none.
    if (args.parsed < args.argc) {
      verdict.replaces = false;
      this.judgeEach(TtlTreatment.STRING, followUps);
      return;
    }
    const from = verdict.argument[verdict.count - 1] + 2;
    const alike = verdict.rule.every((rule, i) => i >= verdict.count || rule === verdict.rule[0]);
    if (alike) {
      this.judgeOptions(args, from, verdict.rule[0], followUps);
      for (let i = 1; i < verdict.count; i++) verdict.outcome[i] = verdict.outcome[0];
      return;
    }
    switch (this.readOptions(args, from, false)) {
      case ExpiryKind.NONE:
        this.judgeEach(TtlTreatment.STRING, followUps);
        return;
      case ExpiryKind.KEEP:
        for (let i = 0; i < verdict.count; i++) verdict.outcome[i] = keptOutcome(verdict.rule[i], followUps);
        return;
      case ExpiryKind.EXPIRY:
        this.judgeExpiry(args, this.expiryIndex, this.options.unit, this.strictest());
        for (let i = 1; i < verdict.count; i++) verdict.outcome[i] = verdict.outcome[0];
        return;
      default:
        verdict.recorded = false;
    }
  }

  /** The verdict's rule with the lowest maxTtl. */
  private strictest(): CompiledRule {
    const limited = this.verdict.rule.slice(0, this.verdict.count).filter((rule) => rule.maxTtlMs > 0);
    return limited.reduce(
      (least, rule) => (rule.maxTtlMs < least.maxTtlMs ? rule : least),
      limited[0] ?? this.verdict.rule[0],
    );
  }

  /** The outcome of each key of a write without TTL options. */
  private judgeEach(treatment: TtlTreatment, followUps: boolean): void {
    const verdict = this.verdict;
    for (let i = 0; i < verdict.count; i++) {
      const rule = verdict.rule[i];
      if (treatment === TtlTreatment.STRING) verdict.outcome[i] = followUpOutcome(rule, followUps);
      else if (treatment === TtlTreatment.CREATES && rule.applyToAll)
        verdict.outcome[i] = keptOutcome(rule, followUps);
      else verdict.outcome[i] = TtlOutcome.KEPT;
    }
  }

  private readOptions(args: RequestScanner, from: number, persistAllowed: boolean): ExpiryKind {
    this.options.reset(persistAllowed);
    this.expiryIndex = -1;
    for (let i = from; i < args.parsed; i++) {
      if (this.options.feed(args.buf, args.starts[i], args.ends[i])) this.expiryIndex = i;
    }
    const kind = this.options.finish();
    if (kind === ExpiryKind.KEEP || this.options.ifMissing) this.verdict.replaces = false;
    if (this.options.ifMissing) this.verdict.ifMissing = true;
    return kind;
  }
  /** The outcome for each key that a script names: the script may do anything to them. */
  judgeScript(followUps: boolean): void {
    const { verdict } = this;
    verdict.recorded = true;
    for (let i = 0; i < verdict.count; i++) verdict.outcome[i] = keptOutcome(verdict.rule[i], followUps);
  }
}
