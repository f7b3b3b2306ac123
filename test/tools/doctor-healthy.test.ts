// spillway doctor finds nothing on a healthy server, also where it looks like a fault.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import t from 'tap';
import { builtMain } from '../support/built.js';
import { fill, served, usedMemory } from '../support/doctor.js';
import { until } from '../support/wait.js';

const MAIN = builtMain();

t.test('nothing on a healthy server', async (t) => {
  const { direct, look, port } = await served(t, [
    '--maxmemory',
    '200mb',
    '--maxmemory-policy',
    'allkeys-lru',
  ]);
  await fill(direct, 500, (pipeline, i) => pipeline.set(`cache:${i}`, 'x'.repeat(100), 'EX', 1000));
  await fill(direct, 50, (pipeline, i) => pipeline.hset(`user:${i}`, { a: '1', b: '2' }));
  t.match(await look(), { findings: [], notMade: [], unread: [] });
  const { status, stdout } = spawnSync(process.execPath, [MAIN, 'doctor', '-u', `redis://127.0.0.1:${port}`]);
  t.equal(status, 0);
  t.match(String(stdout), /No findings in \d+ checks/);
});

t.test('nothing on a store that never evicts and has room', async (t) => {
  const { direct, look } = await served(t, ['--maxmemory', '200mb', '--appendonly', 'yes']);
  await fill(direct, 500, (pipeline, i) => pipeline.set(`order:${i}`, 'x'));
  t.match(await look(), { findings: [] });
});

t.test('nothing where many clients are idle', async (t) => {
  const { direct, look, port } = await served(t, [
    '--maxmemory',
    '200mb',
    '--maxmemory-policy',
    'allkeys-lru',
  ]);
  const idle: net.Socket[] = [];
  t.teardown(() => {
    for (const socket of idle) socket.destroy();
  });
  // Redis shrinks the buffers of each a few seconds later, so more come until it is much.
  const arrive = async () => {
    const more = Array.from({ length: 500 }, () => net.connect(port, '127.0.0.1'));
    idle.push(...more);
    await Promise.all(more.map((socket) => once(socket, 'connect')));
    return Number(/mem_clients_normal:(\d+)/.exec(await direct.info('memory'))?.[1]);
  };
  await until(async () => idle.length < 9000 && (await arrive()) > 20 * 2 ** 20, {
    describe: 'their memory',
  });
  t.match(await look(), { findings: [] });
});

t.test('nothing on a replica in sync with a primary that is full and evicts', async (t) => {
  const primary = await served(t, [
    ...['--maxmemory', '4mb', '--maxmemory-policy', 'allkeys-lru', '--repl-diskless-sync-delay', '0'],
  ]);
  const { direct, look, port } = await served(t, [
    ...['--maxmemory', '4mb', '--replicaof', `127.0.0.1 ${primary.port}`],
  ]);
  await until(async () => (await direct.info('replication')).includes('master_link_status:up'));
  await fill(primary.direct, 500, (pipeline, i) => pipeline.set(`event:${i}`, 'x'.repeat(10_000)));
  await primary.direct.wait(1, 5000);
  await until(async () => (await usedMemory(direct)) > 3.9 * 2 ** 20);
  const { findings, notApplicable } = await look();
  t.same(findings, []);
  t.ok(notApplicable.includes('memory-full'));
  const { status, stdout } = spawnSync(process.execPath, [MAIN, 'doctor', '-u', `redis://127.0.0.1:${port}`]);
  t.equal(status, 0);
  t.match(String(stdout), /leaves its memory to its primary: no-maxmemory, memory-full,/);
});

t.test('nothing where keys live shortly', async (t) => {
  const { direct, look } = await served(t, ['--maxmemory', '200mb', '--maxmemory-policy', 'allkeys-lru']);
  let round = 0;
  await until(
    async () => {
      const now = ++round;
      await fill(direct, 10_000, (pipeline, i) => pipeline.set(`seen:${now}:${i}`, '1', 'PX', 1000));
      return Number(/expired_stale_perc:([\d.]+)/.exec(await direct.info('stats'))?.[1]) > 10;
    },
    { timeoutMs: 20_000, describe: 'stale keys' },
  );
  t.match(await look(), { findings: [] });
});
