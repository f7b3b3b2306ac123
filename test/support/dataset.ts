// Keyspaces as applications leave them, the same for the same seed: all types, some keys without a TTL, sizes that are
// mostly small and sometimes huge. For tests, benchmarks and the runs that the docs show (`npm run dataset`).
// Owns what is written, and what is known of it. Writes only; whoever calls looks after the server.

import { createRandom, pick, type Random } from '../../src/cli/demo/random.js';
import { Batch } from '../../src/tools/keyspace/batch.js';
import type { Endpoint } from '../../src/tools/keyspace/endpoint.js';
import { Pipe } from '../../src/tools/keyspace/pipe.js';

export interface DatasetOptions {
  /** How many in all, from 100 up. */
  readonly keys: number;
  readonly seed?: number;
  readonly db?: number;
  /** Told how many have been written. */
  readonly onProgress?: (keys: number) => void;
}

/** What was written of one pattern. */
export interface Written {
  /** As a rule would say it. */
  readonly pattern: string;
  readonly type: 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream';
  readonly keys: number;
  readonly withoutTtl: number;
}

interface Family {
  readonly pattern: string;
  readonly type: Written['type'];
  /** Of all keys. */
  readonly share: number;
  /** Of its keys, how many get no TTL. */
  readonly durable: number;
  /** Shortest and longest TTL of the others, milliseconds. */
  readonly ttl: readonly [number, number];
  key(random: Random, i: number): string;
  /** Writes the key but for its TTL, unless it is given one in the command itself. */
  write(batch: Batch, key: string, random: Random, huge: boolean): void;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** One in so many keys of a family of collections is huge. */
const HUGE_EVERY = 25_000;
const HUGE_ELEMENTS = 20_000;
const WORDS =
  'amber basil cedar delta ember fjord grove heath ivory jade karst lotus maple north ochre'.split(' ');

/** The first six are the patterns; the last are what never fits one. */
const FAMILIES: readonly Family[] = [
  {
    pattern: 'session:*',
    type: 'string',
    share: 0.3,
    durable: 0.05,
    ttl: [MINUTE, DAY],
    key: (random) => `session:${hex(random, 32)}`,
    write: (batch, key, random) => batch.command('SET', key, text(random, lognormal(random, 200, 0.5))),
  },
  {
    pattern: 'cache:product:*',
    type: 'string',
    share: 0.25,
    durable: 0.4,
    ttl: [10 * MINUTE, 7 * DAY],
    key: (_, i) => `cache:product:${i}`,
    write: (batch, key, random) => batch.command('SET', key, text(random, lognormal(random, 400, 1.2))),
  },
  {
    pattern: 'user:*',
    type: 'hash',
    share: 0.2,
    durable: 1,
    ttl: [DAY, DAY],
    key: (_, i) => `user:${1_000_000 + i}`,
    write(batch, key, random, huge) {
      // Some just past hash-max-listpack-entries (512), some with a value past hash-max-listpack-value (64).
      const shape = random();
      const count = huge ? HUGE_ELEMENTS : shape < 0.01 ? 513 + pick(random, 20) : 3 + pick(random, 15);
      const fields = Array.from({ length: count }, (_, i) => {
        const long = !huge && shape > 0.98 && i === 0;
        return [`f${i}`, text(random, long ? 70 : Math.min(huge ? 4000 : 60, lognormal(random, 12, 1.2)))];
      });
      inPieces(fields, (piece) => batch.command('HSET', key, ...piece.flat()));
    },
  },
  {
    pattern: 'queue:*',
    type: 'list',
    share: 0.05,
    durable: 1,
    ttl: [DAY, DAY],
    key: (random, i) => `queue:${WORDS[pick(random, WORDS.length)]}:${i}`,
    write(batch, key, random, huge) {
      const count = huge ? HUGE_ELEMENTS : Math.min(2000, 1 + Math.floor(1 / (random() + 0.002)));
      const elements = Array.from({ length: count }, () => text(random, lognormal(random, 80, 0.8)));
      inPieces(elements, (piece) => batch.command('RPUSH', key, ...piece));
    },
  },
  {
    pattern: 'timeline:*',
    type: 'zset',
    share: 0.1,
    durable: 0.7,
    ttl: [DAY, 30 * DAY],
    key: (_, i) => `timeline:${i}`,
    write(batch, key, random, huge) {
      const count = huge ? HUGE_ELEMENTS : random() < 0.03 ? 129 + pick(random, 200) : 1 + pick(random, 30);
      const members = Array.from({ length: count }, (_, i) => [
        String(1.7e12 + i * 1000),
        `post:${i}:${hex(random, 8)}`,
      ]);
      inPieces(members, (piece) => batch.command('ZADD', key, ...piece.flat()));
    },
  },
  {
    pattern: 'tags:*',
    type: 'set',
    share: 0.08,
    durable: 0.9,
    ttl: [HOUR, 7 * DAY],
    key: (_, i) => `tags:${i}`,
    write(batch, key, random, huge) {
      const count = huge ? HUGE_ELEMENTS : 1 + pick(random, 20);
      const numbers = random() < 0.4;
      const members = Array.from({ length: count }, (_, i) =>
        numbers ? String(i * 7) : `${WORDS[pick(random, WORDS.length)]}-${i}`,
      );
      inPieces(members, (piece) => batch.command('SADD', key, ...piece));
    },
  },
  {
    pattern: 'events:*',
    type: 'stream',
    share: 0.01,
    durable: 1,
    ttl: [DAY, DAY],
    key: (_, i) => `events:${i}`,
    write(batch, key, random, huge) {
      const count = huge ? HUGE_ELEMENTS / 10 : 1 + pick(random, 20);
      for (let i = 1; i <= count; i++) {
        batch.command(
          'XADD',
          key,
          `${i}-0`,
          'kind',
          WORDS[pick(random, WORDS.length)],
          'body',
          text(random, 40),
        );
      }
    },
  },
  {
    pattern: '*',
    type: 'string',
    share: 0.01,
    durable: 0.5,
    ttl: [HOUR, DAY],
    // Bytes that are no text, a hash tag, no prefix at all, and a key of half a kilobyte.
    key: (random, i) =>
      [`\x00\xff\x0d\x0a${i}`, `{tag${i % 7}}:${i}`, `loose${i}`, `${'long'.repeat(125)}${i}`][
        pick(random, 4)
      ],
    write: (batch, key, random) => batch.command('SET', key, text(random, lognormal(random, 100, 1))),
  },
];

const PIECE = 500;
const FLUSH_BYTES = 256 * 1024;
const UNDER_WAY = 4;

/** Writes them, and tells what it wrote. @throws Error when the server refuses one */
export async function loadDataset(endpoint: Endpoint, options: DatasetOptions): Promise<Written[]> {
  const { keys, seed = 1, db = 0, onProgress } = options;
  const random = createRandom(seed);
  const pipe = await Pipe.connect(endpoint, db, 'spillway-dataset');
  const waiting: Promise<void>[] = [];
  let batch = new Batch();
  let done = 0;
  const flush = async (least: number): Promise<void> => {
    if (batch.bytes.length <= least) return;
    const asked = pipe.ask(batch).then((replies) => {
      const refused = replies.find((reply) => reply instanceof Error);
      if (refused !== undefined) throw refused;
    });
    asked.catch(() => {});
    batch = new Batch();
    if (waiting.push(asked) > UNDER_WAY) await waiting.shift();
    onProgress?.(done);
  };
  try {
    const written: Written[] = [];
    for (const family of FAMILIES) {
      const count = Math.max(1, Math.round(keys * family.share));
      let withoutTtl = 0;
      for (let i = 0; i < count; i++) {
        const key = family.key(random, i);
        const [shortest, longest] = family.ttl;
        family.write(batch, key, random, i % HUGE_EVERY === HUGE_EVERY >> 1);
        if (random() < family.durable) withoutTtl++;
        else batch.command('PEXPIRE', key, String(shortest + pick(random, longest - shortest + 1)));
        done++;
        await flush(FLUSH_BYTES);
      }
      written.push({ pattern: family.pattern, type: family.type, keys: count, withoutTtl });
    }
    await flush(0);
    await Promise.all(waiting);
    return written;
  } finally {
    pipe.close();
  }
}

function inPieces<T>(elements: readonly T[], write: (piece: T[]) => void): void {
  for (let i = 0; i < elements.length; i += PIECE) write(elements.slice(i, i + PIECE));
}

const LETTERS = 'etaoin shrdlu cmfwyp vbgkjq xz'.repeat(4000);

/** What repeats, as text does. */
function text(random: Random, length: number): string {
  const from = pick(random, 1000);
  return LETTERS.slice(from, from + Math.max(1, Math.floor(length)));
}

function hex(random: Random, digits: number): string {
  let out = '';
  while (out.length < digits)
    out += Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return out.slice(0, digits);
}

/** Mostly about `median`, now and then many times as much; 100,000 at most. */
function lognormal(random: Random, median: number, sigma: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(100_000, median * Math.exp(sigma * normal));
}
