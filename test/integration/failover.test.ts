// A primary behind real Sentinels that fails over under writers, through a proxy of each kind (both POOLS, one process and two
// workers) at once: no acknowledged write is lost, and with command pooling a planned failover ends no connection.
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type EventOutcome, FailoverLab, failoverOf, type Through } from '../support/failover-lab.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { connectRaw, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { withSentinel } from '../support/sentinel.js';
import { until } from '../support/wait.js';

const name = ({ pool, workers }: { pool: string; workers: number }) => `${pool} pooling, workers ${workers}`;

/** Begins a failover at the Sentinel at port $1, and 60 ms after the announcement gives a job at the server at port $2. */
const LATE = `
exec 3<>/dev/tcp/127.0.0.1/$1 4<>/dev/tcp/127.0.0.1/$1 5<>/dev/tcp/127.0.0.1/$2
printf 'SUBSCRIBE +failover-state-send-slaveof-noone\r\n' >&3
for i in 1 2 3 4 5 6; do read -r line <&3; done
until printf 'SENTINEL FAILOVER mymaster\r\n' >&4; read -r line <&4; [[ $line == +OK* ]]; do sleep 0.2; done
until read -r line <&3; [[ $line == slave* ]]; do :; done
sleep 0.06
printf 'LPUSH late one\r\n' >&5
read -r line <&5`;

function nothingLost(t: Test, { played }: EventOutcome): void {
  for (const each of played) {
    const { lost, acknowledged, longestGapMs, errors, reconnects } = each;
    t.comment(
      `${name(each)}: ${acknowledged} acknowledged, gap ${longestGapMs} ms, ${errors.length} errors, ${reconnects} reconnects`,
    );
    t.same(
      lost.slice(0, 3),
      [],
      `${name(each)}: ${lost.length} of ${acknowledged} acknowledged writes are lost`,
    );
  }
}

t.test('no kind of failover loses an acknowledged write', async (t) => {
  const lab = await FailoverLab.start(t);

  await t.test('SENTINEL FAILOVER', async (t) => {
    const outcome = await lab.planned();
    nothingLost(t, outcome);
    for (const { pool, errors, reconnects } of outcome.played) {
      if (pool !== 'command') continue;
      t.equal(reconnects, 0, 'no connection ended');
      // A process that read the announcement late does not pass on what the old primary still answered.
      t.ok(errors.length <= 4, `at most what each of the four writers had under way: ${errors.length}`);
      for (const error of errors) t.match(error, /the command may or may not have been executed/);
    }
  });

  await t.test('the promotion takes 5 s, and the Sentinel that leads it does not answer', async (t) => {
    nothingLost(t, await lab.promotedLate(5000));
  });

  await t.test(
    'a worker learns of the pause late: no reply that it reads then reaches a client',
    async (t) => {
      const { proxy } = lab.proxies.find(
        ({ variant }) => variant.pool === 'session' && variant.workers > 1,
      ) as Through;
      const { workers } = (await proxy.admin('/api/workers')) as { workers: { pid: number }[] };
      const primary = await lab.rig.settled();
      const direct = await withRaw(t, primary);
      const client = await withRaw(t, proxy.port);
      void client.write('*3\r\n$5\r\nBLPOP\r\n$4\r\njobs\r\n$1\r\n0\r\n');
      await until(async () => /cmd=blpop/.test(String(await direct.call('CLIENT', 'LIST'))));
      for (const { pid } of workers) process.kill(pid, 'SIGSTOP');
      try {
        await until(() => lab.ask('failover'));
        await until(async () => (await failoverOf(proxy)).state === 'paused');
        await direct.call('LPUSH', 'jobs', 'one');
        // Longer than replies may take that were under way.
        await delay(60);
      } finally {
        for (const { pid } of workers) process.kill(pid, 'SIGCONT');
      }
      t.equal(
        String(await client.readUntilClosed()),
        '',
        'the old primary gave the job, the new one may still have it',
      );
      await lab.rig.moved(primary);
    },
  );

  await t.test('a process reads the announcement late: as little as a worker does', async (t) => {
    const { proxy } = lab.proxies.find(
      ({ variant }) => variant.pool === 'session' && variant.workers === 1,
    ) as Through;
    const primary = await lab.rig.settled();
    const direct = await withRaw(t, primary);
    const client = await withRaw(t, proxy.port);
    void client.write('*3\r\n$5\r\nBLPOP\r\n$4\r\nlate\r\n$1\r\n0\r\n');
    await until(async () => /cmd=blpop/.test(String(await direct.call('CLIENT', 'LIST'))));
    // From before the announcement until after it this process, and the proxy in it, reads nothing.
    execFileSync('bash', ['-c', LATE, 'late', String(lab.rig.sentinels[0]?.port), String(primary)]);
    t.equal(
      String(await client.readUntilClosed()),
      '',
      'the old primary gave the job, the new one may still have it',
    );
    await lab.rig.moved(primary);
  });

  await t.test('the primary freezes and wakes', async (t) => {
    nothingLost(t, await lab.frozen(0));
  });

  await t.test('the primary is killed', async (t) => {
    nothingLost(t, await lab.killed());
  });

  for (const { variant, proxy } of lab.proxies) {
    const { failover } = (await proxy.admin('/api/connections')) as { failover: unknown };
    t.match(failover, { state: 'here', reason: null, blind: null, timedOut: 0 }, name(variant));
    const events = (await proxy.admin('/api/events')) as { text: string }[];
    const said = events.filter(({ text }) =>
      /^primary is now .*, was .*, paused \d+\.\d\d s, \d+ clients? waited$/.test(text),
    );
    t.ok(said.length >= 3, 'each switch is an event');
    t.match(await proxy.admin('/readyz'), { ready: true });
    t.equal((await failoverOf(proxy)).blind, null);
  }
});

t.test('no primary at the start, and none when a pause runs out', async (t) => {
  const redis = await withRedis(t);
  const sentinel = await withSentinel(t, redis.port);
  const look = await withRaw(t, sentinel.port);
  const name = 'later';
  const proxies = await Promise.all(
    POOLS.map((pool) => {
      const url = `redis-sentinel://127.0.0.1:${sentinel.port}/${name}`;
      return withProxy(t, { redis, config: { upstream: { url, pool, failover: { pause: '1s' } } } });
    }),
  );
  const ready = async ({ adminPort }: { adminPort: number | undefined }) => {
    const response = await fetch(`http://127.0.0.1:${adminPort}/readyz`);
    return { status: response.status, ...((await response.json()) as { reasons: string[]; state: string }) };
  };

  for (const proxy of proxies) {
    t.match(await ready(proxy), {
      status: 503,
      state: 'down',
      reasons: [/^there is no primary: fewer than 1 of 1 Sentinels .* it knows no primary "later"/],
    });
    await t.rejects(connectRaw(proxy.port), { code: 'ECONNREFUSED' });
  }
  await look.call('SENTINEL', 'MONITOR', name, '127.0.0.1', redis.port, '1');
  for (const proxy of proxies) {
    await until(async () => (await ready(proxy)).status === 200);
    const client = await withRaw(t, proxy.port);
    t.equal(String(await client.call('SET', 'k', 'v')), '+OK\r\n');
    const halfClosed = await withRaw(t, proxy.port);
    void halfClosed.write(Buffer.from('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'));
    halfClosed.end();
    t.equal(String(await halfClosed.readUntilClosed()), '$1\r\nv\r\n', 'who sends no more gets its reply');
  }

  const clients = await Promise.all(proxies.map(({ port }) => withRaw(t, port)));
  for (const client of clients) await client.call('PING');
  await redis.kill('SIGKILL');
  for (const [i, proxy] of proxies.entries()) {
    await until(async () => (await ready(proxy)).status === 503);
    t.match(await ready(proxy), { state: 'down', reasons: [/no primary within 1 s: .*ECONNREFUSED/] });
    await clients[i]?.readUntilClosed();
    await t.rejects(connectRaw(proxy.port), { code: 'ECONNREFUSED' });
  }
  await redis.restart();
  for (const proxy of proxies) {
    await until(async () => (await ready(proxy)).status === 200);
    const client = await withRaw(t, proxy.port);
    t.equal(String(await client.call('SET', 'k', 'v')), '+OK\r\n');
    t.match(await failoverOf(proxy), { state: 'here', timedOut: 1 });
  }
});
