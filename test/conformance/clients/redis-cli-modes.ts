// redis-cli in the modes that end by themselves or print until they are ended. Each case returns what was printed,
// without what differs between two runs on any server: times, and the order in which a hash table is walked.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { command } from '../../support/raw-client.js';
import { until } from '../../support/wait.js';
import type { ClientCase } from './cases.js';
import type { Ended, Program } from './program.js';
import { PATIENCE, type Side } from './sides.js';

export interface CliTools {
  readonly side: Side;
  /** redis-cli with the side's address before `args`. */
  start(...args: string[]): Program;
  /** Runs it to its end, with `input` as its standard input. */
  run(args: readonly string[], input?: string | Buffer): Promise<Ended>;
  /** As start(), on a terminal. */
  terminal(...args: string[]): Program;
  /** A file of the case's own. */
  file(name: string, content?: string): Promise<string>;
}

const numbers = (text: string): string => text.replace(/\d+(\.\d+)?/g, 'N');
const CONNECTION_ID = /("?id"? (?:=> \(integer\) )?)\d+/g;
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
const sorted = ({ code, stdout, stderr }: Ended) => ({ code, stdout: lines(stdout).sort(), stderr });

/** A key space of every type, each biggest key known. */
async function fill({ look }: Side): Promise<void> {
  for (let i = 0; i < 60; i++)
    await look.call('SET', `string:${i}`, 'x'.repeat(i < 59 ? i * 7 : 5000), 'EX', 5000);
  for (const type of ['LPUSH list', 'SADD set', 'PFADD hll']) {
    const [name = '', key = ''] = type.split(' ');
    await look.call(name, key, 'a', 'b', 'c');
    await look.call('EXPIRE', key, 5000);
  }
  await look.call('HSET', 'hash', 'f', 'v', 'g', 'w', 'EX', 'x');
  await look.call('ZADD', 'zset', 1, 'a', 2, 'b');
  await look.call('XADD', 'stream', '1-1', 'f', 'v');
  for (const key of ['hash', 'zset', 'stream']) await look.call('EXPIRE', key, 5000);
}

const BATCH = `set a 1
incr a
"set" "with space" "\\x00\\xff\\n"
get "with space"
multi
incr a
lpush a x
exec
lpush a x
nosuch command
select 5
set in-five 1 ex 100
dbsize
hello 3
hset h f v
hgetall h
client getname
debug nothing
ping`;

/** What --pipe sends: a mass of writes, some of which Redis refuses. */
function mass(count: number): Buffer {
  const parts: Buffer[] = [command('LPUSH', 'list', 'x')];
  for (let i = 0; i < count; i++) {
    parts.push(command('SET', `mass:${i}`, 'v'.repeat(i % 200)));
    if (i % 500 === 0) parts.push(command('INCR', 'list'), Buffer.from('SETNX inline 1\r\n'));
  }
  return Buffer.concat(parts);
}

export const cliModes: readonly ClientCase<CliTools>[] = [
  {
    name: 'a batch of commands on standard input, shown for people and raw',
    async run({ run }) {
      const shown = [await run(['--no-raw'], BATCH), await run([], BATCH), await run(['-3'], BATCH)];
      return shown.map(({ code, stdout, stderr }) => [code, stdout.replace(CONNECTION_ID, '$1ID'), stderr]);
    },
  },
  {
    name: '--csv, --json, -r, -e, -x and -X',
    async run({ run, side }) {
      const value = Buffer.alloc(1 << 20, 'a\r\n\0');
      return [
        await run(['rpush', 'l', 'one', 'two "three"']),
        await run(['--csv', 'lrange', 'l', '0', '-1']),
        await run(['--json', 'hello', '3']).then(({ code }) => code),
        await run(['--json', 'lrange', 'l', '0', '-1']),
        await run(['-r', '5', 'incr', 'n']),
        await run(['-e', 'incr', 'l']),
        await run(['-x', 'set', 'big'], value),
        await run(['-X', 'here', 'mset', 'b1', 'here', 'b2', 'x'], value),
        await run(['strlen', 'b1']),
        createHash('sha1')
          .update(await side.look.call('GET', 'big'))
          .digest('hex'),
      ];
    },
  },
  {
    name: '-n, -u, --user, and passwords that are wrong',
    async run({ run, side }) {
      await side.look.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~app:*', '+@all');
      const seen = [
        await run(['-n', '7', 'set', 'app:a', '1', 'ex', '9']),
        await run(['-u', `redis://app:secret@127.0.0.1:${side.port}/7`, 'get', 'app:a']),
        await run(['--user', 'app', '--pass', 'secret', '--no-auth-warning', 'set', 'else', '1']),
        await run(['--user', 'app', '--pass', 'wrong', 'acl', 'whoami']),
        await run(['-a', 'wrong', '-3', 'ping']),
      ];
      await side.look.call('ACL', 'DELUSER', 'app');
      return seen;
    },
  },
  {
    name: '--pipe: 10,000 writes, some of them refused',
    async run({ run, side }) {
      const { code, stdout, stderr } = await run(['--pipe'], mass(10_000));
      return [code, lines(stdout), stderr, String(await side.look.call('DBSIZE'))];
    },
  },
  {
    name: '--scan, with a pattern and a count',
    async run({ run, side }) {
      await fill(side);
      return [
        sorted(await run(['--scan'])),
        sorted(await run(['--scan', '--pattern', 'string:1*', '--count', '3'])),
      ];
    },
  },
  {
    name: '--bigkeys and --memkeys',
    async run({ run, side }) {
      await fill(side);
      const summary = async (mode: string) => {
        const { code, stdout, stderr } = await run([mode]);
        return [code, stdout.slice(stdout.indexOf('-------- summary')), stderr];
      };
      return [await summary('--bigkeys'), await summary('--memkeys'), await run(['--hotkeys'])];
    },
  },
  {
    name: '--stat',
    async run({ start, side }) {
      await fill(side);
      const shown = start('--stat', '-i', '0.05');
      const output = await shown.says((stdout) => /(\n\d+ .*){3}/.test(stdout));
      const [title, head = '', first = ''] = lines(output);
      return [title, head.split(/\s{2,}/), first.split(/\s+/).slice(0, 1)];
    },
  },
  {
    name: '--latency, --latency-history, --latency-dist',
    async run({ start, run }) {
      const brief = ['-i', '0.1'];
      const history = start('--latency-history', ...brief);
      const dist = start('--latency-dist', ...brief);
      return [
        numbers((await run(['--latency', ...brief])).stdout),
        numbers((await history.says((stdout) => stdout.split('\n').length > 3)).split('\n')[0] ?? ''),
        (await dist.says((stdout) => stdout.split('?').length > 4)).includes('100%'),
      ];
    },
  },
  {
    name: '--rdb: a snapshot over SYNC',
    async run({ run, file, side }) {
      await fill(side);
      const path = await file('dump.rdb');
      const { code, stdout, stderr } = await run(['--rdb', path]);
      const dump = await readFile(path);
      const keys = ['string:59', 'list', 'set', 'hll', 'hash', 'zset', 'stream'];
      const functions = await file('functions.rdb');
      return [
        ...[code, stdout, numbers(stderr).replace(/'.*'/, "'PATH'"), dump.toString('latin1', 0, 9)],
        ...[keys.filter((key) => dump.includes(key)), dump.at(-9) === 0xff],
        (await run(['--functions-rdb', functions])).code,
      ];
    },
  },
  {
    name: '--replica: the stream of writes',
    notRuled: 'it also shows the PEXPIRE that gives a key its TTL',
    async run({ start, side }) {
      const replica = start('--replica');
      await until(() => replica.stderr.includes('SYNC done'), PATIENCE);
      await side.look.call('SET', 'seen', 'by the replica');
      await side.look.call('INCR', 'counter');
      const output = await replica.says((stdout) => stdout.includes('counter'));
      return lines(output).filter((line) => line.includes('seen') || line.includes('counter'));
    },
  },
  {
    name: '--eval, and a debugging session with --ldb',
    scripted: true,
    async run({ run, file }) {
      const path = await file('script.lua', "local n = redis.call('INCR', KEYS[1])\nreturn n + ARGV[1]\n");
      const script = ['--eval', path, 'k', ',', '5'];
      const session = 's\np\nr GET k\nc\n';
      const seen = [await run(script), await run(['--ldb', ...script], session)];
      seen.push(await run(['--ldb-sync-mode', ...script], session), await run(['get', 'k']));
      return seen;
    },
  },
  {
    name: 'cluster modes on a server that is no cluster',
    async run({ run, side }) {
      return [
        await run(['-c', 'set', 'a', '1']),
        await run(['--cluster', 'check', `127.0.0.1:${side.port}`]),
        await run(['cluster', 'slots']),
      ];
    },
  },
];
