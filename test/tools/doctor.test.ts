// spillway doctor: each fault planted on a real server is found.
import { spawn, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import t from 'tap';
import type { Examination } from '../../src/tools/doctor/doctor.js';
import { builtMain } from '../support/built.js';
import { fill, served, usedMemory } from '../support/doctor.js';
import { withFolder } from '../support/folder.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const MAIN = builtMain();

t.test('settings are asked by their names: all of them would bring passwords along', async (t) => {
  // MONITOR does not show CONFIG; the slow log does.
  const { direct, look } = await served(t, ['--slowlog-log-slower-than', '0', '--slowlog-max-len', '9999']);
  await look();
  const entries = (await direct.slowlog('GET', 9999)) as [number, number, number, string[]][];
  const asked = entries.flatMap(([, , , [name = '', , ...settings]]) =>
    /^config$/i.test(name) ? settings : [],
  );
  t.ok(asked.includes('activedefrag'));
  t.same(
    asked.filter((setting) => /[*?[]|pass|auth|^tls-/.test(setting)),
    [],
  );
});

t.test('limits and policies', async (t) => {
  const { direct, ids } = await served(t);
  t.same(await ids(), ['no-maxmemory']);
  await direct.config('SET', 'maxmemory', '100mb');
  await fill(direct, 300, (pipeline, i) => pipeline.set(`cache:${i}`, 'x', 'EX', 1000));
  t.same(await ids(), ['noeviction-cache']);
  await direct.config('SET', 'maxmemory-policy', 'allkeys-lru');
  t.same(await ids(), []);
  await direct.flushall('SYNC');
  await fill(direct, 300, (pipeline, i) => pipeline.set(`order:${i}`, 'x'));
  await direct.config('SET', 'maxmemory-policy', 'volatile-lru');
  t.same(await ids(), ['volatile-without-ttl']);
  const machine = Number(/^total_system_memory:(\d+)/m.exec(await direct.info('memory'))?.[1]);
  await direct.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await direct.config('SET', 'maxmemory', String(Math.floor(machine * 0.85)));
  t.same(await ids(), ['maxmemory-too-large']);
});

t.test('full, with writes refused', async (t) => {
  const { direct, look, port } = await served(t, ['--maxmemory', '4mb']);
  await fill(direct, 500, (pipeline, i) => pipeline.set(`event:${i}`, 'x'.repeat(10_000)));
  const { findings } = await look();
  t.same(
    findings.map(({ id, severity }) => `${severity} ${id}`),
    ['critical memory-full', 'critical oom-errors', 'warning keys-without-ttl'],
  );
  t.match(findings[2]?.evidence, /event:\*/, 'who fills it');
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, 'doctor', '-u', `redis://127.0.0.1:${port}`, ...args]);
  const { status, stdout } = run();
  t.equal(status, 3);
  t.match(String(stdout), /CRITICAL +Memory is (?:nearly )?at maxmemory[\s\S]*CONFIG SET maxmemory 5mb/);
  await direct.flushall('SYNC');
  t.equal(run().status, 2, 'errors were counted, and there is room now');
  t.equal(run('--fail-on', 'critical').status, 0);
  t.equal(run('--fail-on', 'some').status, 64);
  await direct.config('RESETSTAT');
  t.equal(run().status, 0);
});

t.test('keys', async (t) => {
  const { direct, look, ids } = await served(t, [
    ...['--maxmemory', '200mb', '--maxmemory-policy', 'allkeys-lru'],
    // Valkey's defaults are other ones.
    ...['--lazyfree-lazy-expire', 'no', '--lazyfree-lazy-eviction', 'no'],
  ]);
  await direct.set('report', 'x'.repeat(12_000_000));
  const { findings } = await look();
  t.match(findings, [{ id: 'big-keys', evidence: /string "report" 1\d\.\d MB/ }]);
  t.match(findings[0]?.mend, [/analyze/, /UNLINK/, /lazyfree-lazy-expire yes/, /lazyfree-lazy-eviction yes/]);
  await direct.config('SET', 'lazyfree-lazy-expire', 'yes');
  await direct.config('SET', 'lazyfree-lazy-eviction', 'yes');
  t.equal((await look()).findings[0]?.mend.length, 2, 'Redis does the same already');
  await direct.del('report');
  const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, i]));
  await fill(direct, 40, (pipeline, i) => pipeline.hset(`h${i}`, fields(600)));
  await fill(direct, 40, (pipeline, i) =>
    pipeline.zadd(`z${i}`, ...Array.from({ length: 150 }, (_, m) => [m, m]).flat()),
  );
  await fill(direct, 40, (pipeline, i) =>
    pipeline.sadd(`tags${i}`, ...Array.from({ length: 600 }, (_, m) => `t${m}`)),
  );
  t.same(
    await ids(),
    ['hash-just-past-compact', 'zset-just-past-compact'],
    'the limit is of sets of numbers',
  );
  await fill(direct, 40, (pipeline, i) =>
    pipeline.sadd(`s${i}`, ...Array.from({ length: 600 }, (_, m) => m)),
  );
  t.same(await ids(), ['hash-just-past-compact', 'set-just-past-compact', 'zset-just-past-compact']);
  await direct.config('SET', 'hash-max-listpack-entries', '256');
  t.same(await ids(), ['set-just-past-compact', 'zset-just-past-compact'], 'these are far past');
  await direct.flushall('SYNC');
  await direct.config('SET', 'list-max-listpack-size', '4');
  t.same(await ids(), [], 'and no list');
  await direct.rpush('list', 1, 2, 3);
  t.same(await ids(), ['list-small-nodes']);
  await direct.config('SET', 'list-max-listpack-size', '128');
  t.same(await ids(), []);
});

t.test('fields that have a key each', async (t) => {
  const { direct, look, ids } = await served(t, ['--maxmemory', '1gb', '--maxmemory-policy', 'allkeys-lru']);
  const users = 20_000;
  const value = (field: string, i: number) => `${field} of ${i}`;
  const names = ['name', 'email', 'city', 'phone', 'street'];
  const empty = await usedMemory(direct);
  await fill(direct, users * names.length, (pipeline, i) => {
    const [user, name] = [Math.floor(i / names.length), names[i % names.length] as string];
    pipeline.set(`user:${user}:${name}`, value(name, user));
  });
  const asKeys = (await usedMemory(direct)) - empty;
  const [finding] = (await look()).findings;
  t.match(finding, { id: 'fields-as-keys', severity: 'notice' });
  const [, keys = '', mb] =
    /^user:\*:\*: ([\d,]+) keys .* at least ([\d.]+) MB less as hashes$/.exec(finding?.evidence ?? '') ?? [];
  t.ok(Math.abs(Number(keys.replaceAll(',', '')) / (users * names.length) - 1) < 0.1, `${keys} keys`);
  await direct.call('ACL', 'SETUSER', 'least', 'on', '>pw', '~*', '+@all', '-exists');
  const refused = await look({ username: 'least', password: 'pw' });
  t.ok(refused.notMade.includes('fields-as-keys') && refused.fine.includes('big-keys'));
  t.match(refused.unread, [/exists/i]);
  await direct.flushall('SYNC');
  await fill(direct, users, (pipeline, i) => {
    pipeline.hset(`user:${i}`, Object.fromEntries(names.map((name) => [name, value(name, i)])));
  });
  const saved = asKeys - ((await usedMemory(direct)) - empty);
  const told = Number(mb) * 2 ** 20;
  t.ok(saved > told && saved < 4 * told, `${saved} bytes saved, ${told} were told`);
  t.same(await ids(), []);
});

t.test('a replica that evicts by itself', async (t) => {
  const primary = await withRedis(t, ['--repl-diskless-sync-delay', '0']);
  const { direct, ids } = await served(t, [
    ...['--maxmemory', '200mb', '--maxmemory-policy', 'allkeys-lru'],
    ...['--replicaof', `127.0.0.1 ${primary.port}`],
  ]);
  await until(async () => (await direct.info('replication')).includes('master_link_status:up'));
  t.same(await ids(), []);
  await direct.config('SET', 'replica-ignore-maxmemory', 'no');
  t.same(await ids(), ['replica-evicts']);
  await direct.config('SET', 'maxmemory', '0');
  t.notOk((await ids()).includes('replica-evicts'));
});

t.test('a replica that does not keep up, and a subscriber that does not', async (t) => {
  const { direct, look, port } = await served(t, [
    ...['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru', '--repl-diskless-sync-delay', '0'],
    ...['--repl-backlog-size', '1mb'],
  ]);
  const replica = await withRedis(t, ['--replicaof', `127.0.0.1 ${port}`]);
  await until(async () => (await direct.info('replication')).includes('state=online'));
  await replica.kill('SIGSTOP');
  await fill(direct, 40, (pipeline) => pipeline.set('page', 'x'.repeat(1_000_000)));
  t.match((await look()).findings, [
    { id: 'uncounted-buffers', mend: [/INFO replication/, /repl-backlog-size 5mb/, /./, /./] },
  ]);
  await replica.kill('SIGCONT');
  await until(async () => /mem_not_counted_for_evict:\d{0,7}\r/.test(await direct.info('memory')));

  const lazy = net.connect(port, '127.0.0.1').pause();
  t.teardown(() => lazy.destroy());
  lazy.write('SUBSCRIBE news\r\n');
  await until(async () => (await direct.pubsub('NUMSUB', 'news'))[1] === 1);
  // What Valkey 9 sends uncopied, from 16 KB on, it does not count as the client's.
  await fill(direct, 2800, (pipeline) => pipeline.publish('news', 'x'.repeat(10_000)));
  t.match((await look()).findings, [{ id: 'client-buffers', evidence: /^pubsub clients: \d/ }]);
});

t.test('clients, slow commands, saving', async (t) => {
  const folder = withFolder(t, 'spillway-doctor-');
  const { direct, ids, look, port } = await served(t, [
    ...['--maxmemory', '300mb', '--maxmemory-policy', 'allkeys-lru', '--enable-protected-configs', 'yes'],
    ...['--enable-debug-command', 'yes'],
  ]);
  await direct.config('SET', 'latency-monitor-threshold', '50', 'slowlog-log-slower-than', '10000');
  await direct.call('DEBUG', 'SLEEP', 0.15);
  t.same(await ids(), ['latency-events', 'slow-commands']);
  await direct.config('SET', 'latency-monitor-threshold', '0', 'slowlog-log-slower-than', '-1');
  await direct.call('LATENCY', 'RESET');
  await direct.slowlog('RESET');

  await direct.config('SET', 'dir', folder);
  rmSync(folder, { recursive: true });
  await direct.bgsave();
  await until(async () => (await direct.info('persistence')).includes('rdb_last_bgsave_status:err'));
  t.same(await ids(), ['saving-fails']);
  await direct.config('SET', 'dir', os.tmpdir());
  await direct.config('SET', 'dbfilename', `spillway-doctor-${process.pid}.rdb`);
  await direct.bgsave();
  await until(async () => (await direct.info('persistence')).includes('rdb_last_bgsave_status:ok'));
  rmSync(path.join(os.tmpdir(), `spillway-doctor-${process.pid}.rdb`), { force: true });

  await direct.set('page', 'x'.repeat(1_000_000));
  const lazy = net.connect(port, '127.0.0.1').pause();
  t.teardown(() => lazy.destroy());
  lazy.write('GET page\r\n'.repeat(60));
  await until(async () => /omem=[2-9]\d{7}/.test(String(await direct.client('LIST'))));
  const [buffers] = (await look()).findings;
  t.match(buffers, { id: 'client-buffers', evidence: /no client is limited/ });
  await direct.config('SET', 'client-output-buffer-limit', 'normal 512mb 0 0');
  t.notMatch((await look()).findings[0]?.evidence, /no client is limited/);
  t.same(await ids(), ['client-buffers']);
  lazy.destroy();

  await direct.config('SET', 'maxclients', '1');
  const late = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null });
  late.on('error', () => {});
  await late.connect().catch(() => {});
  late.disconnect();
  await direct.config('SET', 'maxclients', '100');
  await until(async () => (await direct.info('stats')).match(/rejected_connections:[1-9]/) !== null);
  await until(async () => !(await ids()).includes('client-buffers'));
  t.same(await ids(), ['rejected-connections']);
});

t.test('doctor lists what its user may not read, and finds the rest', async (t) => {
  const { direct, look, port } = await served(t);
  await direct.set('report', 'x'.repeat(12_000_000));
  await direct.call(
    'ACL',
    'SETUSER',
    'managed',
    'on',
    '>pw',
    '~*',
    '+@all',
    '-config',
    '-memory|doctor',
    '-debug',
  );
  const managed = { username: 'managed', password: 'pw' };
  const first = await look(managed);
  t.same(
    first.findings.map(({ id }) => id),
    ['no-maxmemory', 'big-keys'],
  );
  t.match(first.unread, [/^CONFIG GET: NOPERM/]);
  t.same(first.notMade, ['replica-evicts', 'list-small-nodes']);
  await direct.call('ACL', 'SETUSER', 'managed', 'resetkeys', '-@all', '+info', '+ping');
  const least = await look(managed);
  t.same(
    least.findings.map(({ id }) => id),
    ['no-maxmemory'],
  );
  t.ok(['big-keys', 'client-buffers'].every((id) => least.notMade.includes(id)));
  t.ok(least.unread.length >= 4);
  const url = `redis://managed:pw@127.0.0.1:${port}`;
  await direct.call('ACL', 'SETUSER', 'managed', '-info');
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'doctor', '-u', url]);
  t.equal(status, 1);
  t.match(String(stderr), /NOPERM/);
});

t.test('ended by Ctrl-C it says what it has not looked at, and how it ended', async (t) => {
  const { port, direct } = await served(t, ['--maxmemory', '100mb']);
  await fill(direct, 3000, (pipeline, i) => pipeline.set(`key:${i}`, 'x', 'EX', 1000));
  const args = [MAIN, 'doctor', '-u', `redis://127.0.0.1:${port}`, '--json', '--max-rate', '500'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let stdout = '';
  child.stdout.on('data', (bytes) => {
    stdout += bytes;
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const begun = async () => /cmdstat_memory\|usage/.test(await direct.info('commandstats'));
  await until(begun, { timeoutMs: 30_000 });
  child.kill('SIGINT');
  t.equal(await ended, 130);
  const { servers } = JSON.parse(stdout) as Examination;
  t.match(servers[0]?.unread, [/the keys: doctor ended before/]);
  t.ok(servers[0]?.notMade.includes('big-keys'));
  t.notOk(servers[0]?.fine.includes('big-keys'));
});
