// spillway sweep where servers, clocks, slots and journals do what they do at night.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import type { SweepResult } from '../../src/tools/sweep/result.js';
import type { UndoResult } from '../../src/tools/sweep/undo.js';
import { builtMain } from '../support/built.js';
import { withCluster } from '../support/cluster.js';
import { withIoredis } from '../support/ioredis.js';
import { withRedis } from '../support/redis.js';
import { SENTINEL_PRIMARY, withSentinel } from '../support/sentinel.js';
import { tied } from '../support/tied.js';
import { until } from '../support/wait.js';
import { everything, judge, judgeNothing, laid } from './sweep-lab.js';

const sumOf = ({ rules }: SweepResult, field: 'given' | 'due' | 'matching' | 'withTtl' | 'changed') =>
  rules.reduce((sum, counts) => sum + counts[field], 0);

const NO_VALUES = { values: false };

/** It has given something. */
const begun = (journal: string) => existsSync(journal) && readFileSync(journal, 'latin1').includes('"give"');

/** A link to a server whose clock is off by `offset()` seconds to who asks TIME, as if it had been set since. */
async function withWrongClock(t: Test, target: number, offset: () => number) {
  const seen = { moved: 0 };
  const link = net.createServer((near) => {
    const far = net.connect(target, '127.0.0.1');
    near.pipe(far);
    far.on('data', (bytes) => {
      const text = bytes.toString('latin1');
      seen.moved += text.split('\r\n').filter((line) => line === ':-1').length;
      const told = text.replace(
        /^\*2\r\n\$10\r\n(\d{10})\r\n/,
        (_, s) => `*2\r\n$10\r\n${Number(s) + offset()}\r\n`,
      );
      near.write(Buffer.from(told, 'latin1'));
    });
    tied(near, far);
    t.teardown(() => near.destroy());
  });
  await once(link.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => link.close());
  return { port: (link.address() as AddressInfo).port, seen };
}

t.test('a clock that is set meanwhile deletes nothing, and no TTL is off', async (t) => {
  // More than half of any TTL.
  for (const offset of [-20_000, 20_000]) {
    const { redis, direct, run, journal, undone } = await laid(t, { keys: 1000 });
    const before = await everything(direct);
    const state = { offset };
    const link = await withWrongClock(t, redis.port, () => state.offset);
    // Until the server has said once that it is elsewhere.
    const timer = setInterval(() => {
      if (link.seen.moved > 0) state.offset = 0;
    }, 1);
    t.teardown(() => clearInterval(timer));
    const from = Date.now();
    const url = `redis://127.0.0.1:${link.port}`;
    const { status, stdout } = await run('-u', url, '--apply', '--journal', journal);
    t.equal(status, 0);
    t.ok(link.seen.moved > 0, 'it was noticed');
    const given = judge(t, before, await everything(direct), from, Date.now());
    const result = JSON.parse(stdout) as SweepResult;
    t.equal(sumOf(result, 'given'), given);
    t.equal(sumOf(result, 'changed'), 0);
    t.match(await undone(), { undone: given });
    judgeNothing(t, before, await everything(direct));
  }
});

t.test('undone under another name of the server, and nowhere else', async (t) => {
  const { redis, direct, run, journal } = await laid(t, { keys: 500 });
  const before = await everything(direct);
  const url = `redis://localhost:${redis.port}`;
  t.equal((await run('-u', url, '--apply', '--journal', journal)).status, 0);
  const other = await withRedis(t);
  t.match(await run('-u', `redis://127.0.0.1:${other.port}`, '--undo', journal), {
    status: 1,
    stderr: /belongs to localhost:\d+, and none of its TTLs is on 127\.0\.0\.1:\d+: check/,
  });
  const { undone, entries } = JSON.parse((await run('--undo', journal)).stdout) as UndoResult;
  t.equal(undone, entries);
  t.ok(undone > 50);
  judgeNothing(t, before, await everything(direct));
});

t.test('a damaged journal is undone as far as it can be read', async (t) => {
  const { direct, run, journal, undone } = await laid(t, { keys: 2000 });
  await run('--apply', '--journal', journal);
  const lines = readFileSync(journal, 'latin1').split('\n');
  const [index, line] = [...lines.entries()].find(([, each]) => each.includes('"give"')) as [number, string];
  const lost = (JSON.parse(line) as { give: unknown[] }).give.length;
  lines[index] = '\0'.repeat(line.length);
  writeFileSync(journal, lines.join('\n'), 'latin1');
  t.match(await run('--apply', '--resume', journal), {
    status: 1,
    stderr: new RegExp(`line ${index + 1}: it is damaged`),
  });
  const given = [...(await everything(direct)).values()].filter(({ expires }) => expires > 0).length;
  const result = await run('--undo', journal);
  t.equal(result.status, 1);
  const { damaged, undone: count, entries } = JSON.parse(result.stdout) as UndoResult;
  t.equal(damaged, 1);
  t.equal(count, entries);
  const left = [...(await everything(direct)).values()].filter(({ expires }) => expires > 0).length;
  t.equal(given - left, count);
  t.ok(lost > 0);
  t.match(await undone(), { undone: 0 }, 'it is not taken for undone');
});

t.test('the commands that it prints go on, and take back', async (t) => {
  const { direct, folder, config } = await laid(t, { keys: 1000 });
  const before = await everything(direct);
  const main = builtMain();
  const shell = (command: string) => {
    const { stdout, stderr, status } = spawnSync(
      'sh',
      ['-c', command.replace(/^ *spillway/, `'${process.execPath}' '${main}'`)],
      { cwd: folder, encoding: 'utf8' },
    );
    t.equal(status, 0, `${command}\n${stderr}`);
    return stdout;
  };
  const from = Date.now();
  const journal = "it's a journal";
  const flags = `-c ${config} --rule cache --rule tags`;
  const first = shell(`spillway sweep ${flags} --apply --max-keys 20 --journal "${journal}"`);
  const resume = /^ {2}(spillway sweep .* --resume .*)$/m.exec(first)?.[1] ?? '';
  const second = shell(resume);
  const undo = /^ {2}(spillway sweep .* --undo .*)$/m.exec(second)?.[1] ?? '';
  const after = await everything(direct);
  const swept = (key: string) => key.startsWith('cache:') || key.startsWith('tags:');
  const of = (keys: typeof before) => new Map([...keys].filter(([key]) => swept(key)));
  t.ok(judge(t, of(before), of(after), from, Date.now()) > 20);
  t.match(shell(undo), /no longer have a TTL/);
  judgeNothing(t, before, await everything(direct));
});

t.test('flags that would do nothing are refused', async (t) => {
  const { run } = await laid(t, { keys: 200 });
  t.match(await run('--rule', 'kept'), { status: 1, stderr: /the rule kept gives no TTL/ });
  t.match(await run('--max-keys', '5'), { status: 64, stderr: /need --apply/ });
});

t.test('flags that --undo would not heed are refused', async (t) => {
  const { run, journal } = await laid(t, { keys: 200 });
  for (const flags of [
    ['--db', '3'],
    ['--max-keys', '5'],
    ['--rule', 'cache'],
  ]) {
    t.match(await run('--undo', journal, ...flags), { status: 64, stderr: /accepts only --max-rate/ });
  }
});

t.test('an empty journal is begun with, and says so to --resume', async (t) => {
  const { run, journal, swept } = await laid(t, { keys: 200 });
  writeFileSync(journal, '');
  t.match(await run('--apply', '--resume', journal), { status: 1, stderr: /it is empty.*--journal/ });
  t.match(await swept('--apply', '--journal', journal), { ended: null });
  t.ok(statSync(journal).size > 0);
});

t.test('a note warns that the server evicts keys with a TTL', async (t) => {
  const { direct, run } = await laid(t, { keys: 500 });
  await direct.config('SET', 'maxmemory-policy', 'volatile-lru');
  const quiet = JSON.parse((await run()).stdout) as SweepResult;
  t.same(quiet.notes, []);
  // None of its keys with a TTL is left then, and nothing else can go.
  await direct.config('SET', 'maxmemory', '1mb');
  const told = JSON.parse((await run()).stdout) as SweepResult;
  t.match(told.notes, [/over maxmemory and evicts keys that have a TTL/]);
});

t.test('a server that loads its data is waited for', async (t) => {
  const loading = ['--enable-debug-command', 'local', '--loading-process-events-interval-bytes', '1024'];
  const { direct, run, journal, redis } = await laid(t, { keys: 1500, args: loading });
  const before = await everything(direct, NO_VALUES);
  const from = Date.now();
  const other = withIoredis(t, redis.port);
  const done = run('--apply', '--journal', journal, '--max-rate', '1500');
  await until(() => begun(journal));
  await other.config('SET', 'key-load-delay', '500');
  await other.call('DEBUG', 'RELOAD');
  const { status, stderr } = await done;
  t.equal(status, 0, stderr);
  judge(t, before, await everything(direct, NO_VALUES), from, Date.now());
});

t.test('slots that move: told, gone on with, and undone wherever the keys are', async (t) => {
  const { nodes, clients, move, set } = await withCluster(t);
  const { run, journal } = await laid(t, { keys: 200 });
  // In the last slots of the second primary, which are not looked at yet when they move to the first.
  const keys = Array.from({ length: 3000 }, (_, i) => `cache:{${i % 50}}:${i}`);
  for (const key of keys) await set(key, 'x');
  const url = ['-u', `redis://127.0.0.1:${nodes[0].port}`];
  const ttls = async () => {
    const found = await Promise.all(
      clients.map(async (each) => (await each.info('keyspace')).match(/expires=(\d+)/)),
    );
    return found.reduce((sum, match) => sum + Number(match?.[1] ?? 0), 0);
  };
  const sweeping = run(...url, '--apply', '--journal', journal, '--max-rate', '1500');
  await until(async () => (await ttls()) > 0);
  const counts = (await Promise.all(
    Array.from({ length: 50 }, async (_, i) => Number(await clients[1].call('CLUSTER', 'KEYSLOT', `{${i}}`))),
  )) as number[];
  const second = counts.filter((slot) => slot > 8191);
  for (const slot of second) await move(slot, 1);
  const first = await sweeping;
  const result = JSON.parse(first.stdout) as SweepResult;
  t.equal(first.status, 1);
  t.equal(result.ended, 'moved');
  const resumed = await run(...url, '--apply', '--resume', journal);
  t.equal(resumed.status, 0);
  t.match(JSON.parse(resumed.stdout), { ended: null });
  t.equal(await ttls(), keys.length);

  for (const slot of second.slice(0, 5)) await move(slot, 0);
  const undo = JSON.parse((await run(...url, '--undo', journal)).stdout) as UndoResult;
  t.equal(undo.undone, keys.length);
  t.equal(await ttls(), 0);
});

t.test('a failover in the middle: told, and gone on with at the new primary', async (t) => {
  const { redis, direct, run, journal } = await laid(t, { keys: 3000 });
  const replica = await withRedis(t, ['--replicaof', `127.0.0.1 ${redis.port}`]);
  const copy = withIoredis(t, replica.port);
  await until(async () => (await copy.dbsize()) === (await direct.dbsize()), { timeoutMs: 15_000 });
  const sentinel = await withSentinel(t, redis.port);
  const asked = withIoredis(t, sentinel.port);
  const replicas = async () => String(await asked.call('SENTINEL', 'REPLICAS', SENTINEL_PRIMARY));
  // Known alone is not enough: Sentinel fails over to a replica that it is connected to, and has asked for its role.
  const ready = async () => /,flags,slave,.*,master-link-status,ok,/.test(await replicas());
  await until(ready, { timeoutMs: 30_000, describe: 'a replica to fail over to' });
  const before = await everything(direct, NO_VALUES);
  const url = ['-u', `redis-sentinel://127.0.0.1:${sentinel.port}/${SENTINEL_PRIMARY}`];
  const from = Date.now();
  const sweeping = run(...url, '--apply', '--journal', journal, '--max-rate', '1000');
  await until(
    async () => Number((await direct.info('stats')).match(/total_commands_processed:(\d+)/)?.[1]) > 0,
  );
  await asked.call('SENTINEL', 'FAILOVER', SENTINEL_PRIMARY);
  t.equal((await sweeping).status, 1, 'not all of it may be at the new primary');
  const primary = async () =>
    String(await asked.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', SENTINEL_PRIMARY)).includes(
      String(replica.port),
    );
  await until(primary, { timeoutMs: 20_000 });
  await until(async () => (await copy.info('replication')).includes('role:master'), { timeoutMs: 20_000 });
  t.equal((await run(...url, '--apply', '--resume', journal)).status, 0);
  judge(t, before, await everything(copy, NO_VALUES), from, Date.now());
  const undo = JSON.parse((await run(...url, '--undo', journal)).stdout) as UndoResult;
  t.ok(undo.undone > 0);
  judgeNothing(t, before, await everything(copy, NO_VALUES));
});
