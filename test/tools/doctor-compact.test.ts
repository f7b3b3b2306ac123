// spillway doctor on collections just past a limit: what it says would make them compact does, on a real server.
import t from 'tap';
import { fill, served, usedMemory } from '../support/doctor.js';

const SERVER = [
  ...['--maxmemory', '500mb', '--maxmemory-policy', 'allkeys-lru'],
  ...['--enable-debug-command', 'yes'],
];

function fields(count: number, bytes: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, String(i).padEnd(bytes, 'x')]));
}

t.test('elements too long, of which the other limit knows nothing', async (t) => {
  const { direct, look, ids } = await served(t, SERVER);
  await fill(direct, 100, (pipeline, i) => pipeline.hset(`page:${i}`, fields(600, 200)));
  t.same(await ids(), [], 'more entries would leave them as they are');
  await direct.flushall('SYNC');
  await fill(direct, 3000, (pipeline, i) => pipeline.hset(`user:${i}`, fields(10, 70)));
  await fill(direct, 100, (pipeline, i) => pipeline.zadd(`top:${i}`, 1, `${i}`.padEnd(100, 'x'), 2, 'b'));
  const { findings } = await look();
  t.match(findings, [
    {
      id: 'hash-just-past-compact',
      evidence: /^1\d\d\d of 1\d\d\d .*65 to 128 bytes.*hash-max-listpack-value 64/,
    },
    { id: 'zset-just-past-compact', evidence: /^100 of 100 .*zset-max-listpack-value 64/ },
  ]);
  const before = await usedMemory(direct);
  for (const { mend } of findings) {
    const [, setting = '', value = ''] = /CONFIG SET (\S+) (\d+)/.exec(mend.join()) ?? [];
    await direct.config('SET', setting, value);
  }
  await direct.call('DEBUG', 'RELOAD');
  t.equal(await direct.object('ENCODING', 'user:1'), 'listpack');
  t.equal(await direct.object('ENCODING', 'top:1'), 'listpack');
  const now = await usedMemory(direct);
  t.ok(now < 0.95 * before, `${now} of ${before} bytes`);
  t.same(await ids(), []);
});

t.test('reads little of what is large', async (t) => {
  const { direct, ids } = await served(t, SERVER);
  await fill(direct, 40, (pipeline, i) => pipeline.hset(`blob:${i}`, fields(20, 50_000)));
  const sent = async () => Number(/total_net_output_bytes:(\d+)/.exec(await direct.info('stats'))?.[1]);
  const before = await sent();
  t.same(await ids(), []);
  t.ok((await sent()) - before < 500_000, 'none of 40 MB');
});
