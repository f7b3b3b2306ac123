// spillway sweep on real servers: exact, undone, killed half-way, by other users' rights.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { checkConfig } from '../../src/config/check.js';
import { compileConfig } from '../../src/config/compile.js';
import type { SweepResult } from '../../src/tools/sweep/result.js';
import { builtMain } from '../support/built.js';
import { withIoredis } from '../support/ioredis.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';
import { due, everything, HOUR, judge, judgeNothing, laid, RULES } from './sweep-lab.js';

const MAIN = builtMain();

t.test('exact, and undone', async (t) => {
  const { direct, args, run, swept, undone, journal, folder } = await laid(t);
  await direct.set('tags:string', 'gets one');
  const before = await everything(direct);

  const command = spawnSync(process.execPath, [MAIN, ...args()], { cwd: folder });
  t.equal(command.status, 0);
  const dry = JSON.parse(String(command.stdout)) as SweepResult;
  t.match(dry, { applied: false, ended: null, journal: null });
  await judgeSizes(t, direct, dry);
  judgeNothing(t, before, await everything(direct));
  t.same(readdirSync(folder), ['proxy.config.json'], 'a dry run writes no file');

  const from = Date.now();
  const result = await swept('--apply', '--journal', journal);
  const after = await everything(direct);
  const given = judge(t, before, after, from, Date.now());
  t.ok(given > 300, `${given} keys`);
  t.equal(
    result.rules.reduce((sum, count) => sum + count.given, 0),
    given,
  );
  for (const [i, { due: wanted, rule }] of dry.rules.entries()) {
    t.equal(result.rules[i]?.given, rule === 'watched' ? 0 : wanted, rule);
  }
  t.ok((dry.rules.find(({ rule }) => rule === 'watched')?.due ?? 0) > 0, 'what only observes is told of');

  t.equal(
    (await swept('--apply', '--journal', `${journal}2`)).rules.reduce((sum, count) => sum + count.given, 0),
    0,
  );
  t.match(await run('--apply', '--journal', journal), { status: 1, stderr: /this file already exists/ });

  // Since then: another TTL, none, and gone.
  const cached = [...after.keys()].filter((key) => before.get(key)?.expires === -1 && due(key, '') === HOUR);
  const [other, none, gone] = cached as [string, string, string];
  await direct.pexpire(other, 5 * HOUR);
  await direct.persist(none);
  await direct.del(gone);
  const touched = await direct.pexpiretime(other);
  t.match(await undone(), { entries: given, undone: given - 3, left: 3, interrupted: false });
  const restored = await everything(direct);
  t.equal(restored.get(other)?.expires, touched, 'what somebody has set since stays');
  for (const key of [other, gone]) before.delete(key);
  judgeNothing(t, before, restored);
  t.match(await undone(), { undone: 0, left: given });
});

/** What a dry run says of the memory of the due keys, beside MEMORY USAGE of each. */
async function judgeSizes(t: Test, direct: Redis, { rules }: SweepResult): Promise<void> {
  for (const [rule, hours] of [
    ['cache', [0.9, 1.1 + 0.1]],
    ['timeline', [3, 3.3]],
  ] as const) {
    const counted = rules.find((each) => each.rule === rule);
    const keys = (await direct.keys(`${rule}:*`)).filter((key) => due(key, '') > 0);
    const asked = direct.pipeline();
    for (const key of keys) asked.ttl(key).call('MEMORY', 'USAGE', key);
    const replies = ((await asked.exec()) ?? []).map(([, reply]) => Number(reply));
    const held = keys.reduce(
      (sum, _key, i) => sum + (replies[2 * i] === -1 ? (replies[2 * i + 1] as number) : 0),
      0,
    );
    const share = (counted?.dueBytes ?? 0) / held;
    // Of the few timelines one in eight may be a small or a large one.
    if (rule === 'cache')
      t.ok(share > 0.5 && share < 2, `${share} of what its keys hold, by one key in eight`);
    else t.ok(share > 0);
    const after = counted?.expireAfterSeconds ?? [0, 0];
    t.ok(
      after.every((seconds, i) => Math.abs(seconds / 3600 - hours[i]) < 0.02),
      `${rule}: ${after} s`,
    );
  }
}

/** What `sweep --apply` runs, in a process that is ready before it is told what to do: most of a kill is else its start. */
const SWEEPER = `
import { existsSync } from 'node:fs';
import { connectServers } from './tools/keyspace/servers.js';
import { RuleSet } from './core/policy/rule-set.js';
import { Journal } from './tools/sweep/journal.js';
import { progressOf } from './tools/sweep/resume.js';
import { sweep } from './tools/sweep/sweep.js';
import { digestTerms } from './tools/sweep/terms.js';
process.once('message', async ({ port, journal: file, rules: list }) => {
  const rules = new RuleSet({ rules: list, unregistered: { priority: 1, observe: true } });
  const terms = digestTerms(rules);
  const done = existsSync(file) && (await progressOf(file, terms));
  await sweep(await connectServers({ host: '127.0.0.1', port, connectTimeoutMs: 5000 }, 'sweeper'), {
    name: 'sweeper',
    rules,
    journal: done ? await Journal.reopen(file, done.length) : await Journal.create(file, terms),
    ...(done && { from: done.from }),
    spread: 0.1,
    maxRate: 4000,
    mark: {},
    signal: new AbortController().signal,
  });
});`.replaceAll("'./", `'${new URL('../../dist/', import.meta.url)}`);

function sweeper(): ChildProcess {
  const args = ['--input-type=module', '--eval', SWEEPER];
  return spawn(process.execPath, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // As they are, so that globs stay bytes.
    serialization: 'advanced',
  });
}

t.test('killed at ten points and gone on with', async (t) => {
  const { redis, direct, swept, undone, journal } = await laid(t);
  const before = await everything(direct);
  const from = Date.now();
  const size = () => (existsSync(journal) ? readFileSync(journal).length : 0);
  let next = sweeper();
  for (let i = 0; i < 10; i++) {
    const child = next;
    const ended = once(child, 'exit');
    const grown = size();
    child.send({ port: redis.port, journal, rules: compileConfig(checkConfig({ rules: RULES })).rules });
    if (i < 9) next = sweeper();
    // Once it has begun to give; then at any moment.
    await until(() => size() > grown + 1, { timeoutMs: 20_000 });
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    child.kill('SIGKILL');
    t.same(await ended, [null, 'SIGKILL'], 'killed before its end');
  }
  const last = await swept('--apply', '--resume', journal);
  t.equal(last.ended, null);
  const given = judge(t, before, await everything(direct), from, Date.now());
  t.match(await undone(), { undone: given });
  judgeNothing(t, before, await everything(direct));
});

t.test('no more than it may give, and on from there', async (t) => {
  const { direct, run, swept, journal } = await laid(t);
  const before = await everything(direct);
  const from = Date.now();
  const first = await swept('--apply', '--journal', journal, '--max-keys', '100');
  t.match(first, { ended: 'maxKeys' });
  t.equal(
    first.rules.reduce((sum, count) => sum + count.given, 0),
    100,
  );
  const other = await run('--apply', '--resume', journal, '--rule', 'cache');
  t.match(
    other,
    { status: 1, stderr: /begun with other rules/ },
    'what it has passed over was judged by others',
  );
  t.match(await swept('--apply', '--resume', journal, '--spread', '5%'), { ended: null });
  judge(t, before, await everything(direct), from, Date.now());
});

t.test('a sweep with fewer rights', async (t) => {
  const { direct, run, journal, folder, redis } = await laid(t);
  const rights = '+scan +pttl +type +info +ping +select +client|setname +time'.split(' ');
  await direct.call('ACL', 'SETUSER', 'sweeper', 'on', '>pw', '~*', ...rights);
  const as = ['-u', `redis://sweeper:pw@127.0.0.1:${redis.port}`];
  t.equal((await run(...as)).status, 0, 'a dry run only reads');
  t.match(await run(...as, '--apply', '--journal', journal), {
    status: 1,
    stderr: /NOPERM.*pexpireat.*ACL SETUSER/,
  });
  await direct.call('ACL', 'SETUSER', 'sweeper', '+pexpireat');
  const before = await everything(direct);
  const from = Date.now();
  const result = await run(...as, '--apply', '--journal', path.join(folder, 'second'));
  t.equal(result.status, 0);
  t.match((JSON.parse(result.stdout) as SweepResult).notes, [/EVAL is refused/]);
  judge(t, before, await everything(direct), from, Date.now());
  t.match(await run(...as, '--undo', path.join(folder, 'second')), {
    status: 1,
    stderr: /EVAL is refused.*\+eval/,
  });
  await direct.call('ACL', 'SETUSER', 'sweeper', '+eval', '+persist', '+pexpiretime');
  t.equal((await run(...as, '--undo', path.join(folder, 'second'))).status, 0);
  judgeNothing(t, before, await everything(direct));
});

t.test('a full disk ends it before anything further is sent', async (t) => {
  const { direct, args, run, undone, journal } = await laid(t);
  const before = await everything(direct);
  // A file that may not grow is as a disk that is full. The write fails if nobody, such as tap, listens for the signal.
  const command = [
    'prlimit',
    '--fsize=8000',
    process.execPath,
    MAIN,
    ...args('--apply', '--journal', journal),
  ];
  const alone = 'unset NODE_OPTIONS; trap "" XFSZ; exec "$@"';
  const { status, stderr } = spawnSync('bash', ['-c', alone, 'bash', ...command]);
  t.equal(status, 1);
  t.match(String(stderr), /journal: EFBIG/);
  const half = await everything(direct);
  const given = [...half].filter(([key, { expires }]) => expires !== before.get(key)?.expires);
  t.ok(given.length > 0 && given.length < 300);
  t.match(await undone(), { undone: given.length }, 'all that was given stands in the journal');
  judgeNothing(t, before, await everything(direct));
  const over = await run('--apply', '--resume', journal);
  t.match(over, { status: 1, stderr: /has been undone: begin a new sweep/ });
});

t.test('wrong arguments are errors, and nothing changes', async (t) => {
  const { direct, args, run, journal, folder, redis } = await laid(t, { keys: 200 });
  const before = await everything(direct);
  t.match(await run('--resume', journal), { status: 64, stderr: /need --apply/ });
  t.match(await run('--undo', journal, '--apply'), { status: 64 });
  const wrong = spawnSync(process.execPath, [MAIN, ...args('--spread', '1')]);
  t.match({ status: wrong.status, stderr: String(wrong.stderr) }, { status: 64, stderr: /share/ });
  t.match(await run('--rule', 'none'), { status: 1, stderr: /there is no rule none/ });
  t.match(await run('--undo', journal), { status: 1, stderr: /no such file/ });
  t.match(await run('--apply', '--resume', path.join(folder, 'proxy.config.json')), {
    status: 1,
    stderr: /not the journal/,
  });
  t.match(await run('--apply', '--journal', path.join(folder, 'none', 'journal')), {
    status: 1,
    stderr: /no such file or folder/,
  });
  t.match(await run('--apply', '--journal', '/dev/full'), { status: 1, stderr: /this file already exists/ });
  const replica = await withRedis(t, ['--replicaof', `127.0.0.1 ${redis.port}`]);
  const copy = withIoredis(t, replica.port);
  await until(async () => (await copy.dbsize()) === (await direct.dbsize()), { timeoutMs: 15_000 });
  const toReplica = await run('-u', `redis://127.0.0.1:${replica.port}`, '--apply', '--journal', journal);
  t.match(toReplica, { status: 1, stderr: /READONLY.*name the primary/ });
  judgeNothing(t, before, await everything(direct));
});
