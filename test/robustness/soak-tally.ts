// What a soak counts: right and wrong replies, and what happened besides. Keeps a few of the wrong ones to be shown.

const EXAMPLES_KEPT = 20;

export class Tally {
  /** Replies that were the right ones. */
  right = 0;
  wrong = 0;
  /** Writes refused with OOM, in place of their reply. */
  sheds = 0;
  /** Connections ended by CLIENT KILL, and what they had under way: answered or not, never wrongly. */
  kills = 0;
  visits = 0;
  messages = 0;
  readonly examples: string[] = [];

  check(what: string, seen: unknown, due: unknown): void {
    const [text, expected] = [JSON.stringify(seen), JSON.stringify(due)];
    if (text === expected) this.right++;
    else this.mismatch(`${what}: ${text.slice(0, 200)}, not ${expected.slice(0, 200)}`);
  }

  mismatch(what: string): void {
    this.wrong++;
    if (this.examples.length < EXAMPLES_KEPT) this.examples.push(what);
  }
}
