// PROXY on the data port, as operators use it: by redis-cli and by client libraries, in both protocols, with both kinds of
// pooling, by users with and without the right, and with several workers. What it says is what the admin address says.
import { spawn } from '@lydell/node-pty';
import { createClient } from 'redis';
import t, { type Test } from 'tap';
import { need } from '../conformance/clients/apt.js';
import { Program } from '../conformance/clients/program.js';
import { withIoredis } from '../support/ioredis.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { withProxyProcess } from '../support/proxy-process.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const RULES = [
  { name: 'cache', match: 'cache:*', ttl: '1h' },
  { name: 'users', match: 'user:*', durable: true },
];
const EXPLAINED = '/api/explain?key=STATS&command=PROXY';

for (const pool of POOLS) {
  t.test(`libraries get what the admin address says, with ${pool} pooling`, async (t) => {
    const redis = await withRedis(t);
    const proxy = await withProxy(t, { redis, config: { upstream: { pool }, rules: RULES } });
    const io = withIoredis(t, proxy.port, { protocol: 2 });
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
    t.match(said[1], [/^RULE +WRITES /, /^cache +1 /], 'a list of lines, in RESP2');

    const { rules, unregistered } = await proxy.admin('/api/stats');
    const all = Object.fromEntries([...rules, unregistered].map((rule) => [rule.name, rule]));
    const json = async (...words: string[]) =>
      JSON.parse(String(await node.sendCommand(['PROXY', ...words, 'JSON']))) as unknown;
    t.same(await json('STATS'), all);
    t.same(await json('RULES'), await proxy.admin('/api/rules'));
    t.match(await json('MEMORY'), {
      policy: 'noeviction',
      level: { low: { band: [0.8, 0.88] } },
      timeToFull: null,
    });
    t.match(await json('CLIENTS'), [{ address: /^127/ }, { address: /^127/ }]);
    t.match(await json('EXPLAIN', 'SET', 'cache:9', 'v'), {
      sends: [['SET', 'cache:9', 'v', 'PX', '3600000']],
    });
    t.match(await node.sendCommand(['PROXY', 'STATS']), /^RULE +WRITES .*\ncache +1 /, 'a text, in RESP3');
    t.match(await node.sendCommand(['PROXY', 'INFO']), /^# Spillway\r\nspillway_version:/);

    const resp2 = createClient({ socket: { port: proxy.port }, RESP: 2 });
    await resp2.connect();
    t.teardown(() => resp2.destroy());
    await t.rejects(resp2.sendCommand(['PROXY', 'NOPE']), {
      message: "ERR unknown subcommand 'NOPE'. Try PROXY HELP.",
    });
    if (pool === 'command') {
      const { pool: pooled } = await proxy.admin('/api/connections');
      t.match(pooled?.pins, { 'unknown-command': 0 }, 'nobody gets a connection of its own for it');
    }
  });

  t.test(`a user without INFO does not get PROXY, with ${pool} pooling`, async (t) => {
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
      await client.write(
        Buffer.concat(Array.from({ length: ASKED }, () => command('PROXY', 'STATS', 'JSON'))),
      );
      const commands = async () => (await proxy.admin('/api/connections')).commands;
      const size = (await other.call('PROXY', 'STATS', 'JSON')).length;
      let [asked, still] = [await commands(), 0];
      await until(
        async () => {
          // An answer for another client takes as long as one for this one would.
          await other.call('PROXY', 'STATS', 'JSON');
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
  const onScreen = (...args: string[]) => screenOf(t, binary, ['-p', String(proxy.port), ...args]);
  const table = /^RULE +WRITES +BYTES +HOLDS +TTLS +NO TTL +SHED\r?\ncache +1 .*\r?\nusers +0 /;
  t.match(await cli('PROXY', 'STATS'), table, 'in a pipe');
  t.match(await cli('--raw', '-3', 'PROXY', 'STATS'), table, 'in a pipe, RESP3');
  t.match(await onScreen('--raw', 'PROXY', 'STATS'), table, '--raw');
  t.match(await onScreen('-3', 'PROXY', 'STATS'), table, 'on a terminal, RESP3');
  t.match(await onScreen('PROXY', 'STATS'), /^1\) RULE +WRITES .*\r?\n2\) cache +1 /, 'on a terminal, RESP2');
  for (const words of [
    ['STATS'],
    ['RULES'],
    ['MEMORY'],
    ['CLIENTS'],
    ['PREFIXES'],
    ['EXPLAIN', 'cache:1'],
    ['HELP'],
  ])
    for (const protocol of ['-2', '-3']) {
      const lines = (await onScreen(protocol, 'PROXY', ...words)).split(/\r?\n/);
      t.same(
        lines.filter((line) => line.length > 80 || /\\n|ERR/.test(line)),
        [],
        `${words.join(' ')} ${protocol}`,
      );
    }
  t.match(JSON.parse(await cli('PROXY', 'STATS', 'cache', 'JSON')), { cache: { writes: 1 } });
  t.match(await cli('PROXY', 'EXPLAIN', 'SET', 'cache:1', 'v'), /sent as +SET cache:1 v PX 3600000/);
  t.match(await cli('PROXY', 'HELP'), /^PROXY <subcommand>/);
  t.match(await proxy.admin(EXPLAINED), { kind: 'passed', sends: [['INFO', 'spillway']], changed: true });
  t.match(await cli('PROXY', 'INFO'), /\nrule0:name=cache,writes=1,/);
  t.match(await cli('-3', 'PROXY', 'INFO'), /^# Spillway\r?\n/, 'text for people, not quoted');
});

/** What a program writes on a terminal of 80 columns. */
function screenOf(t: Test, binary: string, args: string[]): Promise<string> {
  const terminal = spawn(binary, args, { cols: 80, rows: 50 });
  t.teardown(() => terminal.kill());
  return new Promise((resolve) => {
    let text = '';
    terminal.onData((data) => {
      text += data;
    });
    terminal.onExit(() => resolve(text));
  });
}

t.test('switched off, Redis answers', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { console: false } });
  const client = await withRaw(t, proxy.port);
  t.match((await client.call('PROXY', 'VERSION')).toString(), /^-ERR unknown command ['`]PROXY['`]/);
  t.match(await proxy.admin(EXPLAINED), { kind: 'unknown', sends: [['PROXY', 'STATS']], changed: false });
});

t.test('each worker answers for all of them', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxyProcess(t, {
    config: { upstream: { url: `redis://127.0.0.1:${redis.port}` }, workers: 2, rules: RULES },
  });
  const clients = [await withRaw(t, proxy.port, 20_000), await withRaw(t, proxy.port, 20_000)];
  for (const client of clients) await client.call('SET', 'cache:1', 'v');
  const spread = await proxy.admin('/api/workers');
  t.same(
    spread.workers.map(({ clients }) => clients),
    [1, 1],
  );
  const ask = command('PROXY', 'STATS', 'cache');
  for (const client of clients) {
    void client.write(Buffer.concat([ask, command('GET', 'cache:1'), ask, command('PING')]));
    const [first, value, second, pong] = await client.readReplies(4);
    t.match(first.toString(), /\r\n\+cache +2 /, 'what the other one counted, too');
    t.equal(value.toString(), '$1\r\nv\r\n');
    t.match(second.toString(), /\r\n\+cache +2 /);
    t.equal(pong.toString(), '+PONG\r\n');
  }
});

t.test('many clients with many patterns are all answered, by one process and by workers', async (t) => {
  const redis = await withRedis(t);
  const rules = Array.from({ length: 150 }, (_, i) => ({ name: `rule${i}`, match: `r${i}:*`, ttl: '1h' }));
  for (const workers of [1, 2]) {
    const proxy = await withProxy(t, { redis, config: { rules, workers } });
    const clients = await Promise.all(rules.map(() => withRaw(t, proxy.port)));
    const replies = await Promise.all(clients.map((client, i) => client.call('PROXY', 'STATS', `rule${i}`)));
    for (const [i, reply] of replies.entries()) {
      if (!String(reply).includes(`\r\n+rule${i} `)) t.fail(String(reply));
    }
    t.pass(`${workers} worker(s)`);
  }
});
