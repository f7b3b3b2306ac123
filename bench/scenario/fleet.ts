// All writers of a run: a few connections for each pattern, one tally a pattern.
import { criticalKeys, PATTERNS, type PatternName } from './patterns.js';
import { Tally, type TallyFigures } from './tally.js';
import { meanBytes } from './values.js';
import { Writer } from './writer.js';

export interface FleetOptions {
  readonly port: number;
  readonly values: readonly Buffer[];
  readonly connectionsPerPattern: number;
  readonly depth: number;
  readonly pauseMs: number;
  /** Added to connection numbers, so that a second fleet writes keys of its own. */
  readonly firstConnection?: number;
}

export class Fleet {
  readonly #now: () => number;
  readonly #tallies: ReadonlyMap<PatternName, Tally>;
  readonly #writers: readonly Writer[];

  private constructor(
    now: () => number,
    tallies: ReadonlyMap<PatternName, Tally>,
    writers: readonly Writer[],
  ) {
    this.#now = now;
    this.#tallies = tallies;
    this.#writers = writers;
  }

  /** Connects and starts all writers; times count from here. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const { connectionsPerPattern, firstConnection = 0, ...rest } = options;
    let start = performance.now();
    const now = (): number => performance.now() - start;
    const tallies = new Map<PatternName, Tally>();
    const writers: Writer[] = [];
    const keys = criticalKeys(meanBytes(rest.values));
    for (const pattern of PATTERNS) {
      const tally = new Tally(now);
      tallies.set(pattern, tally);
      for (let i = 0; i < connectionsPerPattern; i++) {
        writers.push(
          await Writer.connect({
            ...rest,
            pattern,
            connection: firstConnection + i,
            criticalKeys: keys,
            tally,
          }),
        );
      }
    }
    start = performance.now();
    for (const writer of writers) writer.start();
    return new Fleet(now, tallies, writers);
  }

  /** Milliseconds since the start: the clock of the figures. */
  elapsedMs(): number {
    return this.#now();
  }

  figures(): Record<PatternName, TallyFigures> {
    const entries = [...this.#tallies].map(([pattern, tally]) => [pattern, tally.figures()] as const);
    return Object.fromEntries(entries) as Record<PatternName, TallyFigures>;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.stop()));
  }
}
