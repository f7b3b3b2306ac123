// Two private Redis servers that are the same but for one thing: in front of the second stands the proxy.
// What a test does to one it does to the other, and compares what came back, byte for byte.
// Invariant: nothing here asks the code under test where a reply ends: transcripts end with the connection.
import { setImmediate as turn } from 'node:timers/promises';
import type { Test } from 'tap';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import { type TestProxy, withProxy } from './proxy.js';
import { command, connectRaw, type RawClient, withRaw } from './raw-client.js';
import { withRedis } from './redis.js';

export interface Twins {
  readonly direct: RedisProcess;
  /** The server behind the proxy. */
  readonly behind: RedisProcess;
  readonly proxy: TestProxy;
}

/** Two servers with the same arguments, and a proxy with `config` in front of the second. */
export async function withTwins(
  t: Test,
  config: Record<string, unknown>,
  args: readonly string[] = [],
): Promise<Twins> {
  const [direct, behind] = await Promise.all([withRedis(t, args), withRedis(t, args)]);
  return { direct, behind, proxy: await withProxy(t, { redis: behind, config }) };
}

/** The commands of a text, one each: `; ` stands between them. */
export function linesOf(...texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split('; '));
}

/** Encodes such commands; a space stands between words, `""` is the empty word. */
export function commands(...texts: readonly string[]): Buffer {
  return Buffer.concat(
    linesOf(...texts).map((line) => command(...line.split(' ').map((word) => (word === '""' ? '' : word)))),
  );
}

/**
 * Sends `bytes` over a connection of their own, cut at each of `cuts`, and returns all that comes back until the
 * server closes: so the bytes must end with QUIT, or with something that the server refuses by closing.
 */
export async function transcript(port: number, bytes: Buffer, cuts: readonly number[] = []): Promise<Buffer> {
  const client = await connectRaw(port, 20_000);
  try {
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      await client.write(bytes.subarray(from, cut));
      // A proxy in this same process must have its turn, or it sees the pieces glued together.
      await turn();
      from = cut;
    }
    return await client.readUntilClosed();
  } finally {
    client.destroy();
  }
}

/** Every offset inside `bytes`: each byte is sent by itself. */
export function everywhere(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length - 1 }, (_, i) => i + 1);
}

/** Empties a server: keys, scripts, functions. */
export async function wipe(client: RawClient): Promise<void> {
  void client.write(commands('FLUSHALL SYNC', 'SCRIPT FLUSH', 'FUNCTION FLUSH'));
  const [flushed] = await client.readReplies(3);
  // Before 6.2 it is never done in another thread, and takes no word for that.
  if (String(flushed).startsWith('-')) await client.call('FLUSHALL');
}

/** An integer reply's number. */
export async function integer(client: RawClient, ...args: (string | Buffer | number)[]): Promise<number> {
  return Number((await client.call(...args)).toString('latin1').slice(1, -2));
}

/** A plain connection to a server, not through the proxy, for looking at what a test has done. */
export function lookAt(t: Test, redis: RedisProcess): Promise<RawClient> {
  return withRaw(t, redis.port);
}
