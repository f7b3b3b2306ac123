// Sizes: long values, long arrays, long pipelines, and readers that start late. One connection each, up to its close.
import { randomBytes } from 'node:crypto';
import { command } from '../../support/raw-client.js';
import { commands } from '../../support/twins.js';
import { until } from '../../support/wait.js';
import type { Scenario, Scenarios } from '../scenario.js';

const PIPELINED = Buffer.concat([
  ...Array<Buffer>(25_000).fill(commands('SET k v', 'GET k', 'SETNX n 1', 'INCR c')),
  commands('QUIT'),
]);
/** The same bytes at every place. */
const CONTENT = randomBytes(100_000);
const NUMBERS = Array.from({ length: 100_000 }, (_, i) => i);

/** A command of more arguments than a call can take. */
function many(args: readonly (string | number)[]): Buffer {
  const bulks = args.map((arg) => `$${String(arg).length}\r\n${arg}\r\n`);
  return Buffer.from(`*${args.length}\r\n${bulks.join('')}`);
}

const untilClosed =
  (...parts: readonly Buffer[]): Scenario =>
  async (open) => {
    const client = await open();
    void client.write(Buffer.concat([...parts, commands('QUIT')]));
    return [await client.readUntilClosed()];
  };

function longValue(length: number): Scenario {
  const value = Buffer.alloc(length, 'v');
  return untilClosed(
    command('SET', 'k', value),
    command('GET', 'k'),
    command('SETNX', 'k', value),
    command('SET', 'k', value, 'XX', 'GET'),
    command('SET', 'k', value, 'BOGUS'),
    command('MSET', 'a', value, 'b', 'x'),
    commands('STRLEN a', 'GET b'),
  );
}

export const sizes: Scenarios = {
  '100,000 commands and a reader that starts late': async (open) => {
    const client = await open();
    client.socket.pause();
    const written = client.write(PIPELINED);
    await until(() => client.socket.bytesWritten > 2_000_000, { timeoutMs: 30_000 });
    client.socket.resume();
    await written;
    return [await client.readUntilClosed()];
  },
  ...Object.fromEntries(
    [16 * 1024 - 1, 64 * 1024, 1024 * 1024].map((length) => [
      `a value of ${length} bytes`,
      longValue(length),
    ]),
  ),
  'arrays of 100,000 elements': untilClosed(
    many(['RPUSH', 'l', ...NUMBERS]),
    command('LRANGE', 'l', 0, -1),
    many(['MSET', ...NUMBERS.flatMap((n) => [`k${n}`, n])]),
    many(['MGET', ...NUMBERS.map((n) => `k${n}`)]),
    commands('HELLO 3', 'SMEMBERS none', 'LLEN l'),
  ),
  'long keys and names': untilClosed(
    command('SET', CONTENT, 'v'),
    command('GET', CONTENT),
    command(CONTENT.subarray(0, 20_000)),
    command('CLIENT', 'SETNAME', 'x'.repeat(20_000)),
    command('ECHO', CONTENT),
    command('HSET', 'h', CONTENT, CONTENT),
    command('HGETALL', 'h'),
  ),
  'random values, cut at random': async (open) => {
    const client = await open();
    const writes = Array.from({ length: 50 }, (_, i) =>
      command(i % 2 === 0 ? 'SET' : 'SETNX', `k${i}`, CONTENT.subarray(0, i * 1777)),
    );
    const bytes = Buffer.concat([...writes, commands('QUIT')]);
    for (let at = 0, step = 1; at < bytes.length; at += step, step = (step * 7 + 13) % 40_009) {
      await client.write(bytes.subarray(at, at + step));
    }
    return [await client.readUntilClosed()];
  },
};

/** Too long to be sent to every place. */
export const hugeValues: Scenarios = { 'a value of 20 MB': longValue(20 * 1024 * 1024) };
