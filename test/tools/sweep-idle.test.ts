// `spillway sweep --idle` on a real server: only keys that nobody has used for so long, checked again as the TTL is given.
import t from 'tap';
import { Aside } from '../../src/tools/keyspace/aside.js';
import { Batch } from '../../src/tools/keyspace/batch.js';
import { giverFor } from '../../src/tools/sweep/scripts.js';
import { laid } from './sweep-lab.js';

const DAY = 86_400;
const OLD = 20;
const RECENT = 7;

/** A server whose keys were used now, and some that were used long ago or yesterday. */
async function aged(t: Parameters<typeof laid>[0]) {
  const lab = await laid(t, { keys: 300 });
  const { direct } = lab;
  await direct.set('source', 'v');
  const dumped = await direct.dumpBuffer('source');
  const restore = (key: string, idle: number, ...more: (string | number)[]) =>
    direct.call('RESTORE', key, 0, dumped as Buffer, ...more, 'IDLETIME', idle);
  for (let i = 0; i < OLD; i++) await restore(`cache:old:${i}`, 10 * DAY);
  for (let i = 0; i < RECENT; i++) await restore(`cache:recent:${i}`, DAY);
  await restore('unruled:old', 10 * DAY);
  return { ...lab, restore };
}

t.test('only idle keys are counted, and get a TTL', async (t) => {
  const { direct, swept, undone, journal } = await aged(t);
  const ruleOf = (result: Awaited<ReturnType<typeof swept>>) =>
    result.rules.find(({ rule }) => rule === 'cache') ?? t.bailout('no such rule');
  const all = ruleOf(await swept());
  const dry = await swept('--idle', '7d');
  t.match(ruleOf(dry), { matching: all?.matching, due: OLD, inUse: (all?.due ?? 0) - OLD });
  t.match(dry.notes.join(), /has run for .*: unless its snapshot kept idle times/);
  t.equal(await direct.pttl('cache:old:0'), -1, 'a dry run changes nothing');
  t.match(ruleOf(await swept('--idle', '7d')), { due: OLD }, 'and is no use of a key');

  await direct.get('cache:old:0');
  const result = await swept('--idle', '7d', '--ttl', '10m', '--apply', '--journal', journal);
  t.match(ruleOf(result), { due: OLD - 1, given: OLD - 1, changed: 0 });
  t.equal(result.memory[0]?.due, OLD - 1);
  t.equal(await direct.pttl('cache:old:0'), -1, 'somebody has used it');
  for (const key of ['cache:recent:0', 'unruled:old']) t.equal(await direct.pttl(key), -1, key);
  // Ten minutes, a tenth of jitter, and a tenth of spread.
  const left = await direct.pttl('cache:old:1');
  t.ok(left > 500_000 && left <= 720_000, `${left} ms`);
  t.match(await undone(), { undone: OLD - 1, left: 0 });
  t.equal(await direct.pttl('cache:old:1'), -1);
});

t.test('a key that is used between the check and the TTL keeps none', async (t) => {
  const { redis, direct, restore } = await aged(t);
  const giver = await giverFor(direct, 'server', '7.0.15');
  const aside = new Aside({ host: '127.0.0.1', port: redis.port, connectTimeoutMs: 1000 }, 0, 'test');
  t.teardown(() => aside.close());
  const now = Date.now();
  const give = async (key: string, leastIdle: number) => {
    const batch = new Batch();
    batch.about(
      giver.command({ expireAt: now + 3_600_000, stringsOnly: true, leastIdle, now }),
      Buffer.from(key),
    );
    return (await aside.ask(batch))[0];
  };
  await direct.get('cache:old:0');
  t.equal(await give('cache:old:0', 7 * DAY), 0);
  t.equal(await give('cache:recent:0', 7 * DAY), 0);
  t.equal(await give('cache:recent:0', DAY), 1);
  t.equal(await give('cache:old:1', 7 * DAY), 1);
  await restore('cache:old:1', 10 * DAY, 'REPLACE');
  t.equal(await give('cache:old:1', 0), 1, 'without --idle');
  t.equal(await give('cache:none', 7 * DAY), 0, 'a key that is gone');
});

t.test('an LFU policy keeps no idle times', async (t) => {
  const { direct, run } = await aged(t);
  await direct.config('SET', 'maxmemory-policy', 'allkeys-lfu');
  const { status, stderr } = await run('--idle', '7d');
  t.equal(status, 1);
  t.match(stderr, /maxmemory-policy allkeys-lfu .*leave out --idle/);
  t.match(await run(), { status: 0 });
});

t.test('--idle needs a duration, and a resumed sweep needs the same one', async (t) => {
  const { run, journal } = await aged(t);
  const apply = ['--apply', '--rule', 'cache'];
  t.match(await run(...apply, '--idle', '7d', '--max-keys', '5', '--journal', journal), { status: 0 });
  for (const other of [[], ['--idle', '6d']])
    t.match(await run(...apply, ...other, '--resume', journal), { status: 1, stderr: /another --idle/ });
  t.match(await run(...apply, '--idle', '7d', '--resume', journal), { status: 0 });
  t.match(await run('--undo', journal, '--idle', '7d'), { status: 64 });
  t.match(await run('--idle', '0s'), { status: 64, stderr: /--idle must be longer than 0s/ });
  t.match(await run('--idle', 'long'), { status: 64, stderr: /--idle/ });
});
