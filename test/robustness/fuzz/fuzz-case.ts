// What one fuzz case is, how it is kept in a file, and what a lane (one kind of case with its oracle) must offer.
// A case says all that its check needs: the same case fails or passes the same way on every machine.

export interface FuzzCase {
  readonly lane: string;
  /** Which of the lane's set-ups it runs against. */
  readonly variant: number;
  /** Decides how the streams are cut and whose turn it is. */
  readonly seed: number;
  /** What is sent, one stream for each sender. */
  readonly streams: readonly Buffer[];
  /** Triples (kind, detail, count) of replies that are owed; only for the sequencer's lane. */
  readonly owed: readonly number[];
}

/** A case, and how many requests and replies went into it. */
export interface Drawn {
  readonly case: FuzzCase;
  readonly requests: number;
  readonly replies: number;
}

export interface Lane {
  readonly name: string;
  /** Draws a case from `seed` alone. */
  draw(seed: number): Drawn;
  /** @throws Error when the code under test does what it must not. */
  check(fuzzCase: FuzzCase): void;
}

/** As text for a file; bytes in base64, with what can be read of them beside. */
export function encodeCase(fuzzCase: FuzzCase, why: string): string {
  const { streams, owed, ...rest } = fuzzCase;
  const readable = streams.map((stream) => stream.toString('latin1', 0, 200));
  const encoded = streams.map((stream) => stream.toString('base64'));
  return `${JSON.stringify({ why, ...rest, owed: owed.join(' '), streams: encoded, readable }, null, 2)}\n`;
}

export function decodeCase(text: string): FuzzCase {
  const { lane, variant, seed, owed, streams } = JSON.parse(text) as Record<string, never>;
  return {
    ...{ lane, variant, seed },
    owed: String(owed).split(' ').filter(Boolean).map(Number),
    streams: (streams as string[]).map((stream) => Buffer.from(stream, 'base64')),
  };
}
