// What the admin address tells of the recent past and of clients, from a proxy under load.
import t from 'tap';
import type { LiveSnapshot } from '../../src/observe/snapshots/live.js';
import { withIoredis } from '../support/ioredis.js';
import { withProxy } from '../support/proxy.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands } from '../support/twins.js';
import { until } from '../support/wait.js';

t.test('growth, history and the share of a pattern that grows', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '200mb']);
  const rules = [
    { name: 'cache', match: 'cache:*', ttl: '1h' },
    { name: 'sessions', match: 'session:*', ttl: '24h' },
  ];
  const proxy = await withProxy(t, { redis, config: { rules } });
  const client = await withRaw(t, proxy.port);
  const value = 'x'.repeat(1000);
  let written = 0;
  await until(
    async () => {
      // One pattern always writes the same key, the other a new one.
      for (let i = 0; i < 20; i++) {
        await client.write(command('SET', 'cache:one', value));
        await client.write(command('SET', `session:${written++}`, value));
      }
      await client.readReplies(40);
      const { rules } = await proxy.admin('/api/growth');
      const sessions = rules.find(({ name }) => name === 'sessions');
      return (sessions?.growthShare ?? 0) > 0.95 && (sessions?.writesPerSecond ?? 0) > 0;
    },
    { describe: 'sessions to be all of the growth' },
  );
  const growth = await proxy.admin('/api/growth');
  t.same(
    growth.marks.map(({ name }) => name),
    ['low begins', 'low full', 'normal begins', 'normal full', 'high begins', 'high full', 'limit'],
  );
  const history = await proxy.admin('/api/history');
  t.ok(history.at.length >= 2);
  t.ok(history.limitBytes.every((limit) => limit === null || limit === 200 * 1024 * 1024));
  t.match(await proxy.admin('/api/history?span=2h'), { intervalSeconds: 10 });
  t.match(await proxy.admin('/api/history?span=forever'), { error: 'bad_request' });
});

t.test('a change of level is an event, and so is a server that is gone and back', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '8mb']);
  const rules = [{ name: 'cache', match: 'cache:*', durable: true, priority: 'low' }];
  const config = { rules, memory: { reserve: 'off' } };
  const proxy = await withProxy(t, { redis, config });
  const client = await withRaw(t, proxy.port);
  const events = async (wanted: RegExp) =>
    (await proxy.admin('/api/events')).find(({ text }) => wanted.test(text));
  let i = 0;
  const shed = await until(async () => {
    await client.write(command('SET', `cache:${i++}`, 'x'.repeat(50_000)));
    await client.readReplies(1);
    return events(/priority low/);
  });
  t.match(shed, {
    kind: 'level',
    text: /^writes of priority low refused in part \(open → partial\) at [89]\d(?:\.\d)?%/,
  });
  await redis.stop();
  t.match(await until(() => events(/refuses connections/)), { kind: 'upstream' });
});

t.test('clients by what they have sent, with their names', async (t) => {
  const redis = await withRedis(t);
  const session = { upstream: { pool: 'session' } };
  for (const config of [session, { upstream: { pool: 'command' } }, { ...session, workers: 2 }]) {
    const proxy = await withProxy(t, { redis, config });
    const connect = async (connectionName: string, bytes: number) => {
      const client = withIoredis(t, proxy.port, { connectionName, enableReadyCheck: false });
      await client.set(connectionName, 'x'.repeat(bytes));
    };
    await connect('small', 10);
    await connect('large', 5000);
    await connect('medium', 500);
    const other = await withRaw(t, proxy.port);
    void other.write(
      commands('HELLO 3 SETNAME least', 'CLIENT SETNAME a\nb', 'MULTI', 'CLIENT SETNAME x', 'DISCARD'),
    );
    await other.readReplies(5);
    const clients = await proxy.admin('/api/clients');
    t.same(
      clients.map(({ name }) => name),
      ['large', 'medium', 'small', 'least'],
    );
    await other.call('RESET');
    await until(async () => (await proxy.admin('/api/clients'))[3].name === '');
    t.ok(clients[0].bytes > 5000 && clients[0].bytes < 6000);
    t.match(clients[0].address, /^127\.0\.0\.1:\d+$/);
    t.equal((await proxy.admin('/api/clients?limit=2')).length, 2);
    t.match(await proxy.admin('/api/clients?limit=0'), { error: 'bad_request' });
  }
});

t.test('the stream tells what the other paths do, and holds no drain up', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '50mb']);
  const proxy = await withProxy(t, { redis });
  const client = await withRaw(t, proxy.port);
  await client.write(command('SET', 'a', '1'));
  await client.readReplies(1);
  const response = await fetch(`http://127.0.0.1:${proxy.adminPort}/api/stream`);
  t.match(response.headers.get('x-content-type-options'), 'nosniff');
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!/data: .*\n\n/.test(text)) text += (await reader?.read())?.value ?? '';
  const live = JSON.parse(/data: (.*)/.exec(text)?.[1] ?? '') as LiveSnapshot;
  t.equal(live.stats.unregistered.writes, 1);
  // The event loop's own times go on, and what the keys hold is measured again and again.
  const { takenAt: _, ownTimes: __, ...stats } = live.stats;
  const steady = JSON.parse(JSON.stringify(stats), (key, value) => (key === 'holds' ? undefined : value));
  t.match(await proxy.admin('/api/stats'), steady);
  t.match(live.clients, await proxy.admin('/api/clients'));
  t.same(live.events, await proxy.admin('/api/events'));
  client.destroy();
  await proxy.running.stop(60_000);
  const rest = async () => {
    while (!(await reader?.read())?.done);
  };
  await rest().catch(() => {});
  t.pass('closed long before the grace was over, and the stream with it');
});
