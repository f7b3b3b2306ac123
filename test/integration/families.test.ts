// Job systems are recognized by their keys: what is refused, what gets a TTL, and where it is said; with both kinds of pooling, with
// two workers, and while the configuration changes.
import { Writable } from 'node:stream';
import { pino } from 'pino';
import t from 'tap';
import { POOLS, withProxy } from '../support/proxy.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { integer } from '../support/twins.js';
import { until } from '../support/wait.js';

const redis = await withRedis(t, ['--maxmemory', '200mb']);
const look = await withRaw(t, redis.port);
const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const PROCESS = 'web-1:4711:0a1b2c3d4e5f';
/** All is beyond the limit, so Spillway refuses whatever it may. */
const FULL = { limit: '1kb' };
const NEVER = 'not recognized any more';

for (const pool of POOLS) {
  for (const workers of [1, 2]) {
    t.test(`pool "${pool}", ${workers} worker(s)`, async (t) => {
      await look.call('FLUSHALL');
      const lines: string[] = [];
      const sink = new Writable({ write: (chunk, _, done) => done(void lines.push(String(chunk))) });
      const rules = [{ name: 'mail', match: 'queue:mail', ttl: '1h', priority: 'low' }];
      let config: Record<string, unknown> = { rules };
      const options = {
        redis,
        log: pino({ level: 'info' }, sink),
        reloaded: () => ({ ...config, memory: FULL }),
      };
      const proxy = await withProxy(t, {
        ...options,
        config: { rules, workers, memory: FULL, upstream: { pool } },
      });
      const client = await withRaw(t, proxy.port);
      const call = async (...words: string[]) => (await client.call(...words)).toString();
      const stats = () => proxy.admin('/api/stats');
      const families = async () => (await proxy.admin('/api/events')).filter(({ kind }) => kind === 'family');
      const listed = async () => (await proxy.admin('/api/rules')) as { name: string }[];

      t.same(
        (await listed()).map(({ name }) => name),
        ['mail'],
        'no job system has been seen',
      );
      const refused = async () => (await call('SET', 'plain', 'v')) === OOM;
      await until(refused, { timeoutMs: 10_000, describe: 'other writes to be refused' });
      for (const words of [
        ['LPUSH', 'queue:default', 'job'],
        ['SADD', 'queues', 'default'],
        ['ZADD', 'retry', '1', 'job'],
        ['HSET', PROCESS, 'busy', '0'],
        ['RPUSH', `mail\x06\x163`, 'task'],
        ['SET', 'rq:job:1', 'x'],
      ]) {
        const answer = await call(...words);
        t.notMatch(answer, /^-/, `${words.join(' ')}: ${answer.trim()}`);
        t.equal(await integer(look, 'PTTL', words[1] as string), -1, 'and no TTL');
      }
      t.equal(await call('LPUSH', 'queue:mail', 'job'), OOM, 'a rule of its own comes first');

      await until(async () => (await families()).length === 3, {
        timeoutMs: 10_000,
        describe: 'three events',
      });
      await call('SADD', 'queues', 'mail');
      const [rq, celery, sidekiq] = await families().then((all) =>
        all
          .map(({ text }) => text)
          .sort()
          .reverse(),
      );
      t.match(`${rq} ${celery} ${sidekiq}`, /like those of Sidekiq.*like those of RQ.*like those of Celery/);
      const said = lines.filter((line) => line.includes('clients write keys like those of'));
      t.equal(said.length, 3, 'said once each');
      t.match((await listed()).slice(1), [
        { name: 'family:sidekiq', family: 'sidekiq', builtIn: true, priority: 'critical', durable: true },
        { name: 'family:celery' },
        { name: 'family:rq' },
      ]);
      const counted = await until(async () => {
        const { rules: rows, discovered } = await stats();
        const row = rows.find(({ name }) => name === 'family:sidekiq');
        return row?.writes === 5 && { row, discovered };
      });
      t.match(counted.row, { shed: 0, distinctKeys: 4 });
      t.same(counted.discovered, [], 'none of these is a pattern without a rule');
      const metrics = await fetch(`http://127.0.0.1:${proxy.adminPort}/metrics`);
      t.match(await metrics.text(), /\{rule="family:sidekiq"[^}]*\} 5/);
      const explained = await proxy.admin('/api/explain?key=retry&command=ZADD');
      t.match(explained.keys[0]?.rule, {
        name: 'family:sidekiq',
        position: null,
        family: 'sidekiq',
        match: 'retry',
      });
      t.match(explained.keys[0]?.passedOver, [{ name: 'mail' }]);

      // A rule with a family, and a list.
      config = {
        rules: [{ name: 'jobs', family: 'sidekiq', match: 'mine', priority: 'low' }],
        families: ['rq'],
      };
      t.match(await proxy.running.reload('SIGHUP'), { ok: true, applied: ['rules', 'families'] });
      t.equal(await call('SADD', 'queues', 'default'), OOM);
      t.equal(await call('LPUSH', 'mine', 'default'), OOM);
      t.notMatch(await call('SET', 'rq:job:2', 'x'), /^-/);
      t.equal(await call('RPUSH', 'mail\x06\x163', 'task'), OOM, NEVER);
      t.match(await listed(), [
        { name: 'jobs', match: 'mine', family: 'sidekiq', durable: true },
        { name: 'family:rq' },
      ]);
      config = { rules: [], families: 'off' };
      t.match(await proxy.running.reload('SIGHUP'), { ok: true });
      t.equal(await call('SET', 'rq:job:3', 'x'), OOM, NEVER);
      t.same(await listed(), []);
    });
  }
}
