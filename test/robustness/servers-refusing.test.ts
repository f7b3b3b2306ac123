// Servers that refuse: full of clients, replicas, unable to save, or without their cluster. The client gets the
// server's own words, as without a proxy, follow-ups stay unseen, and when it is over all works as before.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { POOL } from '../support/proxy.js';
import { type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands, integer, lookAt, type Twins, withTwins } from '../support/twins.js';
import { until } from '../support/wait.js';
import { asDirect, ending, unreadiness, untilInfo, untilReady } from './servers-both.js';

const CONFIG = { rules: [{ name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all' }] };
/** Writes that are rewritten or followed up, plain ones and in a transaction, and reads among them. */
const LINES = [
  ...[
    'GET a',
    'SET a 1',
    'SETNX b 1',
    'MSET a 1 c 2',
    'APPEND d x',
    'GETSET e 1',
    'SETEX f 100000 1',
    'PING',
  ],
  ...['MULTI', 'SETNX g 1', 'GET g', 'INCR h', 'EXEC', 'INCR i', 'DEL a b c d e f g h i', 'GET i'],
];

async function answers(client: RawClient): Promise<Buffer[]> {
  void client.write(commands(...LINES));
  return client.readReplies(LINES.length);
}

/** The proxy's rules are at work: a follow-up's TTL is there. */
async function rulesWork(t: Test, { proxy, behind }: Twins): Promise<void> {
  const [client, direct] = [await withRaw(t, proxy.port), await lookAt(t, behind)];
  t.equal(String(await client.call('SETNX', 'with-ttl', 1)), ':1\r\n', 'a write passes');
  t.ok((await integer(direct, 'PTTL', 'with-ttl')) > 0, 'and gets its TTL');
}

t.test('a server that is full of clients', { timeout: 60_000 }, async (t) => {
  const twins = await withTwins(t, CONFIG, ['--maxclients', '12']);
  const { proxy, behind } = twins;
  const monitor = await lookAt(t, behind);
  await asDirect(t, twins, 'maxclients', async ({ port, open, direct }) => {
    const crowd: RawClient[] = [];
    for (let full = false; !full; ) {
      const client = await direct();
      void client.write('PING\r\n');
      await until(() => client.peek().length > 0 || client.closed);
      full = client.closed || !String(client.peek()).startsWith('+');
      crowd.push(client);
    }
    const late = await open();
    // Who shares connections has none before it asks for something.
    if (POOL === 'command' && port === proxy.port) void late.write('PING\r\n');
    const refused = await ending(late);
    for (const client of crowd) client.destroy();
    // It takes the server a moment to see that they are gone.
    const after = await until(
      async () => {
        const client = await open();
        const answer = await client.call('PING').catch(() => undefined);
        return String(answer) === '+PONG\r\n' && client;
      },
      { timeoutMs: 20_000 },
    );
    return [refused, ...(await answers(after))];
  });

  const crowd: RawClient[] = [];
  await until(
    async () => {
      const id = /^.*id=(\d+) .* name=spillway-monitor /m.exec(
        String(await monitor.call('CLIENT', 'LIST')),
      )?.[1];
      if (id !== undefined) await monitor.call('CLIENT', 'KILL', 'ID', id);
      crowd.push(await withRaw(t, behind.port));
      return (await unreadiness(twins))?.includes('Spillway cannot reach the server');
    },
    { timeoutMs: 20_000, describe: 'the memory monitor to find no place' },
  );
  for (const client of crowd) client.destroy();
  t.comment(`ready ${await untilReady(twins)} ms after there was room`);
  await until(async () => (await proxy.admin('/api/memory')).stale === false, {
    timeoutMs: 20_000,
  });
  await rulesWork(t, twins);
});

t.test(
  'a server that is full of clients while the memory monitor has its connection',
  { timeout: 60_000 },
  async (t) => {
    const twins = await withTwins(t, CONFIG, ['--maxclients', '12']);
    const { proxy, behind } = twins;
    await untilReady(twins);
    const crowd: RawClient[] = [];
    const isFull = async (): Promise<boolean> => {
      const client = await withRaw(t, behind.port);
      crowd.push(client);
      return String(await client.call('PING').catch(() => client.peek())) !== '+PONG\r\n';
    };
    await until(isFull, { describe: 'the server to be full' });
    const late = await withRaw(t, proxy.port);
    void late.write('PING\r\n');
    t.match(await ending(late), /^-ERR max number of clients/);
    const reason = await until(() => unreadiness(twins), { describe: 'the proxy to be unready' });
    t.match(reason, /accepts no new connection: ERR max number of clients reached/);
    for (const client of crowd) client.destroy();
    await untilReady(twins);
    await rulesWork(t, twins);
  },
);

t.test('a server that becomes a replica and a primary again', { timeout: 60_000 }, async (t) => {
  const master = await withRedis(t);
  const twins = await withTwins(t, CONFIG);
  await (await lookAt(t, master)).call('SET', 'a', 'of the master');
  await asDirect(t, twins, '-READONLY', async ({ open, direct }) => {
    const [client, blocked, watching, admin] = [await open(), await open(), await open(), await direct()];
    const before = await answers(client);
    void blocked.write(commands('BLPOP q 0', 'SETNX r 1'));
    await untilInfo(admin, 'clients', 'blocked_clients:1');
    void watching.write(commands('WATCH a', 'MULTI', 'SETNX s 1'));
    await watching.readReplies(3);
    await admin.call('REPLICAOF', '127.0.0.1', master.port);
    await untilInfo(admin, 'replication', 'master_link_status:up');
    void watching.write(commands('EXEC', 'PING'));
    const seen = [
      ...before,
      await ending(blocked),
      ...(await watching.readReplies(2)),
      ...(await answers(client)),
    ];
    await admin.call('REPLICAOF', 'NO', 'ONE');
    return [...seen, ...(await answers(client)), ...(await answers(await open()))];
  });
  await rulesWork(t, twins);
});

t.test('a server that cannot save', async (t) => {
  const twins = await withTwins(t, CONFIG, ['--save', '3600 100000', '--enable-protected-configs', 'yes']);
  await asDirect(t, twins, '-MISCONF', async ({ open, direct }) => {
    const [client, admin] = [await open(), await direct()];
    await client.call('PING');
    const folder = /\r\n(\/.*)\r\n$/.exec(String(await admin.call('CONFIG', 'GET', 'dir')))?.[1] ?? '';
    // A snapshot cannot take the name of a folder.
    await mkdir(join(folder, 'taken'));
    await admin.call('CONFIG', 'SET', 'dbfilename', 'taken');
    await admin.call('BGSAVE');
    await untilInfo(admin, 'persistence', 'rdb_last_bgsave_status:err');
    const refused = await answers(client);
    // So that it can end without a snapshot, too.
    await admin.call('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no', 'save', '');
    return [...refused, ...(await answers(client))];
  });
  await rulesWork(t, twins);
});

t.test('a server whose cluster is down', { timeout: 60_000 }, async (t) => {
  const twins = await withTwins(t, CONFIG, ['--cluster-enabled', 'yes']);
  await asDirect(t, twins, '-CLUSTERDOWN', async ({ open, direct }) => {
    const [client, admin] = [await open(), await direct()];
    const down = await answers(client);
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
    await until(async () => String(await admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok'), {
      timeoutMs: 20_000,
    });
    return [...down, ...(await answers(client))];
  });
  await rulesWork(t, twins);
});
