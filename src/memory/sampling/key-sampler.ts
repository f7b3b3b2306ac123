// Samples random keys on the monitor's connection, some 20 at a time: RANDOMKEY in each database by its share of the keys, then
// PTTL and MEMORY USAGE of the keys that came. Hands each sample to the window (sample-window.ts) and to listeners.
// Bounded: one round at a time, MOST_KEYS keys a round, names of LONGEST_NAME bytes, and one part in REST of the server's time
// (0.2% of a core). If keys are slow to measure, rounds become smaller and rarer.
// The monitor's connection sends each list of questions in one piece, and each list begins with SELECT. So it does no harm that
// others choose a database there, and the choice of this code does none either, since INFO does not depend on it.
// Never reads values. If the server refuses its user these commands, it tries again now and then.
import type { Logger } from 'pino';
import { Denial } from '../denial.js';
import type { Answers, Ask, Question } from '../question.js';
import { infoFields, type KeyspaceReading } from '../reading.js';
import { allot } from './allot.js';
import { SampleWindow } from './sample-window.js';

/** A random key. */
export interface SampledKey {
  readonly db: number;
  readonly key: Buffer;
  readonly bytes: number;
  /** -1: it has no TTL. */
  readonly ttlMs: number;
}

export interface SampleListener {
  readonly onSample: (sample: SampledKey) => void;
  /** A round has ended; `keyspace`: how many keys there are, by database, as last read. `now`: monotonic milliseconds. */
  readonly onRound: (keyspace: KeyspaceReading, now: number) => void;
}

export interface KeySamplerOptions {
  readonly ask: Ask;
  /** As last read; undefined: not yet. */
  readonly keyspace: () => KeyspaceReading | undefined;
  /** Whether the result will soon decide something. */
  readonly isNear: () => boolean;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** 0 (included) to 1 (excluded). */
  readonly random: () => number;
  readonly log: Logger;
}

const MOST_KEYS = 20;
/** The size of the first round: how long a key takes is unknown yet. */
const FIRST_KEYS = 4;
const LONGEST_NAME = 4096;
/** How many elements of a collection MEMORY USAGE reads. */
const ELEMENTS = 5;
/** Between two rounds. The first ones follow quickly, so that something is known soon. */
const EVERY_MS = { first: 100, near: 500, leisure: 1000, longest: 60_000 } as const;
const FIRST_ROUNDS = 10;
/** After a round that took the server a millisecond, this many milliseconds pass without one. */
const REST = 500;
/**
 * If a round takes this much longer than its RANDOMKEYs, it may be slow for the server: the next rounds ask the server how long
 * they take.
 */
const SUSPICIOUS_MS = 10;
const WATCHED_ROUNDS = 5;
/** If a round takes the server longer, the next one has fewer keys. */
const SLOW_MS = 2;
const DENIED =
  'cannot look at random keys, so Spillway only has a rough estimate of what the server can evict, from the share of keys with a TTL; give the user of upstream.url the rights to SELECT, RANDOMKEY, PTTL and MEMORY USAGE';

export class KeySampler {
  readonly window = new SampleWindow();
  /** Keys that were measured. */
  samples = 0;
  private readonly listeners: SampleListener[] = [];
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private rounds = 0;
  private keysPerRound = FIRST_KEYS;
  private restMs = 0;
  /** Rounds that ask the server how long they take. */
  private watched = 0;
  private readonly denial: Denial;

  constructor(private readonly options: KeySamplerOptions) {
    this.denial = new Denial(DENIED, options.clock, options.log, options.isNear);
  }

  start(): void {
    this.schedule();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  listen(listener: SampleListener): void {
    this.listeners.push(listener);
  }

  /** Whether the server refuses its user to examine keys. */
  get denied(): boolean {
    return this.denial.isInForce;
  }

  /** The server may be another one: forgets what was learnt. */
  startOver(): void {
    this.window.clear();
    this.rounds = 0;
    this.keysPerRound = FIRST_KEYS;
    this.watched = 0;
    this.restMs = 0;
    this.denial.startOver();
  }

  /** One round. Resolves when it is over, however it ended. */
  async round(): Promise<void> {
    const { clock, keyspace, random } = this.options;
    const known = keyspace();
    if (known === undefined || this.denied) return;
    const askedAt = clock();
    try {
      const found = await this.pick(allot(known.databases, this.keysPerRound, random()));
      const pickedAt = clock();
      const answers = await this.measure(found);
      this.pace(pickedAt - askedAt, clock() - pickedAt, answers);
      this.rounds++;
    } catch {
      // The server is not there; the monitor reports that.
      return;
    }
    for (const { onRound } of this.listeners) onRound(known, clock());
  }

  private schedule(): void {
    if (this.closed) return;
    const { first, near, leisure, longest } = EVERY_MS;
    const every = this.rounds < FIRST_ROUNDS ? first : this.options.isNear() ? near : leisure;
    const delay = Math.min(longest, Math.max(every, this.restMs));
    this.timer = setTimeout(() => {
      void this.round().finally(() => this.schedule());
    }, delay).unref();
  }

  private async pick(allotments: ReturnType<typeof allot>): Promise<Map<number, Buffer[]>> {
    const found = new Map<number, Buffer[]>();
    if (allotments.length === 0) return found;
    const answers = await this.options.ask(
      allotments.flatMap(({ db, samples }): Question[] => [
        ['select', db],
        ...Array.from({ length: samples }, (): Question => ['randomkeyBuffer']),
      ]),
    );
    if (this.denial.isIn(answers)) return found;
    let at = 0;
    for (const { db, samples } of allotments) {
      const [notSelected] = answers[at];
      const keys = answers.slice(at + 1, at + 1 + samples).map(([, key]) => key);
      at += 1 + samples;
      if (notSelected === null) found.set(db, keys.filter(isName));
    }
    return found;
  }

  private async measure(found: ReadonlyMap<number, readonly Buffer[]>): Promise<Answers> {
    if (found.size === 0) return [];
    const watch: Question[] = this.watched > 0 ? [['info', 'commandstats']] : [];
    const answers = await this.options.ask([
      ...watch,
      ...[...found].flatMap(([db, keys]): Question[] => [
        ['select', db],
        ...keys.flatMap((key): Question[] => [
          ['pttl', key],
          ['memory', 'usage', key, 'samples', ELEMENTS],
        ]),
      ]),
      ...watch,
    ]);
    if (this.denial.isIn(answers)) return answers;
    let at = watch.length;
    for (const [db, keys] of found) {
      const [notSelected] = answers[at++];
      for (const key of keys) {
        const [[noTtl, ttlMs], [noUsage, bytes]] = [answers[at], answers[at + 1]];
        at += 2;
        // A key that is gone by now has a TTL of -2.
        if (notSelected !== null || noTtl !== null || noUsage !== null) continue;
        this.take({ db, key, bytes: bytes as number, ttlMs: ttlMs as number });
      }
    }
    return answers;
  }

  private take(sample: SampledKey): void {
    if (!this.window.add(sample.bytes, sample.ttlMs, this.options.clock())) return;
    this.samples++;
    for (const { onSample } of this.listeners) onSample(sample);
  }

  /** How large the next round is, and when it comes: by the time that this one took the server. */
  private pace(pickedInMs: number, measuredInMs: number, answers: Answers): void {
    const moreMs = measuredInMs - pickedInMs;
    // Time on the network and in this process does not count as the server's. If the server cannot say, all of it counts.
    const tookMs = this.watched > 0 ? (usageMs(answers) ?? moreMs) : 0;
    const slow = tookMs > SLOW_MS;
    if (slow || (this.watched === 0 && moreMs > SUSPICIOUS_MS)) this.watched = WATCHED_ROUNDS;
    else if (this.watched > 0) this.watched--;
    this.restMs = REST * tookMs;
    this.keysPerRound = slow
      ? Math.max(1, this.keysPerRound >> 2)
      : Math.min(MOST_KEYS, this.keysPerRound * 2);
  }
}

/**
 * The time that MEMORY USAGE took the server between the first and the last answer, both from INFO commandstats; undefined:
 * unknown.
 */
function usageMs(answers: Answers): number | undefined {
  const [before, after] = [answers.at(0), answers.at(-1)].map((answer) => usageMicroseconds(answer?.[1]));
  return before === undefined || after === undefined ? undefined : Math.max(0, after - before) / 1000;
}

function usageMicroseconds(info: unknown): number | undefined {
  if (typeof info !== 'string' || !info.startsWith('# Commandstats')) return undefined;
  const fields = infoFields(info);
  const stats = fields.get('cmdstat_memory|usage') ?? fields.get('cmdstat_memory');
  // Nobody has asked yet.
  if (stats === undefined) return 0;
  const microseconds = /\busec=(\d+)/.exec(stats)?.[1];
  return microseconds === undefined ? undefined : Number(microseconds);
}

function isName(key: unknown): key is Buffer {
  return Buffer.isBuffer(key) && key.length <= LONGEST_NAME;
}
