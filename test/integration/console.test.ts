// PROXY on the data port, as operators use it: by redis-cli and by client libraries, in both protocols, with both kinds of
// pooling, by users with and without the right, and with several workers. What it says is what the admin address says.
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import t from 'tap';
import type { StatsSnapshot } from '../../src/observe/stats/snapshot.js';
import { need } from '../conformance/clients/apt.js';
import { Program } from '../conformance/clients/program.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { startProxyProcess } from '../support/proxy-process.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const RULES = [
  { name: 'cache', match: 'cache:*', ttl: '1h' },
  { name: 'users', match: 'user:*', durable: true },
];
const EXPLAINED = '/api/explain?key=STATS&command=PROXY';
/** What RESP2 makes of a map. */
const flat = (map: object): unknown[] => Object.entries(map).flat();

for (const pool of POOLS) {
  t.test(`libraries get what the admin address says, with ${pool} pooling`, async (t) => {
    const redis = await withRedis(t);
    const proxy = await withProxy(t, { redis, config: { upstream: { pool }, rules: RULES } });
    const io = new Redis({ port: proxy.port, protocol: 2 });
    t.teardown(() => io.disconnect());
    const node = createClient({ socket: { port: proxy.port }, RESP: 3 });
    await node.connect();
    t.teardown(() => node.destroy());

    const answers = await io
      .pipeline()
      .set('cache:1', 'v')
      .call('PROXY', 'STATS', 'ca*')
      .set('user:1', 'v')
      .call('proxy', 'version')
      .get('cache:1')
      .exec();
    const said = answers?.map(([error, answer]) => error ?? answer) ?? [];
    t.same([said[0], said[2], said[4]], ['OK', 'OK', 'v'], 'what stands around it is answered in order');
    t.match(said[1], ['cache', { 0: 'name', 1: 'cache', 2: 'writes', 3: 1 }]);

    const { rules, unregistered } = (await proxy.admin('/api/stats')) as StatsSnapshot;
    const all = Object.fromEntries([...rules, unregistered].map((rule) => [rule.name, rule]));
    t.same(plain(await node.sendCommand(['PROXY', 'STATS'])), all, 'a map, in RESP3');
    t.same(plain(await node.sendCommand(['PROXY', 'RULES'])), await proxy.admin('/api/rules'));
    const memory = plain(await node.sendCommand(['PROXY', 'MEMORY'])) as Record<string, unknown>;
    t.match(memory, { policy: 'noeviction', level: { low: { band: [0.8, 0.88] } }, timeToFull: null });
    t.match(await node.sendCommand(['PROXY', 'INFO']), /^# Spillway\r\nspillway_version:/);
    t.match(plain(await node.sendCommand(['PROXY', 'CLIENTS'])), [{ address: /^127/ }, { address: /^127/ }]);

    const resp2 = createClient({ socket: { port: proxy.port }, RESP: 2 });
    await resp2.connect();
    t.teardown(() => resp2.destroy());
    const [rule] = (await proxy.admin('/api/rules')) as object[];
    t.same(((await resp2.sendCommand(['PROXY', 'RULES'])) as unknown[])[0], flat(rule));
    await t.rejects(resp2.sendCommand(['PROXY', 'NOPE']), {
      message: "ERR unknown subcommand 'NOPE'. Try PROXY HELP.",
    });
    if (pool === 'command') {
      const { pool: pooled } = (await proxy.admin('/api/connections')) as { pool: { pins: object } };
      t.match(pooled.pins, { 'unknown-command': 0 }, 'nobody gets a connection of its own for it');
    }
  });

  t.test(`who may not run INFO does not see it, with ${pool} pooling`, async (t) => {
    const redis = await withRedis(t, ['--requirepass', 'secret']);
    const config = { upstream: { url: `redis://:secret@127.0.0.1:${redis.port}`, pool } };
    const proxy = await withProxy(t, { redis, config });
    const client = await withRaw(t, proxy.port);
    const ask = async () => (await client.call('PROXY', 'VERSION')).toString();
    t.match(await ask(), /^-NOAUTH /);
    await client.call('AUTH', 'secret');
    await client.call('ACL', 'SETUSER', 'app', 'on', '>pass', '~*', '+@all', '-info');
    t.match(await ask(), /^\$\d+\r\n\d+\.\d+\.\d+/);
    await client.call('AUTH', 'app', 'pass');
    t.match(await ask(), /^-NOPERM .*'info'/);
    t.equal((await client.call('SET', 'k', 'v')).toString(), '+OK\r\n');
    t.notMatch((await client.call('MULTI')).toString(), /^-/);
    t.match(await ask(), /^-ERR Command not allowed inside a transaction/);
    t.match((await client.call('EXEC')).toString(), /^-EXECABORT /);
  });

  t.test(
    `a client that asks and does not read is not answered on and on, with ${pool} pooling`,
    async (t) => {
      const redis = await withRedis(t);
      const rules = Array.from({ length: 1000 }, (_, i) => ({
        name: `rule-${i}`,
        match: `r${i}:*`,
        ttl: '1h',
      }));
      const proxy = await withProxy(t, { redis, config: { upstream: { pool }, rules } });
      const client = await withRaw(t, proxy.port, 30_000);
      const other = await withRaw(t, proxy.port);
      client.socket.pause();
      const ASKED = 400;
      await client.write(Buffer.concat(Array.from({ length: ASKED }, () => command('PROXY', 'STATS'))));
      const commands = async () => ((await proxy.admin('/api/connections')) as { commands: number }).commands;
      const size = (await other.call('PROXY', 'STATS')).length;
      let [asked, still] = [await commands(), 0];
      await until(
        async () => {
          // An answer for another client takes as long as one for this one would.
          await other.call('PROXY', 'STATS');
          const now = await commands();
          still = now === asked + 1 ? still + 1 : 0;
          asked = now;
          return still === 10;
        },
        { timeoutMs: 30_000, describe: 'its questions to stand still' },
      );
      t.ok(size > 400_000, `an answer is ${size} bytes`);
      t.ok(asked < ASKED / 2, `${asked} questions were asked`);
    },
  );
}

t.test('redis-cli is enough', async (t) => {
  const binary = await need(['redis-cli', 'valkey-cli'], 'redis-tools');
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const cli = async (...args: string[]) => {
    const later = (end: () => unknown) => t.teardown(() => void end());
    const { stdout } = await new Program(binary, ['-p', String(proxy.port), ...args], later).end();
    return stdout;
  };
  t.equal(await cli('SET', 'cache:1', 'v'), 'OK\n');
  t.match(await cli('PROXY', 'STATS'), /^cache\nname\ncache\nwrites\n1\n/);
  t.match(await cli('-3', 'PROXY', 'STATS', 'cache'), /writes 1\n/);
  t.match(await cli('PROXY', 'HELP'), /^PROXY <subcommand>/);
  t.match(await proxy.admin(EXPLAINED), { kind: 'passed', sends: [['INFO', 'spillway']], changed: true });
  t.match(await cli('PROXY', 'INFO'), /\nrule0:name=cache,writes=1,/);
  t.match(await cli('-3', 'PROXY', 'INFO'), /^# Spillway\r?\n/, 'text for people, not quoted');
});

t.test('switched off, Redis answers', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { console: false } });
  const client = await withRaw(t, proxy.port);
  t.match((await client.call('PROXY', 'VERSION')).toString(), /^-ERR unknown command ['`]PROXY['`]/);
  t.match(await proxy.admin(EXPLAINED), { kind: 'unknown', sends: [['PROXY', 'STATS']], changed: false });
});

t.test('each of several workers answers for all', async (t) => {
  const redis = await withRedis(t);
  const proxy = await startProxyProcess({
    config: { upstream: { url: `redis://127.0.0.1:${redis.port}` }, workers: 2, rules: RULES },
  });
  t.teardown(() => proxy.stop());
  const clients = [await withRaw(t, proxy.port, 20_000), await withRaw(t, proxy.port, 20_000)];
  for (const client of clients) await client.call('SET', 'cache:1', 'v');
  const spread = (await proxy.admin('/api/workers')) as { workers: { clients: number }[] };
  t.same(
    spread.workers.map(({ clients }) => clients),
    [1, 1],
  );
  const ask = command('PROXY', 'STATS', 'cache');
  for (const client of clients) {
    void client.write(Buffer.concat([ask, command('GET', 'cache:1'), ask, command('PING')]));
    const [first, value, second, pong] = await client.readReplies(4);
    t.match(first.toString(), /\$6\r\nwrites\r\n:2\r\n/, 'what the other one counted, too');
    t.equal(value.toString(), '$1\r\nv\r\n');
    t.match(second.toString(), /\$6\r\nwrites\r\n:2\r\n/);
    t.equal(pong.toString(), '+PONG\r\n');
  }
});

/** Maps as objects. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
}

t.test('many clients with many patterns are all answered, by one process and by workers', async (t) => {
  const redis = await withRedis(t);
  const rules = Array.from({ length: 150 }, (_, i) => ({ name: `rule${i}`, match: `r${i}:*`, ttl: '1h' }));
  for (const workers of [1, 2]) {
    const proxy = await withProxy(t, { redis, config: { rules, workers } });
    const clients = await Promise.all(rules.map(() => withRaw(t, proxy.port)));
    const replies = await Promise.all(clients.map((client, i) => client.call('PROXY', 'STATS', `rule${i}`)));
    for (const [i, reply] of replies.entries()) {
      if (!String(reply).startsWith(`*2\r\n$${`rule${i}`.length}\r\nrule${i}\r\n`)) t.fail(String(reply));
    }
    t.pass(`${workers} worker(s)`);
  }
});
