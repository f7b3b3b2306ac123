// The policy's verdict on one write: a single object that each decision fills again and the session reads at once.

import { OOM_REPLY } from '../resp/refusal-replies.js';
import type { CompiledRule } from './compiled-rule.js';
import type { TtlOutcome } from './observer.js';
import { Refusal } from './refusal.js';
import { Priority } from './rule.js';
import { Spared } from './spared.js';

export const Action = {
  /** Forward unchanged. */
  PASS: 0,
  /** Forward with `suffix` after it and two more arguments. */
  APPEND: 1,
  /** Forward with argument `replaceIndex` changed to the number `replacement`, and its unit if `replaceUnit`. */
  REPLACE: 2,
  /** Refuse with OOM. */
  SHED: 3,
  /** The arguments so far do not decide; hold the command back if possible. */
  UNDECIDED: 4,
} as const;
export type Action = (typeof Action)[keyof typeof Action];

/** What kind of script the command is. */
export const Script = { NONE: 0, HARMLESS: 1, GROWING: 2 } as const;
export type Script = (typeof Script)[keyof typeof Script];

export class Verdict {
  action: Action = Action.PASS;
  /** The written keys known so far: entries 0 … count-1 of the arrays below. */
  count = 0;
  /** Argument index of each key. */
  readonly argument: number[] = [];
  readonly rule: CompiledRule[] = [];
  readonly hash: number[] = [];
  /** Whether the rule of some key has a limit or a budget. */
  limited = false;
  /** Bytes on the wire of each key with its value; only if `limited`. */
  readonly bytes: number[] = [];
  /** The outcome for each key's TTL; unused when `recorded` is false. */
  readonly outcome: TtlOutcome[] = [];
  /** The keys lose the TTL that they had, unless `outcome` gives one. */
  replaces = false;
  /** An existing key stays unchanged. */
  ifMissing = false;
  /** GETEX PERSIST: its key loses the TTL on purpose. */
  persists = false;
  /** The lifetime of the keys by the expiry that the write is forwarded with, in milliseconds; 0: none. */
  lifetimeMs = 0;
  /** False: Redis will refuse the command, so nothing is counted. */
  recorded = false;
  /** Estimated growth of Redis's memory in bytes; 0: the command never grows it. */
  growth = 0;
  /** A script that rules decide about; only a growing one is refused, and gives TTLs to the keys that it names. */
  script: Script = Script.NONE;
  /** The lowest priority of its keys: the script is refused with that one. */
  priority: Priority = Priority.CRITICAL;
  /** Index of the key for which the command is shed, or in observe mode would be; -1: none. */
  shedKey = -1;
  /** Index of the last key that would be refused and was spared, and why; -1: none. */
  sparedKey = -1;
  spared: Spared = Spared.NONE;
  /** What a brief write adds to memory, with the TTL of its keys and what was left of one; see policy/brief. */
  briefBytes = 0;
  briefMs = 0;
  briefLeftMs = 0;
  /** The action for its TTL, if it is known before the decision whether the write passes; -1: unknown. */
  judged: Action | -1 = -1;
  /** Why it is shed, or would be. */
  refusal: Refusal = Refusal.NONE;
  /** The number of the error that it is shed with (resp/refusal-replies). */
  reply = OOM_REPLY;
  /** Options follow after a value that has not arrived, so an OptionTail decides the outcome. */
  tail = false;
  suffix: Uint8Array = new Uint8Array(0);
  suffixLength = 0;
  replaceIndex = 0;
  /** The argument before that one, EXAT or PXAT, becomes PX. */
  replaceUnit = false;
  replacement = 0;

  reset(): void {
    this.action = Action.PASS;
    this.count = 0;
    this.limited = false;
    this.replaces = false;
    this.ifMissing = false;
    this.persists = false;
    this.lifetimeMs = 0;
    this.recorded = false;
    this.growth = 0;
    this.script = Script.NONE;
    this.priority = Priority.CRITICAL;
    this.shedKey = -1;
    this.sparedKey = -1;
    this.spared = Spared.NONE;
    this.briefBytes = 0;
    this.briefMs = 0;
    this.judged = -1;
    this.refusal = Refusal.NONE;
    this.reply = OOM_REPLY;
    this.tail = false;
    this.replaceUnit = false;
  }

  addKey(argument: number, rule: CompiledRule, hash: number): void {
    const i = this.count++;
    if (rule.limited) this.limited = true;
    this.argument[i] = argument;
    this.rule[i] = rule;
    this.hash[i] = hash;
    if (rule.priority < this.priority) this.priority = rule.priority;
  }
}
