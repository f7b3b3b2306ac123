// redis-benchmark through the proxy, beside redis-benchmark on a direct connection: the same tests run, none of them
// with an error, and the same keys are there afterwards. Speed is not looked at.
import t from 'tap';
import { need } from './apt.js';
import { type ClientCase, playCases } from './cases.js';
import { Program } from './program.js';
import { type Side, withSides } from './sides.js';

interface BenchmarkTools {
  readonly side: Side;
  /** Runs it; the first column of its CSV, and what it complained of. */
  run(...args: string[]): Promise<unknown>;
}

const binary = await need(['redis-benchmark', 'valkey-benchmark'], 'redis-tools');
const version =
  (await new Program(binary, ['--version'], () => {}).end()).stdout.trim().split(' ').at(-1) ?? '';

async function keyTypes({ look }: Side): Promise<string[]> {
  const keys = String(await look.call('KEYS', '*')).match(/[a-z]+:[^\r]*|mylist|myset|myzset/g) ?? [];
  return keys.sort();
}

const cases: readonly ClientCase<BenchmarkTools>[] = [
  {
    name: 'every built-in test, 50 connections',
    run: async ({ run, side }) => [await run('-n', '100'), await keyTypes(side)],
  },
  {
    name: 'pipelines of 64, two threads, large values, a database',
    async run({ run }) {
      const tests = 'set,get,incr,lpush,lrange_100,hset,spop,zadd,mset';
      return [
        await run('-n', '2000', '-P', '64', '-t', tests),
        await run('-n', '500', '-P', '8', '--threads', '2', '-t', 'set,get,lpush'),
        await run('-n', '50', '-d', '300000', '-c', '5', '-t', 'set,get'),
        await run('-n', '500', '--dbnum', '3', '-t', 'ping,set'),
      ];
    },
  },
  {
    name: 'RESP3, a new connection for each request, commands of its own, errors shown',
    async run({ run }) {
      return [
        await run('-3', '-n', '500', '-t', 'set,get,hset'),
        await run('-k', '0', '-n', '100', '-c', '10', '-t', 'set'),
        await run('-n', '500', 'SETNX', 'key:__rand_int__', 'x'),
        await run('-e', '-n', '20', '-c', '1', 'GETEX'),
      ];
    },
  },
];

await playCases<BenchmarkTools>(t, {
  ...{ name: 'redis-benchmark', client: 'redis-benchmark', version, protocol: 'RESP2 and RESP3' },
  ...{ sides: await withSides(t), cases },
  tools: (side, later) => ({
    side,
    async run(...args) {
      const address = ['-h', '127.0.0.1', '-p', String(side.port), '--csv'];
      const { code, stdout, stderr } = await new Program(binary, [...address, ...args], later).end();
      const rows = stdout.split('\n').filter((line) => line !== '');
      return [code, rows.map((row) => /^"([^"]*)"/.exec(row)?.[1] ?? row), stderr];
    },
  }),
});
