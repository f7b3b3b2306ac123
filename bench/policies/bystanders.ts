// What must not suffer from a cache on the same server: each second locks, rate limits and jobs. A second later it looks whether
// the locks are still there and the rate limits still count.
import { setTimeout as delay } from 'node:timers/promises';
import { command, connectRaw, type RawClient } from '../../test/support/raw-client.js';

const LOCKS = 50;
const JOBS = 50;
const LIMITS = 10;
/** So often a rate limit is counted up at once. */
const HITS = 3;
const JOB = 'j'.repeat(300);
const SECOND_MS = 1000;
const ERROR = '-'.charCodeAt(0);

export interface BystanderFigures {
  readonly locks: { readonly asked: number; readonly kept: number };
  readonly limits: { readonly asked: number; readonly right: number };
  readonly jobs: { readonly asked: number; readonly refused: number };
}

/** Runs for so many seconds beside whatever else writes. */
export async function runBystanders(port: number, seconds: number): Promise<BystanderFigures> {
  const client = await connectRaw(port, 60_000);
  const [locks, limits, jobs] = [
    { asked: 0, kept: 0 },
    { asked: 0, right: 0 },
    { asked: 0, refused: 0 },
  ];
  try {
    for (let second = 0; second < seconds; second++) {
      const begun = performance.now();
      const lock = numbered(LOCKS, (i) => `lock:${second}:${i}`);
      const limit = numbered(LIMITS, (i) => `rate:${second}:${i}`);
      await ask(
        client,
        lock.map((key) => command('SET', key, 'me', 'NX', 'EX', 30)),
      );
      await ask(
        client,
        limit.flatMap((key) => [
          ...numbered(HITS, () => command('INCR', key)),
          command('EXPIRE', key, 60, 'NX'),
        ]),
      );
      const pushed = await ask(
        client,
        numbered(JOBS, () => command('LPUSH', 'queue:mail', JOB)),
      );
      await delay(begun + SECOND_MS - performance.now());
      const there = await ask(
        client,
        lock.map((key) => command('EXISTS', key)),
      );
      const counted = await ask(
        client,
        limit.map((key) => command('INCR', key)),
      );
      locks.asked += LOCKS;
      locks.kept += there.filter((reply) => reply.toString() === ':1\r\n').length;
      limits.asked += LIMITS;
      limits.right += counted.filter((reply) => reply.toString() === `:${HITS + 1}\r\n`).length;
      jobs.asked += JOBS;
      jobs.refused += pushed.filter((reply) => reply[0] === ERROR).length;
    }
  } finally {
    client.destroy();
  }
  return { locks, limits, jobs };
}

function numbered<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

function ask(client: RawClient, commands: readonly Buffer[]): Promise<Buffer[]> {
  void client.write(Buffer.concat(commands));
  return client.readReplies(commands.length);
}
