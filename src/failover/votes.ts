// What each Sentinel last answered, and what all answers together mean. Pure; times are monotonic milliseconds.
// Invariants: a Sentinel has one vote, its last answer; an answer is as old as its question.
import { type PrimaryAddress, sameAddress } from './whereabouts.js';

export interface Answer {
  readonly address: PrimaryAddress;
  /** Sentinel's config-epoch: it grows with each switch. */
  readonly epoch: number;
  /** From which address it is failing over now. `address` is the same until the promotion. */
  readonly leaves: PrimaryAddress | undefined;
  /** After this time without an answer it considers the primary down. */
  readonly downAfterMs: number;
  readonly askedAt: number;
}

export interface Vote {
  readonly address: PrimaryAddress;
  readonly epoch: number;
}

export class Votes {
  /** How many Sentinels must agree. */
  readonly enough: number;
  private readonly answers: (Answer | undefined)[];
  private readonly lastAskedAt: number[];

  constructor(count: number, now: number) {
    this.enough = Math.floor(count / 2) + 1;
    this.answers = new Array<Answer | undefined>(count).fill(undefined);
    this.lastAskedAt = new Array<number>(count).fill(now);
  }

  take(sentinel: number, answer: Answer): void {
    this.answers[sentinel] = answer;
    this.lastAskedAt[sentinel] = answer.askedAt;
  }

  /** It no longer answers. */
  forget(sentinel: number): void {
    this.answers[sentinel] = undefined;
  }

  of(sentinel: number): Answer | undefined {
    return this.answers[sentinel];
  }

  /** The address that most of all Sentinels name, by answers to questions since then; its epoch is the highest of theirs. */
  majority(since: number): Vote | undefined {
    const fresh = this.since(since);
    for (const { address } of fresh) {
      const same = fresh.filter((other) => sameAddress(other.address, address));
      if (same.length >= this.enough) return { address, epoch: Math.max(...same.map(({ epoch }) => epoch)) };
    }
    return undefined;
  }

  /** The answer with the highest epoch. */
  highest(since: number): Answer | undefined {
    let highest: Answer | undefined;
    for (const answer of this.since(since)) {
      if (highest === undefined || answer.epoch > highest.epoch) highest = answer;
    }
    return highest;
  }

  /** Whether some Sentinel is failing over away from that address. */
  leaving(address: PrimaryAddress): boolean {
    return this.answers.some((answer) => sameAddress(answer?.leaves, address));
  }

  /** When a majority was last asked and answered. */
  get enoughAt(): number {
    return [...this.lastAskedAt].sort((a, b) => b - a)[this.enough - 1] as number;
  }

  /** The shortest of the Sentinels' down-after-milliseconds; undefined: unknown. */
  get downAfterMs(): number | undefined {
    const all = this.answers.flatMap((answer) => (answer === undefined ? [] : [answer.downAfterMs]));
    return all.length === 0 ? undefined : Math.min(...all);
  }

  private since(since: number): Answer[] {
    return this.answers.filter((answer): answer is Answer => answer !== undefined && answer.askedAt >= since);
  }
}
