// spillway doctor on the eviction policies of real servers: what may be evicted that must not, and what to do.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import t from 'tap';
import { compileConfig } from '../../src/config/compile.js';
import { configSchema } from '../../src/config/schema.js';
import { ruleSetOf } from '../../src/runtime/rules.js';
import { builtMain } from '../support/built.js';
import { fill, served } from '../support/doctor.js';

const LIMIT = ['--maxmemory', '100mb'];
const RULES = [
  { name: 'cache', match: 'cache:*', ttl: '24h', priority: 'low' },
  { name: 'sessions', match: 'session:*', ttl: '1h', priority: 'high' },
  { name: 'jobs', match: 'queue:*', durable: true, priority: 'critical' },
];

t.test('a cache beside locks and jobs, under each policy', async (t) => {
  const rules = ruleSetOf(compileConfig(configSchema.parse({ rules: RULES })));
  const { direct, look, port } = await served(t, [...LIMIT, '--maxmemory-policy', 'noeviction'], rules);
  await fill(direct, 8000, (pipeline, i) => pipeline.set(`cache:${i}`, 'v'.repeat(1000), 'EX', 3600));
  await fill(direct, 200, (pipeline, i) => pipeline.set(`lock:${i}`, 'me', 'EX', 30, 'NX'));
  await fill(direct, 300, (pipeline, i) => pipeline.set(`session:${i}`, 's'.repeat(200), 'EX', 3600));
  await fill(direct, 1000, (pipeline) => pipeline.lpush('queue:mail', 'j'.repeat(300)));

  const under = async (policy: string) => {
    await direct.config('SET', 'maxmemory-policy', policy);
    const { findings, policies } = await look();
    return { findings, policies, ids: findings.map(({ id }) => id) };
  };
  const full = await under('noeviction');
  t.same(full.ids, ['noeviction-cache']);
  t.match(full.findings[0]?.evidence, /cache: \d+\.\d MB of 100 MB, beside .*lock:\*/);
  t.match(full.findings[0]?.mend[0], 'add "evict": true to the rule "cache"');
  const row = (name: string) => full.policies.find(({ policy }) => policy === name);
  const [all, volatile_, evict] = ['allkeys-lru', 'volatile-ttl', 'evict'].map(row);
  t.equal(row('noeviction')?.evictableBytes, 0);
  t.same(evict?.whose, ['cache']);
  t.match(volatile_?.takes, ['lock:*']);
  t.match(all?.loses, ['jobs']);
  const bytes = Number(await direct.memory('USAGE', 'cache:1')) * 8000;
  t.ok(Math.abs((evict?.evictableBytes ?? 0) / bytes - 1) < 0.1, `${evict?.evictableBytes} of ${bytes}`);

  const lru = await under('volatile-lru');
  t.same(lru.ids, ['locks-evictable']);
  t.match(lru.findings[0], { severity: 'notice', evidence: /^volatile-lru; lock:\* \(locks\)/ });
  t.same((await under('volatile-ttl')).ids, ['eviction-order', 'locks-evictable']);
  const anything = await under('allkeys-lru');
  t.same(anything.ids, ['jobs-evictable', 'locks-evictable']);
  t.match(
    anything.findings[0]?.mend.join('\n'),
    /"evict": true[\s\S]*CONFIG SET maxmemory-policy noeviction/,
  );

  const folder = t.testdir({ 'proxy.config.json': JSON.stringify({ rules: RULES }) });
  const args = [
    'doctor',
    '--config',
    path.join(folder, 'proxy.config.json'),
    '-u',
    `redis://127.0.0.1:${port}`,
  ];
  const { stdout, status } = spawnSync(process.execPath, [builtMain(), ...args], { encoding: 'utf8' });
  t.match(stdout, /What each policy could evict here[\s\S]*allkeys-lru \* .*cache, jobs[\s\S]*evict .*cache/);
  t.equal(status, 2);
});

t.test('jobs of BullMQ on a server that may evict anything', async (t) => {
  const { direct, look } = await served(t, [...LIMIT, '--maxmemory-policy', 'allkeys-lfu']);
  await fill(direct, 300, (pipeline, i) => pipeline.hset(`bull:mail:${i}`, { data: 'x'.repeat(50) }));
  const { findings } = await look();
  t.match(findings, [{ id: 'jobs-evictable', severity: 'warning', title: 'Redis may evict jobs' }]);
  t.match(
    findings[0]?.mend.join('\n'),
    /volatile-lru .*only keys that have a TTL[\s\S]*BullMQ asks for noeviction/,
  );
  await direct.config('SET', 'maxmemory-policy', 'noeviction');
  t.same((await look()).findings, []);
});
