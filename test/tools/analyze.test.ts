// spillway analyze against what servers really hold, counted key by key with MEMORY USAGE SAMPLES 0.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { compileConfig } from '../../src/config/compile.js';
import { configSchema } from '../../src/config/schema.js';
import { RuleSet } from '../../src/core/policy/rule-set.js';
import type { Analysis } from '../../src/tools/analyze/analysis.js';
import { type AnalyzeOptions, analyze } from '../../src/tools/analyze/analyze.js';
import { connectServers } from '../../src/tools/keyspace/servers.js';
import { builtMain } from '../support/built.js';
import { loadDataset } from '../support/dataset.js';
import { withFolder } from '../support/folder.js';
import { withIoredis } from '../support/ioredis.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const MAIN = builtMain();
const NAME = 'spillway-test';
const KEYS = 6000;

const at = (port: number) => ({ host: '127.0.0.1', port, connectTimeoutMs: 1000 });

function client(t: Test, port: number, options = {}): Redis {
  const redis = withIoredis(t, port, options);
  return redis;
}

async function analysed(t: Test, port: number, options: Partial<AnalyzeOptions> = {}): Promise<Analysis> {
  const servers = await connectServers(at(port), NAME);
  t.teardown(() => servers.close());
  return analyze(servers, {
    name: NAME,
    rules: undefined,
    db: undefined,
    sample: undefined,
    samples: undefined,
    biggest: 3,
    maxRate: undefined,
    signal: new AbortController().signal,
    ...options,
  });
}

/** The truth by the first word of the keys. */
async function truth(
  redis: Redis,
): Promise<Map<string, { keys: number; bytes: number; withoutTtl: number }>> {
  const found = new Map<string, { keys: number; bytes: number; withoutTtl: number }>();
  for (const key of await redis.keysBuffer('*')) {
    const name = wordOf(key.toString('latin1'));
    const sums = found.get(name) ?? { keys: 0, bytes: 0, withoutTtl: 0 };
    sums.keys++;
    sums.bytes += Number(await redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0'));
    if ((await redis.pttl(key)) < 0) sums.withoutTtl++;
    found.set(name, sums);
  }
  return found;
}

const wordOf = (name: string) => /^(session|cache|user|queue|timeline|tags|events):/.exec(name)?.[1] ?? '';

function byWord({ groups }: Analysis) {
  const found = new Map<
    string,
    { keys: number; bytes: number; low: number; high: number; withoutTtl: number }
  >();
  for (const { name, keys, bytes, withoutTtl } of groups) {
    const sums = found.get(wordOf(name)) ?? { keys: 0, bytes: 0, low: 0, high: 0, withoutTtl: 0 };
    sums.keys += keys.estimate;
    sums.bytes += bytes.estimate;
    sums.low += bytes.low;
    sums.high += bytes.high;
    sums.withoutTtl += withoutTtl.estimate;
    found.set(wordOf(name), sums);
  }
  return found;
}

t.test('a mixed keyspace', async (t) => {
  const redis = await withRedis(t);
  const direct = client(t, redis.port);
  const written = await loadDataset(at(redis.port), { keys: KEYS });
  // Elements that differ, so that the first few say little.
  const skewed = direct.pipeline();
  for (let i = 0; i < 4000; i++)
    skewed.hset('user:skewed', `f${i}`, 'x'.repeat(i < 20 ? 1 : i % 100 === 0 ? 5000 : 60));
  await skewed.exec();
  const real = await truth(direct);
  for (const { pattern, keys, withoutTtl } of written.filter((family) => family.pattern !== '*')) {
    const { keys: found, withoutTtl: bare } = real.get(wordOf(pattern)) ?? {};
    const more = pattern === 'user:*' ? 1 : 0;
    t.same([found, bare], [keys + more, withoutTtl + more], `the data set tells what it wrote of ${pattern}`);
  }

  await t.test('a walk of all keys: exact counts, bytes within 3% by pattern', async (t) => {
    const analysis = await analysed(t, redis.port);
    t.match(analysis, { partial: false, sampled: false, notes: [], keys: { gone: 0 } });
    const found = byWord(analysis);
    t.same([...found.keys()].sort(), [...real.keys()].sort());
    for (const [word, { keys, bytes, withoutTtl }] of real) {
      const group = found.get(word);
      t.equal(group?.keys, keys, word);
      t.equal(group?.withoutTtl, withoutTtl, word);
      t.ok(Math.abs((group?.bytes ?? 0) / bytes - 1) < 0.03, `${word}: ${group?.bytes} of ${bytes}`);
    }
    const { type } = written.find(({ pattern }) => pattern === 'timeline:*') ?? {};
    const timeline = analysis.groups.find(({ name }) => name === 'timeline:*');
    t.same(Object.keys(timeline?.types ?? {}), [type]);
    const ttlKeys = timeline?.ttl.reduce((sum, { keys }) => sum + keys, 0);
    t.equal((ttlKeys ?? 0) + (timeline?.withoutTtl.estimate ?? 0), timeline?.keys.estimate);
    t.equal(analysis.biggest.hash?.[0]?.key, 'user:skewed');
    for (const list of Object.values(analysis.biggest)) {
      const sizes = list.map(({ bytes }) => bytes);
      t.same(
        sizes,
        [...sizes].sort((a, b) => b - a),
      );
    }
  });

  await t.test('groups are rules, and patterns where no rule matches', async (t) => {
    const config = configSchema.parse({ rules: [{ name: 'people', match: 'user:*', durable: true }] });
    const { rules } = compileConfig(config);
    const { groups } = await analysed(t, redis.port, {
      rules: new RuleSet({ rules, unregistered: { priority: 1, observe: true } }),
    });
    t.match(
      groups.find(({ by }) => by === 'rule'),
      { name: 'people', keys: { estimate: real.get('user')?.keys } },
    );
    t.notOk(groups.some(({ by, name }) => by === 'pattern' && name === 'user:*'));
  });

  await t.test('a sample: the truth is within the stated bounds', async (t) => {
    const all = [...real.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    let [inside, checks] = [0, 0];
    for (let i = 0; i < 20; i++) {
      const analysis = await analysed(t, redis.port, { sample: 2000 });
      t.ok(analysis.sampled);
      t.ok(analysis.keys.looked >= 2000 && analysis.keys.looked < 3000, `${analysis.keys.looked}`);
      const { keyBytes } = analysis.memory;
      for (const [truth, { low, high }] of [
        [all, keyBytes] as const,
        ...[...byWord(analysis)].map(([word, bounds]) => [real.get(word)?.bytes ?? 0, bounds] as const),
      ]) {
        checks++;
        if (low <= truth && truth <= high) inside++;
      }
    }
    t.ok(inside / checks >= 0.88, `${inside} of ${checks}`);
  });

  await t.test('analyze changes no idle time', async (t) => {
    await direct.set('watched', '1');
    await until(async () => Number(await direct.object('IDLETIME', 'watched')) >= 1);
    await analysed(t, redis.port);
    t.ok(Number(await direct.object('IDLETIME', 'watched')) >= 1);
  });

  await t.test('with the rights that --help names, and no more', async (t) => {
    const rights = '+scan +memory|usage +pttl +info +ping +select +client|setname'.split(' ');
    await direct.call('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', ...rights);
    const url = `redis://reader:pw@127.0.0.1:${redis.port}`;
    const run = (...args: string[]) => spawnSync(process.execPath, [MAIN, 'analyze', '-u', url, ...args]);
    const { status, stdout } = run('--json');
    t.equal(status, 0);
    const analysis = JSON.parse(String(stdout)) as Analysis;
    t.equal(byWord(analysis).get('session')?.keys, real.get('session')?.keys);
    t.match(analysis.notes.join('\n'), /TYPE is refused.*NOPERM/);
    await direct.call('ACL', 'SETUSER', 'reader', '-memory|usage');
    const refused = run();
    t.equal(refused.status, 1);
    t.match(String(refused.stderr), /MEMORY USAGE is refused: NOPERM .*\+memory\|usage/);
  });

  await t.test('the report escapes what keys are made of, and is there whole or not at all', async (t) => {
    const folder = withFolder(t, 'spillway-analyze-');
    await direct.set('<script>alert(1)</script>', 'x'.repeat(300_000));
    const file = path.join(folder, 'report.html');
    const run = (to: string) =>
      spawnSync(process.execPath, [MAIN, 'analyze', '-u', `redis://127.0.0.1:${redis.port}`, '--html', to]);
    t.equal(run(file).status, 0);
    const html = readFileSync(file, 'utf8');
    t.match(html, '&#60;script&#62;alert(1)');
    t.notMatch(html, '<script');
    t.notMatch(html, /https?:/);
    const nowhere = run(path.join(folder, 'none', 'report.html'));
    t.equal(nowhere.status, 1);
    t.match(String(nowhere.stderr), /report\.html cannot be written/);
    t.equal(String(nowhere.stdout), '', 'said before the walk');
    const taken = run(folder);
    t.equal(taken.status, 1);
    t.match(String(taken.stdout), /^group /m, 'what was found is told all the same');
    t.notOk(existsSync(path.join(folder, 'none')));
  });

  await t.test('Ctrl-C ends it with what was found', async (t) => {
    const args = ['analyze', '-u', `redis://127.0.0.1:${redis.port}`, '--json', '--max-rate', '1000'];
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.on('data', (bytes) => {
      stdout += bytes;
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    const begun = async () =>
      /name=spillway-analyze[^\n]* cmd=(object|pttl|scan)/.test(String(await direct.client('LIST')));
    await until(begun, { timeoutMs: 30_000 });
    child.kill('SIGINT');
    t.equal(await ended, 130);
    const analysis = JSON.parse(stdout) as Analysis;
    t.equal(analysis.partial, true);
    t.ok(analysis.keys.looked < KEYS);
  });
});

t.test('collections with one huge element', async (t) => {
  const redis = await withRedis(t);
  const direct = client(t, redis.port);
  const kinds = ['bio', 'avatar', 'html', 'token', 'blob', 'notes'];
  const write = direct.pipeline();
  // Which of the fields come first is the same in all of a kind, and another matter with each start of a server.
  for (const [k, kind] of kinds.entries()) {
    for (let i = 0; i < 50; i++) {
      const fields = Array.from({ length: 12 + 25 * k }, (_, f) => [`${kind}${f}`, 'short']);
      write.hset(`${kind}:hash:${i}`, Object.fromEntries([...fields, [kind, 'x'.repeat(3000)]]));
      write.sadd(`${kind}:set:${i}`, 'x'.repeat(3000), ...fields.map(([field]) => `${i}${field}`));
      for (const [f, [field]] of fields.entries()) write.zadd(`${kind}:zset:${i}`, f, `${field}`);
      write.zadd(`${kind}:zset:${i}`, 1000, 'x'.repeat(3000));
    }
  }
  await write.exec();
  const { groups, notes } = await analysed(t, redis.port);
  t.equal(groups.length, 3 * kinds.length);
  for (const { name, bytes } of groups) {
    let real = 0;
    for (const key of await direct.keys(name)) {
      real += Number(await direct.call('MEMORY', 'USAGE', key, 'SAMPLES', '0'));
    }
    t.ok(Math.abs(bytes.estimate / real - 1) < 0.03, `${name}: ${bytes.estimate} of ${real}`);
  }
  t.same(notes, []);
});

t.test('a note says where MEMORY USAGE and the server differ', async (t) => {
  const redis = await withRedis(t);
  const direct = client(t, redis.port);
  const write = direct.pipeline();
  for (let i = 0; i < 20_000; i++) {
    write.hset('one', `${i}`, 'short');
  }
  for (let i = 0; i < 300; i++)
    write.rpush(`list:${i}`, 'x'.repeat(100_000), ...Array.from({ length: 40 }, (_, m) => `${i}:${m}`));
  await write.exec();
  t.same((await analysed(t, redis.port)).notes, []);
  // Of a list the first node is looked at: the large element's, which takes the other for as large. (Which element of a
  // set comes first is another with each start of a server, so that a sample may be right by chance.)
  const { notes } = await analysed(t, redis.port, { samples: 1 });
  t.match(notes, [/^MEMORY USAGE adds up to [\d.]+ MB, but INFO reports [\d.]+ MB/]);
});

t.test('a server that goes away for good leaves what was found', async (t) => {
  const redis = await withRedis(t);
  const direct = client(t, redis.port);
  const write = direct.pipeline();
  for (let i = 0; i < 2000; i++) write.set(`key:${i}`, 'x');
  await write.exec();
  direct.disconnect();
  let seen = 0;
  const progress = {
    begin() {},
    waiting() {},
    advance(by: number) {
      if (seen === 0) void redis.kill('SIGKILL');
      seen += by;
    },
  };
  const { partial, groups, notes } = await analysed(t, redis.port, {
    progress,
    patienceMs: 50,
    maxRate: 5000,
  });
  t.ok(partial);
  t.equal(groups[0]?.name, 'key:*');
  t.match(notes, [/lost before the end: 127\.0\.0\.1:\d+: /]);
});

t.test('an empty server', async (t) => {
  const redis = await withRedis(t);
  t.match(await analysed(t, redis.port), { groups: [], biggest: {}, keys: { total: 0, looked: 0 } });
  t.match(await analysed(t, redis.port, { db: 3, sample: 100 }), { groups: [] });
});

t.test('all databases, or only the one that is named', async (t) => {
  const redis = await withRedis(t);
  await client(t, redis.port).set('a:1', '1');
  await client(t, redis.port, { db: 2 }).set('a:1', '1');
  const names = async (options: Partial<AnalyzeOptions>) =>
    (await analysed(t, redis.port, options)).groups.map(({ name, keys }) => `${name} ${keys.estimate}`);
  t.same(await names({}), ['a:* 2']);
  t.same(await names({ db: 2 }), ['a:* 1']);
});
