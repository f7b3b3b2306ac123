// Many clients at once on real sockets: some talk sense and know each reply they must get, others send spoiled bytes
// to the proxy and to a server of their own, and must get the same from both.
// Spoilers have a database each, emptied before each stream, and use no command whose reply depends on the time or on
// another client; so both servers owe them the same bytes.
import { setImmediate as turn } from 'node:timers/promises';
import { command, connectRaw, type RawClient } from '../../support/raw-client.js';
import { quote } from './checked-sink.js';
import type { FuzzCase } from './fuzz-case.js';
import { mutate, noise } from './mutate.js';
import { Random } from './random.js';
import { RequestWriter } from './requests.js';

export interface StormOptions {
  readonly seed: number;
  /** The proxy, and a server that stands alone. */
  readonly proxyPort: number;
  readonly directPort: number;
  readonly stop: () => boolean;
}

export interface StormTally {
  /** Commands whose replies were known, and right. */
  known: number;
  /** Commands in the streams that were spoiled and compared. */
  spoiled: number;
  streams: number;
  /** Streams that ended with a reset: what was lost in it is lost directly as well, but not always the same. */
  resets: number;
  readonly failures: StormFailure[];
}

export interface StormFailure {
  readonly message: string;
  /** The stream that was answered in two ways; none where one that talks sense got nonsense. */
  readonly case?: FuzzCase;
}

/** What its cases in the corpus are called. */
export const STORM = 'storm';
const MOST_FAILURES = 10;
/** For the servers of a storm. */
export const STORM_ARGS: readonly string[] = ['--databases', '1000'];
const TALKERS = 4;
const SPOILERS = 4;
const WAIT_MS = 60_000;
/** Redis reads so much at once; what is behind a protocol error and not read turns its close into a reset. */
const ONE_READ_BYTES = 16 * 1024;
/** Redis takes these for an attack from a browser and closes at once, with replies that it has not sent. */
const HTTP = /host:|post/i;
/** SELECT and FLUSHDB. */
const BEGIN = /^\*2\r\n\$6\r\nSELECT\r\n\$\d\r\n\d+\r\n\*1\r\n\$7\r\nFLUSHDB\r\n/;

export async function storm(options: StormOptions): Promise<StormTally> {
  const tally: StormTally = { known: 0, spoiled: 0, streams: 0, resets: 0, failures: [] };
  const guard = async (name: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      tally.failures.push({ message: `${name}: ${(error as Error).message}` });
    }
  };
  const talkers = Array.from({ length: TALKERS }, (_, i) =>
    guard(`talker ${i}`, () => talk(i, options, tally)),
  );
  const spoilers = Array.from({ length: SPOILERS }, (_, i) =>
    guard(`spoiler ${i}`, () => spoil(i, options, tally)),
  );
  await Promise.all([...talkers, ...spoilers]);
  return tally;
}

/** Pipelines of commands whose replies follow from what this client alone has done. */
async function talk(id: number, { seed, proxyPort, stop }: StormOptions, tally: StormTally): Promise<void> {
  const random = new Random(seed + 1000 + id);
  const counter = `ttl:talker:${id}:counter`;
  let count = 0;
  while (!stop()) {
    const client = await connectRaw(proxyPort, WAIT_MS);
    try {
      for (let pipelines = 1 + random.below(40); pipelines > 0 && !stop(); pipelines--) {
        const sent: Buffer[] = [];
        let due = '';
        for (let left = 1 + random.below(40); left > 0; left--) {
          const value = `${id}.${random.next()}`.repeat(random.oneIn(50) ? 3000 : 1);
          const key = `str:talker:${id}:${random.below(5)}`;
          const got = `$${value.length}\r\n${value}\r\n`;
          sent.push(
            command('SET', key, value),
            command('GET', key),
            command('ECHO', value),
            command('INCR', counter),
          );
          due += `+OK\r\n${got}${got}:${++count}\r\n`;
        }
        void client.write(Buffer.concat(sent));
        const reply = await client.readExactly(due.length);
        if (reply.toString('latin1') !== due) throw new Error(`got ${quote(reply)} for ${due.slice(0, 160)}`);
        tally.known += sent.length;
      }
    } finally {
      client.destroy();
    }
  }
}

async function spoil(id: number, options: StormOptions, tally: StormTally): Promise<void> {
  const random = new Random(options.seed + 2000 + id);
  // A digit that is lost or changed does not lead to another one's database.
  const database = 111 * (1 + id);
  const writer = new RequestWriter(random, { silence: true, database });
  const start = Buffer.concat([command('SELECT', database), command('FLUSHDB')]);
  while (!options.stop()) {
    const size = 1 + random.below(20);
    const stream = writer.stream(size, `s${id}`);
    const spoiled = random.oneIn(8)
      ? stream
      : random.oneIn(20)
        ? noise(random)
        : mutate(stream, stream, random);
    const bytes = Buffer.concat([start, spoiled]);
    const streams = [bytes];
    const found = await compareBoth(
      { lane: STORM, variant: 0, seed: random.next(), streams, owed: [] },
      options,
    );
    tally.spoiled += size;
    tally.streams++;
    if (found.reset) tally.resets++;
    if (found.failure !== undefined) tally.failures.push(found.failure);
    if (tally.failures.length >= MOST_FAILURES) return;
  }
}

/** Sends the case's stream to both; a seed decides where it is cut. Streams say themselves which database they use. */
export async function compareBoth(
  fuzzCase: FuzzCase,
  { directPort, proxyPort }: Pick<StormOptions, 'directPort' | 'proxyPort'>,
): Promise<{ reset: boolean; failure?: StormFailure }> {
  const [bytes] = fuzzCase.streams;
  const random = new Random(fuzzCase.seed);
  const cut = random.oneIn(2) ? bytes.length : random.below(bytes.length);
  const ports = [directPort, proxyPort];
  const [direct, proxied] = await Promise.all(ports.map((port) => transcript(port, bytes, cut)));
  const reset = direct.reset || proxied.reset;
  if (direct.bytes.equals(proxied.bytes)) return { reset };
  const maybeLost = reset || bytes.length > ONE_READ_BYTES || HTTP.test(bytes.toString('latin1'));
  if (maybeLost && oneBeginsTheOther(direct.bytes, proxied.bytes)) return { reset };
  const message = `seen ${quote(proxied.bytes)}, directly ${quote(direct.bytes)}`;
  return { reset, failure: { message, case: fuzzCase } };
}

interface Transcript {
  readonly bytes: Buffer;
  readonly reset: boolean;
}

/**
 * Sends `bytes` in two pieces, ends, and reads to the other side's end. A database is emptied first: while Redis 8 does
 * so it takes the end of a client for a reason to say nothing, and does not see broken bytes that are there already.
 */
async function transcript(port: number, bytes: Buffer, cut: number): Promise<Transcript> {
  const client = await connectRaw(port, WAIT_MS);
  try {
    const begin = BEGIN.exec(bytes.toString('latin1', 0, 100))?.[0].length ?? 0;
    if (begin > 0) {
      await client.write(bytes.subarray(0, begin));
      await client.readReplies(2);
    }
    const from = Math.max(begin, cut);
    void client.write(bytes.subarray(begin, from));
    await turn();
    await writeRest(client, bytes.subarray(from));
    return { bytes: await client.readUntilClosed(), reset: client.error !== undefined };
  } finally {
    client.destroy();
  }
}

async function writeRest(client: RawClient, rest: Buffer): Promise<void> {
  if (client.closed) return;
  // Refused bytes may have closed it meanwhile; what came before that is what counts.
  await client.write(rest).catch(() => {});
  client.end();
}

function oneBeginsTheOther(a: Buffer, b: Buffer): boolean {
  const length = Math.min(a.length, b.length);
  return a.subarray(0, length).equals(b.subarray(0, length));
}
