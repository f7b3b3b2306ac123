// A planned switch by the proxy, in front of real Sentinels: no acknowledged write is lost whichever kind of proxy is asked, and
// with command pooling clients see nothing but the time. What refuses it changes nothing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { builtMain } from '../support/built.js';
import { type EventOutcome, FailoverLab, failoverOf, switchOf, TOKEN } from '../support/failover-lab.js';
import { withIoredis } from '../support/ioredis.js';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { SENTINEL_PRIMARY } from '../support/sentinel.js';
import { withSentinelClients } from '../support/sentinel-clients.js';
import { Writers } from '../support/sentinel-rig.js';
import { until } from '../support/wait.js';

async function cli({ adminPort }: TestProxy, ...args: string[]) {
  const child = spawn(
    process.execPath,
    [builtMain(), 'failover', '--admin', `http://127.0.0.1:${adminPort}`, ...args],
    { env: { PATH: process.env.PATH, SPILLWAY_ADMIN_TOKEN: TOKEN }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { stdout, stderr, code };
}

/**
 * Of the proxy that was asked. The others learn of the switch when Sentinel announces the promotion, as in any failover
 * (failover.test.ts): their pause may come too late on a machine without a free processor.
 */
function nothingLost(t: Test, { played }: EventOutcome, asked: number): void {
  for (const [i, each] of played.entries()) {
    const { pool, workers, lost, acknowledged, longestGapMs, errors, reconnects } = each;
    const which = `${pool} pooling, workers ${workers}`;
    t.comment(
      `${which}: ${lost.length} of ${acknowledged} lost, gap ${longestGapMs} ms, ${errors.length} errors, ${reconnects} reconnects`,
    );
    if (i !== asked) continue;
    t.same(lost.slice(0, 3), [], `${which}: ${lost.length} of ${acknowledged} acknowledged writes are lost`);
    if (pool === 'command') t.same({ errors, reconnects }, { errors: [], reconnects: 0 }, which);
  }
}

t.test('a planned switch with Sentinels', async (t) => {
  const rules = [{ name: 'all', match: '*', ttl: '1h' }];
  const lab = await FailoverLab.start(t, { config: { sentinelListen: '127.0.0.1:0', rules } });
  const proxies = lab.proxies.map(({ proxy }) => proxy);
  const [session, command] = proxies as [TestProxy, TestProxy];

  await t.test('a dry run tells what would happen, and changes nothing', async (t) => {
    const primary = await lab.rig.settled();
    const { plan } = (await session.post('/api/failover', { dryRun: true })) as {
      plan: { replicas: unknown[] };
    };
    t.match(plan, { primary: `127.0.0.1:${primary}`, quorum: /^OK 3 usable Sentinels/, replicaMs: Number });
    t.match(plan.replicas, [
      { chosen: true, priority: 100, unfit: null },
      { chosen: false, priority: 100, unfit: null },
    ]);
    const { code, stdout } = await cli(command, '--dry-run');
    t.equal(code, 0);
    t.match(stdout, /would become the primary \(priority 100, /);
    t.match(stdout, /clients would wait for about 1\.\d\d s/);
    t.same(await session.admin('/api/failover'), { switch: null });
    t.match(await failoverOf(session), { state: 'here', address: `127.0.0.1:${primary}`, switched: 0 });
  });

  // The lab has each proxy asked in turn (test/robustness/failover-full.ts).
  for (const asked of [1, 2]) {
    const { variant, proxy } = lab.proxies[asked] as (typeof lab.proxies)[number];
    await t.test(`switch, ${variant.pool} pooling, workers ${variant.workers}`, async (t) => {
      nothingLost(t, await lab.switched(asked), asked);
      const run = await switchOf(proxy);
      t.match(run, { state: 'done', error: null, replicaMs: Number, pausedMs: Number, waited: Number });
      const events = (await proxy.admin('/api/events')) as { text: string }[];
      t.ok(events.some(({ text }) => text.startsWith(`a planned switch from ${run.from} to`)));
      t.ok(events.some(({ text }) => text.startsWith(`primary is now ${run.to}, was ${run.from}, paused `)));
    });
  }

  await t.test('--pause-server: other proxies and direct clients lose nothing either', async (t) => {
    const before = await lab.rig.settled();
    let to = before;
    const direct = new Writers(4, () => to, 'direct');
    await direct.more(50);
    const { primary, played } = await lab.switched(1, { pauseServer: true });
    to = primary;
    await direct.more(50);
    await direct.stop();
    t.same(await direct.lostOn(primary), [], `of ${direct.acknowledged.length} writes of direct clients`);
    for (const { pool, workers, lost, acknowledged } of played)
      t.same(lost, [], `of ${acknowledged} writes, ${pool} pooling, workers ${workers}`);
    const old = withIoredis(t, before);
    await until(async () => /^role:slave/m.test(await old.info('replication')), { timeoutMs: 60_000 });
    // Its writes are no longer held back, but refused.
    await until(async () => /READONLY/.test(String(await old.set('k', 'v').catch(String))), {
      timeoutMs: 30_000,
    });
  });

  for (const asked of [0, 1]) {
    const { variant, proxy } = lab.proxies[asked] as (typeof lab.proxies)[number];
    await t.test(`Sentinel clients stay on the proxy, ${variant.pool} pooling`, async (t) => {
      const port = proxy.running.sentinelAddress?.port as number;
      const clients = await withSentinelClients(t, { port, primary: SENTINEL_PRIMARY });
      const written = clients.map(() => [] as string[]);
      let over = false;
      const writing = clients.map(async ({ name, set }, client) => {
        for (let i = 0; !over; i++) {
          const key = `${name}:${variant.pool}:${i}`;
          if (await set(key)) written[client]?.push(key);
        }
      });
      const enough = async (more: number) => {
        const before = written.map(({ length }) => length);
        await until(() => written.every(({ length }, i) => length >= (before[i] as number) + more), {
          timeoutMs: 60_000,
          describe: 'each client to write',
        });
      };
      await enough(20);
      const { primary } = await lab.switched(asked);
      await enough(20);
      over = true;
      await Promise.all(writing);
      const server = withIoredis(t, primary);
      for (const [i, { name }] of clients.entries()) {
        const ttls = await Promise.all((written[i] as string[]).map((key) => server.ttl(key)));
        t.same(
          ttls.filter((ttl) => ttl <= 0),
          [],
          `${name}: of ${ttls.length} acknowledged keys each is there, with the TTL that it got on its way`,
        );
      }
    });
  }

  await t.test('the command line waits for the end; a second switch is refused meanwhile', async (t) => {
    await lab.rig.settled();
    const asking = cli(session);
    await until(async () => ['waiting', 'switching'].includes((await switchOf(session))?.state ?? ''));
    t.match(await session.post('/api/failover', {}), { error: 'failover_refused' });
    const { code, stdout, stderr } = await asking;
    t.same({ code, stderr }, { code: 0, stderr: '' });
    t.match(
      stdout,
      /^clients wait; .* is to replace .*\nthe primary is now .*, was .*; \d+ clients? waited, for /,
    );
    t.equal((await switchOf(session)).to, `127.0.0.1:${await lab.rig.primaryBy(1)}`);
  });

  await t.test('replicas that do not answer: nobody waits', async (t) => {
    const primary = await lab.rig.settled();
    const { returned } = await failoverOf(session);
    const replicas = lab.rig.servers.filter(({ port }) => port !== primary);
    for (const replica of replicas) await replica.kill('SIGSTOP');
    const { code, stdout, stderr } = await cli(session);
    for (const replica of replicas) await replica.kill('SIGCONT');
    t.same({ code, stdout }, { code: 1, stdout: '' });
    t.match(stderr, /Nothing was changed: /);
    t.match(await failoverOf(session), { state: 'here', address: `127.0.0.1:${primary}`, returned });
  });

  await t.test('too few Sentinels: refused', async (t) => {
    await lab.rig.healthy();
    for (const i of [1, 2]) lab.rig.sentinels[i]?.signal('SIGSTOP');
    await until(
      async () =>
        /majority|NOQUORUM/.test(JSON.stringify(await session.post('/api/failover', { dryRun: true }))),
      {
        timeoutMs: 30_000,
      },
    );
    t.match(await session.post('/api/failover', {}), {
      error: 'failover_refused',
      message: /^Nothing was changed: /,
    });
    for (const i of [1, 2]) lab.rig.sentinels[i]?.signal('SIGCONT');
  });
});

t.test('without Sentinels a planned switch is refused', async (t) => {
  const proxy = await withProxy(t, { redis: await withRedis(t), secrets: { adminToken: TOKEN } });
  t.match(await proxy.post('/api/failover', {}), {
    error: 'failover_refused',
    message: /names no Sentinels/,
  });
  t.match(await proxy.post('/api/failover', { dryRun: 1 }), { error: 'body_invalid' });
  t.match(await cli(proxy, '--dry-run'), { code: 1, stderr: /names no Sentinels/ });
  const client = await withRaw(t, proxy.port);
  t.equal(String(await client.call('SET', 'k', 'v')), '+OK\r\n');
});
