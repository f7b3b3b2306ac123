// Decides about one write: forward, rewrite, follow up or shed. Pure except for the clock and the random numbers that it
// is given: deciding twice changes nothing, and counting is a separate step. Which keys the write names is
// policy/write-keys, which TTL they get policy/ttl-judge; this file decides whether and why the write is refused. It does
// not refuse a write that Redis refuses for another reason, as far as the arguments show, and leaves alone what it does
// not understand.
import { type CommandSpec, ScriptCall } from '../commands/spec.js';
import { OOM_REPLY } from '../resp/refusal-replies.js';
import type { RequestScanner } from '../resp/request-scanner.js';
import type { CompiledRule } from './compiled-rule.js';
import { DatabaseRange } from './database-range.js';
import type { EvictableKeys } from './evictable-keys.js';
import { ANY_DATABASE, type KeyMemory } from './key-memory.js';
import type { TrafficObserver } from './observer.js';
import { type Quota, Quotas } from './quota.js';
import { Refusal } from './refusal.js';
import type { RuleSet } from './rule-set.js';
import type { Scripts } from './scripts.js';
import { ALL, type ShedGate } from './shed.js';
import { Spared } from './spared.js';
import { type KnownKeys, makeSparing, type Sparing, type SparingOfWrite } from './sparing.js';
import { TtlJudge } from './ttl-judge.js';
import { Action, Script, Verdict } from './verdict.js';
import { findKeys, findScriptKeys, shareOf, shareOut, shareOutScript } from './write-keys.js';
import { WrittenKey } from './written-key.js';

/** Redis's overhead for a key: dict entries, object and string headers, the entry in the table of expiries. */
const KEY_OVERHEAD_BYTES = 128;
const ARGUMENT_OVERHEAD_BYTES = 48;
/** jemalloc's size classes are up to a quarter apart. */
const ALLOCATOR_SLACK = 1.25;

/** Estimated growth of Redis's memory by a write of this many bytes on the wire, in whole bytes. */
export function growthOf(size: number, keys: number, args: number): number {
  return Math.ceil(size * ALLOCATOR_SLACK) + keys * KEY_OVERHEAD_BYTES + args * ARGUMENT_OVERHEAD_BYTES;
}

const NOTHING = new Uint8Array(0);

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
  /** The keys that were written lately; undefined: none is known. */
  readonly keys?: KeyMemory | undefined;
  /** The key memory of another policy, only to be read; default: `keys`. */
  readonly known?: KnownKeys | undefined;
  /** What rules may write and hold; undefined: no rule has a limit or a budget. */
  readonly quotas?: Quotas | undefined;
  /** Hears of the keys of rules with evict; undefined: there are no such rules. */
  readonly evictable?: EvictableKeys | undefined;
  /** Knows which scripts cannot make memory grow; undefined: every script may. */
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
  /** What sessions have learnt. */
  readonly databases = new DatabaseRange();
  readonly quotas: Quotas;
  readonly scripts: Scripts | undefined;
  protected readonly sparing: Sparing;
  protected readonly verdict = new Verdict();
  /** May be replaced, as the rules may be. */
  evictable: EvictableKeys | undefined;
  readonly ttl: TtlJudge;
  /** The key that is being noted. One object for all sessions, so that an idle session keeps no buffer alive through it. */
  readonly written: WrittenKey;

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
    evictable,
  }: PolicyOptions) {
    this.rules = rules;
    this.gate = gate;
    this.observer = observer;
    this.now = now;
    this.nowKnown = nowKnown;
    this.random = random;
    this.keys = keys;
    if (keys !== undefined) keys.onLost = (slot) => observer.onTtlDropped(slot);
    this.quotas = quotas ?? new Quotas();
    this.scripts = scripts;
    this.evictable = evictable;
    this.ttl = new TtlJudge(this.verdict, now, random);
    this.written = new WrittenKey(rules.unregistered, NOTHING, 0, 0, 0);
    this.sparing = makeSparing(this.verdict, gate, this.ttl, known, scripts);
  }

  /**
   * The verdict on the write under scan, of known arity, whole or up to its first large argument. `size`: its bytes on the
   * wire, as far as known. `followUps`: whether one may be sent for it. `db`: the database, -1 if unknown. `rules`: those that
   * apply to the client. Each call returns the same object: read it before the next call.
   */
  decide(
    args: RequestScanner,
    spec: CommandSpec,
    size: number,
    followUps: boolean,
    db = ANY_DATABASE,
    rules = this.rules,
  ): Verdict {
    const verdict = this.verdict;
    verdict.reset();
    if (spec.script !== ScriptCall.NONE) return this.decideScript(args, spec, size, followUps, rules);
    const allKeysKnown = findKeys(verdict, rules, args, spec);
    if (verdict.count === 0) return verdict;
    if (spec.denyOom && !spec.mover) {
      verdict.growth = growthOf(size, verdict.count, args.argc);
      if (verdict.limited) shareOut(verdict, args, spec, size);
      if (this.gate.active || (verdict.limited && !this.quotasPass())) {
        this.judgeShed(args, size, this.sparing.of(args, spec, size, followUps, db));
      }
      if (!allKeysKnown && verdict.action === Action.PASS && this.mayRefuseByKey)
        verdict.action = Action.UNDECIDED;
    }
    if (verdict.action !== Action.PASS) return verdict;
    if (verdict.judged < 0) this.ttl.judge(args, spec, followUps);
    else verdict.action = verdict.judged as Action;
    return verdict;
  }

  /** The same for a script, by the keys that it names. If it does not name them all, nothing is known about the others. */
  private decideScript(
    args: RequestScanner,
    spec: CommandSpec,
    size: number,
    followUps: boolean,
    rules: RuleSet,
  ): Verdict {
    const { verdict } = this;
    findScriptKeys(verdict, rules, args);
    let [refuses, gives] = [false, false];
    for (let i = 0; i < verdict.count; i++) {
      refuses ||= verdict.rule[i].refusesScripts;
      gives ||= verdict.rule[i].scriptTtl;
    }
    if (!refuses && !gives) return verdict;
    const grows = this.scripts?.mayGrow(args, spec.script) ?? true;
    verdict.script = grows ? Script.GROWING : Script.HARMLESS;
    if (!grows) return verdict;
    if (refuses && verdict.limited) shareOutScript(verdict, args, size);
    if (refuses && this.mayRefuse) {
      this.judgeShed(args, size, this.sparing.of(args, spec, size, followUps, ANY_DATABASE));
    }
    // A streaming script is judged before its end.
    if (verdict.action === Action.SHED || !gives || args.parsed < args.argc) return verdict;
    this.ttl.judgeScript(followUps);
    return verdict;
  }

  /** Decides an UNDECIDED command that can no longer be held back, by the keys that are known. */
  settle(args: RequestScanner, spec: CommandSpec, followUps: boolean): Verdict {
    this.verdict.action = Action.PASS;
    this.ttl.judge(args, spec, followUps);
    return this.verdict;
  }

  /** Whether the rule of a key that is still to come may refuse the write. */
  private get mayRefuseByKey(): boolean {
    return (this.gate.active && this.gate.byKey) || this.quotas.any;
  }

  /** False: refusalOf() refuses nothing, so it need not be called. */
  get mayRefuse(): boolean {
    return this.gate.active || this.quotas.any;
  }

  /**
   * Whether, and why, the growing write under scan, of `size` bytes, is refused for key `i` of the verdict. Every refusal comes
   * from here, and so does every explanation of one. It changes nothing.
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

  /** Whether the quotas of its rules refuse no key of the verdict. */
  private quotasPass(): boolean {
    const { count, rule, bytes } = this.verdict;
    for (let i = 0; i < count; i++) {
      if (this.quotaOf(rule[i])?.passes(bytes[i]) === false) return false;
    }
    return true;
  }

  private refusalByQuota(args: RequestScanner, i: number): Refusal {
    const { verdict } = this;
    const quota = this.quotaOf(verdict.rule[i]);
    if (quota === undefined) return Refusal.NONE;
    const share = quota.threshold > 0 ? shareOf(args, verdict, i) : 0;
    return quota.refusal(share, verdict.bytes[i]);
  }

  /** undefined: the rule has neither limit nor budget. */
  quotaOf(rule: CompiledRule): Quota | undefined {
    return rule.limited ? this.quotas.of(rule.slot) : undefined;
  }

  /** Sheds the whole command if it is refused for any key; a rule in observe mode only records it. */
  private judgeShed(args: RequestScanner, size: number, sparing: SparingOfWrite): void {
    const verdict = this.verdict;
    for (let i = 0; i < verdict.count; i++) {
      const refusal = this.unsparedRefusal(i, args, size, sparing);
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

  /** refusalOf() without what is spared: then only its rule's quota refuses it. */
  protected unsparedRefusal(i: number, args: RequestScanner, size: number, sparing: SparingOfWrite): Refusal {
    const refusal = this.refusalOf(args, i, size);
    if (refusal === Refusal.NONE || !this.spares(i, refusal, sparing)) return refusal;
    const other = refusal === Refusal.BUDGET ? Refusal.NONE : this.refusalByQuota(args, i);
    return other === Refusal.BUDGET && this.spares(i, other, sparing) ? Refusal.NONE : other;
  }

  private spares(i: number, refusal: Refusal, sparing: SparingOfWrite): boolean {
    const { verdict } = this;
    const rule = verdict.rule[i];
    const share =
      refusal === Refusal.BUDGET
        ? (this.quotaOf(rule)?.threshold ?? ALL)
        : this.gate.thresholds[rule.priority];
    const spared = sparing.reason(i, refusal, share < ALL);
    if (spared === Spared.NONE) return false;
    verdict.sparedKey = i;
    verdict.spared = spared;
    return true;
  }
}
