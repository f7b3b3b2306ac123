// A sweep and the memory of its server: what TTLs cost is what the dry run says, and --apply never fills what it is to
// save. On whichever server the tests run.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { declareSweep } from '../../src/cli/sweep-command.js';
import { infoFields } from '../../src/memory/reading.js';
import { TtlCost } from '../../src/memory/ttl-cost.js';
import type { SweepResult } from '../../src/tools/sweep/result.js';
import { runCommand } from '../support/command.js';
import { withFolder } from '../support/folder.js';
import { withIoredis } from '../support/ioredis.js';
import { withRedis } from '../support/redis.js';
import { settled, usedBytes, writeStrings } from './memory-lab.js';

const HOUR = 3_600_000;

/** A server with strings that are due. */
async function laid(t: Test, keys: number) {
  const { port } = await withRedis(t);
  const redis = withIoredis(t, port);
  await writeStrings(redis, 'cache', keys);
  await settled(redis);
  const folder = withFolder(t, 'spillway-sweep-');
  const config = path.join(folder, 'proxy.config.json');
  const rules = [{ name: 'cache', match: 'cache:*', ttl: '10h' }];
  writeFileSync(config, JSON.stringify({ upstream: { url: `redis://127.0.0.1:${port}` }, rules }));
  const journal = path.join(folder, 'journal');
  const run = (...more: string[]) => runCommand(declareSweep, ['sweep', '-c', config, ...more]);
  const swept = async (...more: string[]) => {
    const { status, stdout } = await run('--json', ...more);
    return { ...(JSON.parse(stdout) as SweepResult), status };
  };
  return { redis, run, swept, apply: ['--apply', '--journal', journal], journal };
}

const given = ({ rules }: SweepResult): number => rules.reduce((sum, count) => sum + count.given, 0);

t.test('TTLs cost no more than is said, and not much less', async (t) => {
  const { port } = await withRedis(t);
  const redis = withIoredis(t, port);
  const cost = new TtlCost(infoFields(await redis.info('server')));
  await writeStrings(redis, 'cache', 70_000);
  await settled(redis);
  let [before, expires, most] = [await usedBytes(redis), 0, 0];
  const first = before;
  for (; expires < 70_000; expires += 1000) {
    const pipeline = redis.pipeline();
    for (let i = expires; i < expires + 1000; i++) pipeline.pexpire(`cache:${i}`, HOUR);
    await pipeline.exec();
    const now = await usedBytes(redis);
    const said = cost.bytes(expires, 1000);
    // The connection's own buffers.
    t.ok(now - before <= said + 40_000, `${expires}: ${now - before} of ${said}`);
    most = Math.max(most, now - first);
    before = now;
  }
  t.ok(most <= cost.bytes(0, expires) + 40_000, `${most} of ${cost.bytes(0, expires)}`);
  t.ok(most >= 0.4 * cost.bytes(0, expires), `${most} of ${cost.bytes(0, expires)}`);
});

t.test('the dry run tells the cost, and where --apply ends', async (t) => {
  const { redis, run, swept } = await laid(t, 20_000);
  const [unlimited] = (await swept()).memory;
  t.match(unlimited, { due: 20_000, limitBytes: null, untilBytes: null, stopped: false });
  const { costBytes = 0 } = unlimited ?? {};
  t.ok(costBytes > 20_000 * 16 && costBytes < 20_000 * 80, `${costBytes} bytes`);
  t.match(
    (await run()).stdout,
    /20,000 TTLs take up to 1?\.?\d+.* \(\d+ bytes a key\)\. It has no maxmemory/,
  );

  const used = await usedBytes(redis);
  await redis.config('SET', 'maxmemory', Math.ceil((used + costBytes / 2) / 0.8));
  const { stdout, status } = await run();
  t.equal(status, 0);
  t.match(stdout, /memory goes from [\d.]+% to [\d.]+% of .*--apply ends before it is done, at 80% of/s);
  t.match(stdout, /--max-keys 10000 --ttl 1m/);
  t.match((await run('--until', '10%')).stdout, /--apply ends at once, at 10% of/);
  await redis.config('SET', 'maxmemory', 10 * (used + costBytes));
  t.notMatch((await run()).stdout, /--apply ends/);
});

t.test('--apply ends before the server is full, and goes on when there is room', async (t) => {
  const { redis, run, swept, apply, journal } = await laid(t, 30_000);
  const used = await usedBytes(redis);
  const { costBytes = 0 } = (await swept()).memory[0] ?? {};
  const limit = Math.ceil((used + costBytes / 3) / 0.8);
  await redis.config('SET', 'maxmemory', limit);
  const first = await swept(...apply);
  t.match(first, { ended: 'memory', status: 1, memory: [{ stopped: true }] });
  t.ok(given(first) > 0 && given(first) < 30_000, `${given(first)} keys`);
  t.ok((await usedBytes(redis)) <= 0.8 * limit, 'below the first band');
  t.equal(await redis.set('more', 'x'), 'OK');

  const resume = ['--apply', '--resume', journal];
  const again = await run(...resume);
  t.equal(again.status, 1);
  t.match(
    again.stdout,
    /More TTLs would fill 127\.0\.0\.1:\d+ beyond 80% of .*To continue when memory has fallen:/s,
  );
  t.match(again.stdout, new RegExp(`sweep .*--apply --resume ${journal}`));

  const second = await swept(...resume, '--until', '85%', '--ttl', '1h');
  t.match(second, { ended: 'memory', status: 1 });
  t.ok((await usedBytes(redis)) <= 0.85 * limit);
  const last = await swept(...resume, '--until', 'never');
  t.match(last, { ended: null, status: 0, memory: [{ untilBytes: null, stopped: false }] });
  const all = infoFields(await redis.info('keyspace')).get('db0');
  t.match(all, /keys=30001,expires=30000/, 'each has one now');
});

t.test('a server that evicts loses no key to a sweep', async (t) => {
  for (const policy of ['volatile-lru', 'allkeys-lru']) {
    const { redis, swept, apply } = await laid(t, 30_000);
    await redis.config('SET', 'maxmemory-policy', policy);
    // Room for the buffers of its connections.
    await redis.config('SET', 'maxmemory', (await usedBytes(redis)) + 1_000_000);
    t.match(await swept(...apply), { ended: 'memory', status: 1 });
    t.equal(await redis.dbsize(), 30_000, policy);
    t.equal(infoFields(await redis.info('stats')).get('evicted_keys'), '0', policy);
  }
});

t.test('a sweep ends when others fill the memory meanwhile', async (t) => {
  const { redis, swept, apply } = await laid(t, 20_000);
  const limit = Math.ceil(((await usedBytes(redis)) + 3_000_000) / 0.8);
  await redis.config('SET', 'maxmemory', limit);
  let grown = 0;
  const sweep = swept(...apply, '--max-rate', '4000');
  const ended = sweep.then(() => true);
  const soon = new Promise<false>((resolve) => setImmediate(resolve, false));
  while (!(await Promise.race([ended, soon])) && (await usedBytes(redis)) < 0.82 * limit) {
    await redis.set(`other:${grown++}`, 'x'.repeat(20_000));
  }
  const result = await sweep;
  t.match(result, { ended: 'memory' });
  t.ok(given(result) < 20_000, `${given(result)} keys`);
});

t.test('a shorter TTL is given where the rule has a longer one, spread', async (t) => {
  const { redis, run, swept, apply, journal } = await laid(t, 400);
  const result = await swept(...apply, '--ttl', '1m', '--max-keys', '200');
  t.match(result, { ended: 'maxKeys', status: 0 });
  const ttls = async () =>
    (await Promise.all((await redis.keys('*')).map((key) => redis.pttl(key)))).filter((ttl) => ttl > 0);
  const short = await ttls();
  t.equal(short.length, 200);
  t.ok(short.every((ttl) => ttl <= 66_000));
  t.ok(Math.max(...short) - Math.min(...short) > 1000, 'not all at once');
  t.equal((await run('--apply', '--resume', journal, '--ttl', '100h')).status, 0);
  t.equal((await ttls()).filter((ttl) => ttl > 9 * HOUR).length, 200, "the rule's");
  for (const ttl of ['0s', 'soon']) {
    t.match(await run('--ttl', ttl), { status: 64, stderr: /--ttl must be/ });
  }
});
