// Whether a growing write passes although the pressure or its rule's budget refuses its key, and why (policy/spared):
// - rewrite: it does not make its key larger, as far as is known. steady: its rule does not grow. Both apply only while a
//   share is refused, so that a wrong guess can fill no more than the band.
// - expiring: the server can evict the key again. brief: such writes hold little memory. Both apply at any pressure.
// No reason spares a large write that does not fit, or a write that a rule's limit refuses.
// Changes only the verdict; the session counts a spared write when it forwards it.
import { type CommandSpec, Sizing } from '../commands/spec.js';
import type { RequestScanner } from '../resp/request-scanner.js';
import { BRIEF_BYTES, BRIEF_MS, COUNTER_KEY_BYTES, EXPIRY_BYTES } from './brief.js';
import type { CompiledRule } from './compiled-rule.js';
import { ANY_DATABASE, type KeyMemory, sizeOf } from './key-memory.js';
import { TtlOutcome } from './observer.js';
import { Refusal } from './refusal.js';
import type { Scripts } from './scripts.js';
import type { ShedGate } from './shed.js';
import { isRewrite } from './sizing.js';
import { Spared } from './spared.js';
import { stringMemory } from './string-memory.js';
import type { TtlJudge } from './ttl-judge.js';
import { givesTtl } from './ttl-outcome.js';
import { Script, type Verdict } from './verdict.js';

/** SET key value EX 60: with this many arguments, a TTL probably follows a value that has not come yet. */
const WORDS_WITH_EXPIRY = 5;

export type KnownKeys = Pick<KeyMemory, 'find' | 'ttlLeft'>;

/** The one write that is judged at present. */
export interface SparingOfWrite {
  /** Why key `i` passes despite `refusal`; `partly`: not all keys of its priority, or of its rule, are refused. */
  reason(i: number, refusal: Refusal, partly: boolean): Spared;
}

export interface Sparing {
  /**
   * For questions about the write under scan, whose keys the verdict has. As for Policy.decide(). Each call returns the same
   * object: use it before the next call.
   */
  of(args: RequestScanner, spec: CommandSpec, size: number, followUps: boolean, db: number): SparingOfWrite;
}

/** `known`: the keys that were written lately. */
export function makeSparing(
  verdict: Verdict,
  gate: ShedGate,
  ttl: TtlJudge,
  known: KnownKeys | undefined,
  scripts: Scripts | undefined,
): Sparing {
  return new WriteSparing(verdict, gate, ttl, known, scripts);
}

class WriteSparing implements Sparing, SparingOfWrite {
  private args!: RequestScanner;
  private spec!: CommandSpec;
  private size = 0;
  private followUps = false;
  private db = ANY_DATABASE;

  constructor(
    private readonly verdict: Verdict,
    private readonly gate: ShedGate,
    private readonly ttl: TtlJudge,
    private readonly known: KnownKeys | undefined,
    private readonly scripts: Scripts | undefined,
  ) {}

  of(args: RequestScanner, spec: CommandSpec, size: number, followUps: boolean, db: number): SparingOfWrite {
    this.args = args;
    this.spec = spec;
    this.size = size;
    this.followUps = followUps;
    this.db = db;
    return this;
  }

  reason(i: number, refusal: Refusal, partly: boolean): Spared {
    const byPressure = refusal === Refusal.BAND || refusal === Refusal.RESERVE || refusal === Refusal.SCRIPT;
    if (!byPressure && refusal !== Refusal.BUDGET) return Spared.NONE;
    if (partly && refusal !== Refusal.SCRIPT && this.isRewrite(i)) return Spared.REWRITE;
    const { gate } = this;
    const { priority, slot } = this.verdict.rule[i];
    if (!byPressure || !gate.fits(priority, this.size)) return Spared.NONE;
    if (partly && gate.steady[slot] === 1) return Spared.STEADY;
    if (gate.sparesExpiring && this.leavesTtl(i)) return Spared.EXPIRING;
    return gate.brief.most > 0 && this.isBrief(i) ? Spared.BRIEF : Spared.NONE;
  }

  private isRewrite(i: number): boolean {
    const { spec, args } = this;
    if (spec.sizing === Sizing.UNKNOWN) return false;
    const known = this.stateOf(i);
    return known !== 0 && isRewrite(spec, args, this.verdict.argument[i], sizeOf(known));
  }

  /** What is known about the key; 0: nothing. */
  private stateOf(i: number): number {
    const { args, db } = this;
    const { argument, hash } = this.verdict;
    const at = argument[i];
    return this.known?.find(args.buf, args.starts[at], args.ends[at], hash[i], db) ?? 0;
  }

  /** Whether the key has a TTL after the write, as far as known. */
  private leavesTtl(i: number): boolean {
    const { args, followUps, verdict } = this;
    const rule = verdict.rule[i];
    if (verdict.script !== Script.NONE) return rule.scriptTtl && followUps && givesByRule(rule);
    this.judge();
    if (!verdict.recorded) return false;
    if (verdict.tail) return givesByRule(rule) || args.argc >= WORDS_WITH_EXPIRY;
    switch (verdict.outcome[i]) {
      case TtlOutcome.INJECTED:
      case TtlOutcome.CLAMPED:
      case TtlOutcome.HAD_TTL:
      case TtlOutcome.WOULD_CLAMP:
      case TtlOutcome.FOLLOW_UP:
        return true;
      default:
        return !verdict.replaces && (this.known?.ttlLeft(this.stateOf(i)) ?? 0) > 0;
    }
  }

  private isBrief(i: number): boolean {
    const { args, spec, size, verdict, gate } = this;
    if (args.parsed < args.argc) return false;
    if (verdict.script !== Script.NONE) return this.isBriefScript(i);
    if (size > BRIEF_BYTES) return false;
    this.judge();
    if (!verdict.recorded) return false;
    const at = verdict.argument[i];
    const keyBytes = args.ends[at] - args.starts[at];
    const lifetimeMs = lifetimeOf(verdict, i);
    const counts = spec.sizing === Sizing.NUMBER;
    if (counts ? keyBytes > COUNTER_KEY_BYTES : lifetimeMs === 0 || lifetimeMs > BRIEF_MS) return false;
    const known = this.stateOf(i);
    // It adds nothing to an existing counter, and NX adds nothing to an existing key.
    if (known !== 0 && (counts || verdict.ifMissing)) return true;
    const bytes = stringMemory(keyBytes, this.valueBytes(at)) + EXPIRY_BYTES;
    if (!gate.brief.hasRoom(verdict.briefBytes + bytes)) return false;
    this.note(bytes, lifetimeMs, known === 0 ? 0 : (this.known?.ttlLeft(known) ?? 0));
    return true;
  }

  /** A script that only counts, or sets short TTLs, as far as its source shows: each counts as a minute. */
  private isBriefScript(i: number): boolean {
    const { args, spec, size, verdict, gate } = this;
    // Its source is not stored.
    const sourceBytes = args.ends[1] - args.starts[1];
    if (size - sourceBytes > BRIEF_BYTES || this.scripts?.isBrief(args, spec.script) !== true) return false;
    const at = verdict.argument[i];
    const bytes = stringMemory(args.ends[at] - args.starts[at], size - sourceBytes) + EXPIRY_BYTES;
    if (!gate.brief.hasRoom(verdict.briefBytes + bytes)) return false;
    this.note(bytes, BRIEF_MS, 0);
    return true;
  }

  private note(bytes: number, lifetimeMs: number, leftMs: number): void {
    const { verdict } = this;
    verdict.briefBytes += bytes;
    verdict.briefMs = Math.max(verdict.briefMs, lifetimeMs);
    verdict.briefLeftMs = leftMs;
  }

  private valueBytes(at: number): number {
    const { args, spec, size } = this;
    if (spec.sizing === Sizing.NUMBER) return 0;
    const value = spec.sizing === Sizing.VALUE ? at + 1 : spec.sizing === Sizing.SECOND ? at + 2 : 0;
    return value > 0 && value < args.parsed ? args.ends[value] - args.starts[value] : size;
  }

  /** Decides about the TTL, once for each write: the caller takes over the action if the write passes. */
  private judge(): void {
    const { args, spec, followUps, verdict } = this;
    if (verdict.judged >= 0) return;
    const { action } = verdict;
    this.ttl.judge(args, spec, followUps);
    verdict.judged = verdict.action;
    verdict.action = action;
  }
}

function givesByRule(rule: CompiledRule): boolean {
  return givesTtl(rule) && !rule.observe;
}

/** The lifetime that this write gives the key; 0: none. */
function lifetimeOf({ outcome, lifetimeMs, rule }: Verdict, i: number): number {
  switch (outcome[i]) {
    case TtlOutcome.INJECTED:
    case TtlOutcome.CLAMPED:
    case TtlOutcome.HAD_TTL:
    case TtlOutcome.WOULD_CLAMP:
      return lifetimeMs;
    case TtlOutcome.FOLLOW_UP:
      return rule[i].ttlMs * (1 + rule[i].jitter);
    default:
      return 0;
  }
}
