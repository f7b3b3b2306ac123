// A governed write that streams, since it is too large to hold: what was decided at its head, what its later arguments add,
// and what remains to do at its end. Lives from RequestFeed's large() to largeEnd().
// Values pass without being stored. For commands like MSET only the current key is stored, until its value has passed; for
// any other write, the few keys in its head.
import { type CommandSpec, TtlTreatment } from '../../commands/spec.js';
import { hashKey } from '../../policy/hash.js';
import { TtlOutcome } from '../../policy/observer.js';
import type { OptionTail } from '../../policy/option-tail.js';
import type { Priority } from '../../policy/rule.js';
import type { RuleSet } from '../../policy/rule-set.js';
import { type Size, SizeClass } from '../../policy/size-class.js';
import { followUpOutcome } from '../../policy/ttl-outcome.js';
import { Action, type Verdict } from '../../policy/verdict.js';
import { WrittenKey } from '../../policy/written-key.js';
import { copyOf, readPositiveInteger } from '../../resp/bytes.js';
import { bulkHeaderSize } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request-scanner.js';

export class LargeWrite {
  /** Keys whose size is unknown yet: the current one of a write in pairs, otherwise all. */
  readonly keys: WrittenKey[] = [];
  /** Number of keys so far. */
  keysSeen = 0;
  /** It is a growing write. */
  grows = false;
  /** It is refused: its bytes are dropped. */
  readonly shed: boolean;
  /** The number of the error that answers it in that case. */
  readonly reply: number;
  /** Keys and values alternate (MSET). */
  readonly inPairs: boolean;
  /** Reads the options after a SET's value; undefined if no option matters. */
  tail: OptionTail | undefined;
  /** False once it is clear that Redis will refuse the command. */
  recorded: boolean;
  /** From the verdict. */
  replaces: boolean;
  ifMissing: boolean;
  /** From the verdict, by the keys in its head. */
  readonly priority: Priority;
  lifetimeMs: number;
  /** Of its key, if the write is not in pairs. */
  sizeAfter: Size = SizeClass.OTHER;
  /** No argument after this one is a key. */
  private readonly lastKey: number;
  /** Bytes of the command up to the last pair's end. */
  private pairFrom = 0;

  constructor(
    readonly spec: CommandSpec,
    args: RequestScanner,
    verdict: Verdict,
    /** Its size as far as its head shows. */
    readonly knownSize: number,
    private readonly followUps: boolean,
    /** The rules at its beginning, which also apply to its end: a reload may bring others meanwhile. */
    private readonly rules: RuleSet,
  ) {
    this.shed = verdict.action === Action.SHED;
    this.reply = verdict.reply;
    this.recorded = verdict.recorded;
    this.replaces = verdict.replaces;
    this.ifMissing = verdict.ifMissing;
    this.priority = verdict.priority;
    this.lifetimeMs = verdict.lifetimeMs;
    this.inPairs = spec.keys.step === 2;
    this.lastKey =
      spec.ttl === TtlTreatment.MSETEX
        ? 2 * readPositiveInteger(args.buf, args.starts[1], args.ends[1])
        : args.argc;
    if (this.inPairs) return;
    this.keysSeen = verdict.count;
    for (let i = 0; i < verdict.count; i++) {
      const index = verdict.argument[i];
      const key = copyOf(args.buf, args.starts[index], args.ends[index]);
      const written = new WrittenKey(verdict.rule[i], key, 0, key.length, verdict.hash[i]);
      written.outcome = verdict.outcome[i];
      this.keys.push(written);
    }
  }

  /**
   * Takes argument `index` of a write in pairs, at `at` of `args`. Returns the size of the pair that it completes, whose key
   * is then keys[0]; 0 if it completes none.
   */
  takeOfPair(index: number, args: RequestScanner, at: number): number {
    const { first } = this.spec.keys;
    if (index < first || index > this.lastKey + 1) return 0;
    // If the argument begins before the buffer, only its end is known.
    const end = args.ends[at] + 2 - args.start;
    if ((index - first) % 2 === 1) {
      const size = end - this.pairFrom;
      this.pairFrom = end;
      return this.keys.length > 0 ? size : 0;
    }
    const length = args.ends[at] - args.starts[at];
    if (index === first) this.pairFrom = args.starts[at] - args.start - bulkHeaderSize(length);
    this.keys.length = 0;
    this.keysSeen++;
    if (args.starts[at] < 0) return 0;
    const key = copyOf(args.buf, args.starts[at], args.ends[at]);
    const rule = this.rules.find(key, 0, key.length);
    const written = new WrittenKey(rule, key, 0, key.length, hashKey(key, 0, key.length));
    written.outcome = followUpOutcome(rule, this.followUps);
    this.keys.push(written);
    return 0;
  }

  /** All arguments have passed: settles what the options left open. */
  finish(): void {
    if (this.tail === undefined) return;
    const outcome = this.tail.finish();
    this.recorded = outcome !== undefined;
    this.replaces = this.tail.replaces;
    this.ifMissing = this.tail.ifMissing;
    this.lifetimeMs = this.tail.lifetimeMs;
    this.keys[0].outcome = outcome ?? TtlOutcome.WITHOUT_TTL;
  }
}
