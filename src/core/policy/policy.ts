// Decides about one write: forward, rewrite, follow up or shed. Pure except for the clock and the random numbers that it is
// given: deciding twice changes nothing, and counting is a separate step.
// It does not refuse a write that Redis refuses for another reason, as far as the arguments show, and leaves alone what it
// does not understand.
// It is long because everything that decides about one write stands here, in the order in which it is decided.
import { type CommandSpec, ScriptCall, Sizing, TtlTreatment } from '../commands/spec.js';
import { equalsIgnoreCase, readPositiveInteger } from '../resp/bytes.js';
import { PX_BYTES, writePx } from '../resp/encode.js';
import { OOM_REPLY } from '../resp/refusal-replies.js';
import type { RequestScanner } from '../resp/request-scanner.js';
import { hashKey, hashShare } from './hash.js';
import { ANY_DATABASE, type KeyMemory, sizeOf } from './key-memory.js';
import { type TrafficObserver, TtlOutcome } from './observer.js';
import { type Quota, Quotas } from './quota.js';
import { Refusal } from './refusal.js';
import type { CompiledRule, RuleSet } from './rule-set.js';
import type { Scripts } from './scripts.js';
import { ALL, type ShedGate } from './shed.js';
import { isRewrite } from './sizing.js';
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
import { Action, Script, Verdict } from './verdict.js';

/** Redis's overhead for a key: dict entries, object and string headers, the entry in the table of expiries. */
const KEY_OVERHEAD_BYTES = 128;
const ARGUMENT_OVERHEAD_BYTES = 48;
/** jemalloc's size classes are up to a quarter apart. */
const ALLOCATOR_SLACK = 1.25;

/** Estimated growth of Redis's memory by a write of this many bytes on the wire, in whole bytes. */
export function growthOf(size: number, keys: number, args: number): number {
  return Math.ceil(size * ALLOCATOR_SLACK) + keys * KEY_OVERHEAD_BYTES + args * ARGUMENT_OVERHEAD_BYTES;
}

export interface PolicyOptions {
  readonly rules: RuleSet;
  readonly gate: ShedGate;
  readonly observer: TrafficObserver;
  /** The server's time, epoch milliseconds. */
  readonly now: () => number;
  /** Whether `now` comes from the server, not only from this machine's clock; default true. */
  readonly nowKnown?: () => boolean;
  /** 0 ≤ r < 1. */
  readonly random: () => number;
  /** Knows the keys that were written lately; undefined: nothing is known of any. */
  readonly keys?: KeyMemory | undefined;
  /** Those of another policy, to be asked only; default: `keys`. */
  readonly known?: Pick<KeyMemory, 'find'> | undefined;
  /** What rules may write and hold; undefined: no rule has a limit or a budget. */
  readonly quotas?: Quotas | undefined;
  /** Knows which scripts cannot grow; undefined: every script may. */
  readonly scripts?: Scripts | undefined;
}

export class Policy {
  /** May be replaced between two commands, because a verdict holds its own rules. */
  rules: RuleSet;
  readonly gate: ShedGate;
  readonly observer: TrafficObserver;
  readonly now: () => number;
  readonly nowKnown: () => boolean;
  readonly random: () => number;
  readonly keys: KeyMemory | undefined;
  private readonly known: Pick<KeyMemory, 'find'> | undefined;
  /** The server has GETEX, EXAT and PXAT. May change with the server; what it refuses stays as it is. */
  pointsInTime = true;
  readonly quotas: Quotas;
  readonly scripts: Scripts | undefined;
  private readonly verdict = new Verdict();
  private readonly options = new TtlOptions();
  private readonly jitteredPx = Buffer.alloc(PX_BYTES);
  /** Set by readOptions: the argument that holds the expiry, or -1. */
  private expiryIndex = -1;

  constructor({
    rules,
    gate,
    observer,
    now,
    nowKnown = () => true,
    random,
    keys,
    known = keys,
    quotas,
    scripts,
  }: PolicyOptions) {
    this.rules = rules;
    this.gate = gate;
    this.observer = observer;
    this.now = now;
    this.nowKnown = nowKnown;
    this.random = random;
    this.keys = keys;
    this.known = known;
    this.quotas = quotas ?? new Quotas();
    this.scripts = scripts;
  }

  /**
   * The verdict on the write under scan, of known arity, whole or up to its first large argument.
   * `size`: bytes of it on the wire, as far as known. `followUps`: whether one may be sent for it. `db`: the database, -1
   * where that is not known. The object returned is the same each time: read it before the next call.
   */
  decide(
    args: RequestScanner,
    spec: CommandSpec,
    size: number,
    followUps: boolean,
    db = ANY_DATABASE,
  ): Verdict {
    const verdict = this.verdict;
    verdict.reset();
    if (spec.script !== ScriptCall.NONE) return this.decideScript(args, spec, size, followUps);
    const allKeysKnown = this.findKeys(args, spec);
    if (verdict.count === 0) return verdict;
    if (spec.denyOom && !spec.mover) {
      verdict.growth = growthOf(size, verdict.count, args.argc);
      if (verdict.limited) this.shareOut(args, spec, size);
      if (this.gate.active || verdict.limited) {
        this.judgeShed(args, spec, size, db);
        if (verdict.action === Action.SHED) return verdict;
      }
      // Of a key that is still to come the rule may refuse the write.
      if (!allKeysKnown && ((this.gate.active && this.gate.byKey) || this.quotas.any))
        verdict.action = Action.UNDECIDED;
    }
    if (verdict.action === Action.PASS) this.judgeTtl(args, spec, followUps);
    return verdict;
  }

  /** The same for a script, by the keys that it names. If it does not name them all, nothing is known of the others. */
  private decideScript(args: RequestScanner, spec: CommandSpec, size: number, followUps: boolean): Verdict {
    const { verdict } = this;
    this.findScriptKeys(args);
    let [refuses, gives] = [false, false];
    for (let i = 0; i < verdict.count; i++) {
      refuses ||= verdict.rule[i].refusesScripts;
      gives ||= verdict.rule[i].scriptTtl;
    }
    if (!refuses && !gives) return verdict;
    const grows = this.scripts?.mayGrow(args, spec.script) ?? true;
    verdict.script = grows ? Script.GROWING : Script.HARMLESS;
    if (!grows) return verdict;
    if (refuses && this.mayRefuse) this.judgeShed(args, spec, size, ANY_DATABASE);
    // One that streams is not waited for to its end.
    if (verdict.action === Action.SHED || !gives || args.parsed < args.argc) return verdict;
    verdict.recorded = true;
    for (let i = 0; i < verdict.count; i++) verdict.outcome[i] = keptOutcome(verdict.rule[i], followUps);
    return verdict;
  }

  /** `numkeys key …` from argument 2 on; none where Redis refuses the number. */
  private findScriptKeys(args: RequestScanner): void {
    const { buf, starts, ends, argc, parsed } = args;
    const count = parsed > 2 ? readPositiveInteger(buf, starts[2], ends[2]) : 0;
    if (count > argc - 3) return;
    for (let i = 3; i < 3 + count && i < parsed; i++) this.addKey(args, i);
  }

  /** Decides an UNDECIDED command that cannot be held back any longer, by the keys that are known. */
  settle(args: RequestScanner, spec: CommandSpec, followUps: boolean): Verdict {
    this.verdict.action = Action.PASS;
    this.judgeTtl(args, spec, followUps);
    return this.verdict;
  }

  /** Fills the verdict's keys from the arguments that are there; false: more arguments are to come. */
  private findKeys(args: RequestScanner, spec: CommandSpec): boolean {
    const { first, last, step, keywords, verbs } = spec.keys;
    const { argc, parsed } = args;
    if (keywords.length > 0) {
      for (let i = 2; i < parsed - 1; i++) {
        for (const keyword of keywords) {
          if (equalsIgnoreCase(args.buf, args.starts[i], args.ends[i], keyword)) this.addKey(args, i + 1);
        }
      }
      return parsed === argc;
    }
    if (first === 0) return true;
    if (verbs !== undefined && !namesAny(args, verbs)) return parsed === argc;
    let until = last < 0 ? argc + last : last;
    if (spec.ttl === TtlTreatment.MSETEX) {
      const pairs = parsed > 1 ? readPositiveInteger(args.buf, args.starts[1], args.ends[1]) : 0;
      if (pairs * 2 + 2 > argc) return true;
      until = pairs * 2;
    }
    for (let i = first; i <= until && i < parsed; i += step) this.addKey(args, i);
    return until < parsed;
  }

  private addKey(args: RequestScanner, i: number): void {
    const { buf, starts, ends } = args;
    this.verdict.addKey(i, this.rules.find(buf, starts[i], ends[i]), hashKey(buf, starts[i], ends[i]));
  }

  /** False: refusalOf() refuses nothing, so it need not be called. */
  get mayRefuse(): boolean {
    return this.gate.active || this.quotas.any;
  }

  /**
   * Whether, and why, the write under scan, a growing one of `size` bytes, is refused for key `i` of the verdict. Every
   * refusal comes from here, and so does what is said of one. It changes nothing.
   */
  refusalOf(args: RequestScanner, i: number, size: number): Refusal {
    const { gate, verdict } = this;
    const rule = verdict.rule[i];
    const isScript = verdict.script !== Script.NONE;
    if (isScript && !rule.refusesScripts) return Refusal.NONE;
    if (gate.active) {
      const share = gate.splits(rule.priority) ? shareOf(args, verdict, i) : 0;
      const refusal = gate.refusal(rule.priority, share, size);
      if (refusal !== Refusal.NONE)
        return isScript && refusal !== Refusal.HEADROOM ? Refusal.SCRIPT : refusal;
    }
    return this.refusalByQuota(args, i);
  }

  private refusalByQuota(args: RequestScanner, i: number): Refusal {
    const { verdict } = this;
    const isScript = verdict.script !== Script.NONE;
    const quota = this.quotaOf(verdict.rule[i]);
    if (quota === undefined) return Refusal.NONE;
    const share = quota.threshold > 0 ? shareOf(args, verdict, i) : 0;
    // How much a script writes is not known, so it takes nothing of what its rule may write.
    return isScript ? quota.refusalByBudget(share) : quota.refusal(share, verdict.bytes[i]);
  }

  /** undefined: the rule has neither limit nor budget. */
  quotaOf(rule: CompiledRule): Quota | undefined {
    return rule.limited ? this.quotas.of(rule.slot) : undefined;
  }

  /** How many bytes of the command each of its keys stands for, as far as they are known. */
  private shareOut(args: RequestScanner, spec: CommandSpec, size: number): void {
    const { count, argument, bytes } = this.verdict;
    if (count === 1) {
      bytes[0] = size;
      return;
    }
    for (let i = 0; i < count; i++) {
      if (spec.keys.step !== 2) bytes[i] = size / count;
      else bytes[i] = pairBytes(args, argument[i]);
    }
  }

  /** Sheds the whole command if it is refused for any key; a rule in observe mode only records it. */
  private judgeShed(args: RequestScanner, spec: CommandSpec, size: number, db: number): void {
    const verdict = this.verdict;
    for (let i = 0; i < verdict.count; i++) {
      const refusal = this.unsparedRefusal(i, args, spec, size, db);
      if (refusal === Refusal.NONE) continue;
      verdict.shedKey = i;
      verdict.refusal = refusal;
      verdict.reply = this.replyTo(refusal, verdict.rule[i]);
      if (verdict.rule[i].observe) continue;
      verdict.action = Action.SHED;
      return;
    }
  }

  private replyTo(refusal: Refusal, rule: CompiledRule): number {
    const ofLimit = refusal === Refusal.RATE || refusal === Refusal.VALUE;
    return ofLimit ? (this.quotaOf(rule)?.reply ?? OOM_REPLY) : OOM_REPLY;
  }

  /** refusalOf() for a key that the write does not make larger, too: then only a limit of its rule refuses it. */
  protected unsparedRefusal(
    i: number,
    args: RequestScanner,
    spec: CommandSpec,
    size: number,
    db: number,
  ): Refusal {
    const refusal = this.refusalOf(args, i, size);
    if (refusal === Refusal.NONE || !this.spares(i, refusal, args, spec, db)) return refusal;
    this.verdict.sparedKey = i;
    const other = refusal === Refusal.BUDGET ? Refusal.NONE : this.refusalByQuota(args, i);
    return other === Refusal.BUDGET && this.spares(i, other, args, spec, db) ? Refusal.NONE : other;
  }

  /**
   * Whether key `i` may be written although it is in the refused share, because the write leaves it no larger than it is known
   * to be. Where the whole priority or budget is refused nothing is spared: what the key memory has wrong can fill no more
   * than the band.
   */
  private spares(i: number, refusal: Refusal, args: RequestScanner, spec: CommandSpec, db: number): boolean {
    const { known: keys, verdict } = this;
    if (keys === undefined || spec.sizing === Sizing.UNKNOWN) return false;
    const rule = verdict.rule[i];
    if (refusal === Refusal.BAND || refusal === Refusal.RESERVE) {
      if (this.gate.thresholds[rule.priority] >= ALL) return false;
    } else if (refusal !== Refusal.BUDGET || (this.quotaOf(rule)?.threshold ?? ALL) >= ALL) return false;
    const { buf, starts, ends } = args;
    const at = verdict.argument[i];
    const known = keys.find(buf, starts[at], ends[at], verdict.hash[i], db);
    return known !== 0 && isRewrite(spec, args, at, sizeOf(known));
  }

  private judgeTtl(args: RequestScanner, spec: CommandSpec, followUps: boolean): void {
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
        verdict.recorded = false;
        if (!this.pointsInTime) return;
        switch (this.readOptions(args, 2, true)) {
          case ExpiryKind.EXPIRY:
            this.judgeExpiry(args, this.expiryIndex, this.options.unit, rule);
            return;
          case ExpiryKind.KEEP:
            verdict.persists = true;
        }
        return;
      case TtlTreatment.SETEX:
        this.judgeExpiry(args, 2, ExpiryUnit.SECONDS, rule);
        return;
      case TtlTreatment.PSETEX:
        this.judgeExpiry(args, 2, ExpiryUnit.MILLISECONDS, rule);
        return;
      case TtlTreatment.MSETEX:
        // The options are not there yet, but a follow-up is right whatever they are: it gives a TTL only if there is none.
        if (args.parsed < args.argc) {
          verdict.replaces = false;
          this.judgeEach(TtlTreatment.STRING, followUps);
        } else this.judgeMsetex(args, followUps);
        return;
      default:
        // A key without its value: MSET answers with an arity error of its own.
        verdict.recorded = spec.keys.step !== 2 || (args.argc - spec.keys.first) % 2 === 0;
        if (verdict.recorded) this.judgeEach(spec.ttl, followUps);
    }
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
    // A point in time becomes PX: beside a second EXAT or PXAT that would be a syntax error.
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
}

function shareOf({ buf, starts, ends }: RequestScanner, { argument, hash }: Verdict, i: number): number {
  return hashShare(buf, starts[argument[i]], ends[argument[i]], hash[i]);
}

function namesAny({ buf, starts, ends, parsed }: RequestScanner, words: readonly string[]): boolean {
  for (let i = 2; i < parsed; i++) {
    for (const word of words) if (equalsIgnoreCase(buf, starts[i], ends[i], word)) return true;
  }
  return false;
}

/** `$n\r\n` before key and value and `\r\n` behind them, for short ones. */
const PAIR_FRAMING_BYTES = 12;

/** Bytes of a key and its value, of which the latter may not be there but announced. */
function pairBytes(args: RequestScanner, key: number): number {
  const { starts, ends, parsed, bulkLength } = args;
  const value =
    key + 1 < parsed ? ends[key + 1] - starts[key + 1] : key + 1 === parsed ? Math.max(0, bulkLength) : 0;
  return ends[key] - starts[key] + value + PAIR_FRAMING_BYTES;
}
