// A governed write too large to wait for, while its bytes stream: what was decided at its head, what its later
// arguments add, and what is still to be done at its end. Lives from RequestFeed's large() to largeEnd().
// Its values pass without being kept; only keys and options, small by nature, are looked at.
import { type CommandSpec, TtlTreatment } from '../commands/spec.js';
import { hashKey } from '../policy/hash.js';
import { TtlOutcome } from '../policy/observer.js';
import type { OptionTail } from '../policy/option-tail.js';
import type { Policy } from '../policy/policy.js';
import type { CompiledRule } from '../policy/rule-set.js';
import { followUpOutcome } from '../policy/ttl-outcome.js';
import { Action, type Verdict } from '../policy/verdict.js';
import { readPositiveInteger } from '../resp/bytes.js';
import type { RequestScanner } from '../resp/request-scanner.js';

export interface WrittenKey {
  readonly rule: CompiledRule;
  readonly hash: number;
  readonly key: Uint8Array;
  outcome: TtlOutcome;
  /** Argument number of the key. */
  readonly index: number;
}

/** Bound on the keys of one streamed MSET that get follow-ups and are counted. */
const MAX_KEYS = 100_000;

export class LargeWrite {
  readonly keys: WrittenKey[] = [];
  /** Bytes to send behind its last one. */
  suffix: Uint8Array = new Uint8Array(0);
  /** It is being refused: its bytes go nowhere. */
  readonly shed: boolean;
  /** Reads the options behind a SET's value; undefined where none can change anything. */
  tail: OptionTail | undefined;
  /** False once it turns out that Redis will refuse the command. */
  recorded: boolean;
  /** No argument behind this one is a key. */
  private readonly lastKey: number;

  constructor(
    readonly spec: CommandSpec,
    args: RequestScanner,
    verdict: Verdict,
    /** Bytes of it that were known of at its head. */
    readonly knownSize: number,
    private readonly followUps: boolean,
  ) {
    this.shed = verdict.action === Action.SHED;
    this.recorded = verdict.recorded;
    this.lastKey =
      spec.ttl === TtlTreatment.MSETEX
        ? 2 * readPositiveInteger(args.buf, args.starts[1], args.ends[1])
        : args.argc;
    for (let i = 0; i < verdict.count; i++) {
      const index = verdict.argument[i];
      this.keys.push({
        rule: verdict.rule[i],
        hash: verdict.hash[i],
        key: args.buf.slice(args.starts[index], args.ends[index]),
        outcome: verdict.outcome[i],
        index,
      });
    }
  }

  /** Argument `index` is at offset 0 of `args`: if it is another key, takes note of it. */
  takeKey(index: number, args: RequestScanner, policy: Policy): void {
    const { first, step } = this.spec.keys;
    const start = args.starts[0];
    const isKey = step > 1 && index >= first && index <= this.lastKey && (index - first) % step === 0;
    if (!isKey || start < 0 || this.keys.length >= MAX_KEYS) return;
    const key = args.buf.slice(start, args.ends[0]);
    const rule = policy.ruleOf(key, 0, key.length);
    const outcome = followUpOutcome(rule, this.followUps);
    this.keys.push({ rule, hash: hashKey(key, 0, key.length), key, outcome, index });
  }

  /** All arguments were seen: settles what the options left open. */
  finish(): void {
    if (this.tail === undefined) return;
    const outcome = this.tail.finish();
    this.recorded = outcome !== undefined;
    this.keys[0].outcome = outcome ?? TtlOutcome.WITHOUT_TTL;
  }
}
