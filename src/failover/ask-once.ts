// Asks each Sentinel once which primary it names, with the same questions and votes as the follower (follower.ts).
// Invariant: it ends, at the latest when all connections have timed out, and closes them.

import type { LineOptions } from './sentinel-line.js';
import { SentinelLine } from './sentinel-line.js';
import { type Answer, Votes } from './votes.js';
import { nameOf, type PrimaryAddress } from './whereabouts.js';

interface SentinelsAsked
  extends Omit<LineOptions, 'sentinel' | 'clock' | 'onEvent' | 'onAnswer' | 'onSilent' | 'onDeaf'> {
  readonly sentinels: readonly PrimaryAddress[];
}

interface SentinelsAnswered {
  readonly sentinels: readonly {
    readonly sentinel: string;
    /** host:port as Spillway connects; undefined: it does not answer. */
    readonly named: string | undefined;
    /** Why it does not answer. */
    readonly error: string | undefined;
  }[];
  /** The address that a majority names. */
  readonly primary: string | undefined;
  /** That one; or, if no majority agrees, the one that a Sentinel names by the latest failover. undefined: none answers. */
  readonly likely: PrimaryAddress | undefined;
  /** How many Sentinels must agree. */
  readonly enough: number;
}

export async function askSentinels(options: SentinelsAsked): Promise<SentinelsAnswered> {
  const { sentinels } = options;
  const votes = new Votes(sentinels.length, 0);
  const answers = await Promise.all(sentinels.map((sentinel) => askOne({ ...options, sentinel })));
  for (const [i, answer] of answers.entries()) if (typeof answer !== 'string') votes.take(i, answer);
  const majority = votes.majority(0);
  return {
    sentinels: answers.map((answer, i) => ({
      sentinel: nameOf(sentinels[i] as PrimaryAddress),
      ...(typeof answer === 'string'
        ? { named: undefined, error: answer }
        : { named: nameOf(answer.address), error: undefined }),
    })),
    primary: majority && nameOf(majority.address),
    likely: (majority ?? votes.highest(0))?.address,
    enough: votes.enough,
  };
}

/** A text: why it does not answer. */
function askOne(options: SentinelsAsked & { readonly sentinel: PrimaryAddress }): Promise<Answer | string> {
  return new Promise((resolve) => {
    const settle = (answer: Answer | string): void => {
      line.close();
      resolve(answer);
    };
    const line = new SentinelLine({
      ...options,
      clock: () => 0,
      onEvent: () => {},
      onAnswer: settle,
      onSilent: settle,
      onDeaf: () => {},
    });
    line.start();
  });
}
