// Refusing writes early, on real servers that fill up: who is refused and when, in which words, and that nothing
// else is. Readings come every few milliseconds here; every wait is for what /api/memory says.
import t, { type Test } from 'tap';
import type { MemorySnapshot } from '../../src/memory/snapshot.js';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { serverIs, withRedis } from '../support/redis.js';
import { commands, everywhere, integer, lookAt, transcript } from '../support/twins.js';
import { until } from '../support/wait.js';

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const MB = 1024 * 1024;
const RULES = [
  { name: 'low', match: 'low:*', ttl: '1h', priority: 'low' },
  { name: 'normal', match: 'normal:*', ttl: '1h' },
  { name: 'high', match: 'high:*', ttl: '1h', priority: 'high' },
  { name: 'critical', match: 'critical:*', ttl: '1h', priority: 'critical' },
];
/** No share in between: a level is reached or not. */
const STEPS = { low: ['50%', '50%'], normal: ['70%', '70%'], high: ['85%', '85%'] };
/** Servers are filled past the proxy here, for which a reserve would move the bands: integration/reserve.test.ts has that. */
const POLL = { pollInterval: '20ms', hysteresis: '1%', reserve: 'off' };
const CONFIG = { rules: RULES, memory: { ...POLL, shed: STEPS } };

const memory = (proxy: TestProxy) => proxy.admin('/api/memory');
const stats = (proxy: TestProxy) => proxy.admin('/api/stats');

async function infoNumber(direct: RawClient, name: string): Promise<number> {
  const text = String(await direct.call('INFO', 'memory'));
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1]);
}

let pads = 0;
const PAD_BYTES = 10_240;

/** Fills the server up to `share` of `limit`, within half a percent of 20 MB. */
async function fill(direct: RawClient, share: number, limit = 20 * MB): Promise<void> {
  for (;;) {
    const lacking = share * limit - (await infoNumber(direct, 'used_memory'));
    const count = Math.floor(lacking / (PAD_BYTES + 200));
    if (count <= 0) return;
    const script =
      "for i = 1, ARGV[1] do redis.call('SET', 'pad:' .. (ARGV[2] + i), string.rep('x', 10200)) end return 1";
    await direct.call('EVAL', script, 0, count, pads);
    pads += count;
  }
}

/** Waits until exactly these priorities are refused. */
async function levels(proxy: TestProxy, refused: readonly string[]): Promise<void> {
  let seen: MemorySnapshot | undefined;
  await until(
    async () => {
      seen = await memory(proxy);
      return Object.entries(seen.level).every(
        ([name, { shedShare }]) => shedShare === (refused.includes(name) ? 1 : 0),
      );
    },
    { describe: () => `${refused} to be refused; seen ${JSON.stringify(seen)}` },
  );
}

/** A server of 20 MB filled to `share`, and a proxy that refuses by STEPS. */
async function filled(t: Test, share: number, refused: readonly string[], args: readonly string[] = []) {
  const redis = await withRedis(t, ['--maxmemory', '20mb', ...args]);
  const direct = await lookAt(t, redis);
  const proxy = await withProxy(t, { redis, config: CONFIG });
  await fill(direct, share);
  await levels(proxy, refused);
  return { redis, direct, proxy };
}

/** Sends commands over a connection of their own; all that comes back up to QUIT's answer. */
const ask = async (proxy: { port: number }, ...lines: string[]): Promise<string> => {
  const all = String(await transcript(proxy.port, commands(...lines, 'QUIT')));
  return all.replace(/\+OK\r\n$/, '');
};

t.test('priorities are refused one after the other, and admitted again', async (t) => {
  const { direct, proxy } = await filled(t, 0.4, []);
  const client = await withRaw(t, proxy.port);
  const names = ['low', 'normal', 'high', 'critical'];
  const answers = async () => {
    const seen: string[] = [];
    for (const name of [...names, 'unknown']) {
      if (String(await client.call('SET', `${name}:1`, 'x')) === OOM) seen.push(name);
    }
    return seen;
  };
  t.same(await answers(), []);
  await fill(direct, 0.6);
  await levels(proxy, ['low']);
  t.same(await answers(), ['low']);
  await fill(direct, 0.75);
  await levels(proxy, ['low', 'normal']);
  t.same(await answers(), ['low', 'normal', 'unknown'], 'what has no rule counts as normal');
  await fill(direct, 0.9);
  await levels(proxy, ['low', 'normal', 'high']);
  t.same(await answers(), ['low', 'normal', 'high', 'unknown']);
  await direct.call('FLUSHALL');
  await levels(proxy, []);
  t.same(await answers(), []);
  const { levelChanges } = await memory(proxy);
  t.equal(levelChanges, 6, 'each level rose once and fell once');
  t.match(await stats(proxy), {
    upstreamOom: 0,
    rules: [{ shed: 3 }, { shed: 2 }, { shed: 1 }, { shed: 0 }],
    unregistered: { shed: 2 },
  });
});

t.test('which commands are refused, and with which replies', async (t) => {
  const { direct, proxy } = await filled(t, 0.6, ['low']);
  const is = async (name: string, wanted: string, ...lines: string[]) =>
    t.equal(await ask(proxy, ...lines), wanted, name);

  await is('the first command of a connection', OOM, 'SET low:1 x');
  await is(
    'in its place in a pipeline',
    `+OK\r\n${OOM}$1\r\nx\r\n${OOM}${OOM}+PONG\r\n`,
    'SET critical:1 x; SET low:1 y; GET critical:1; SETNX low:1 y; HSET low:1 f v; PING',
  );
  await is(
    'in RESP3',
    `+OK\r\n${OOM}_\r\n`,
    'CLIENT REPLY OFF; HELLO 3; CLIENT REPLY ON; SET low:1 x; GET low:1',
  );
  await is(
    'the options do not matter, as in Redis itself',
    OOM.repeat(4),
    'SET low:1 x EX notnum; SETEX low:1 -1 x; SET low:1 x BOGUS; MSET low:1 x low:2',
  );
  t.match(
    await ask(proxy, 'SET low:1', 'LPUSH low:1', 'NOSUCH low:1 x'),
    /^-ERR wrong.*\r\n-ERR wrong.*\r\n-ERR unknown.*\r\n$/,
    'what Redis refuses first',
  );

  await is(
    'MULTI is poisoned',
    `+OK\r\n+QUEUED\r\n${OOM}+QUEUED\r\n-EXECABORT Transaction discarded because of previous errors.\r\n:0\r\n`,
    'MULTI; SET critical:9 a; SET low:1 b; INCR critical:8; EXEC; EXISTS critical:9 critical:8',
  );
  await is(
    'DISCARD still works',
    `+OK\r\n${OOM}+OK\r\n+OK\r\n`,
    'MULTI; SET low:1 b; DISCARD; SET critical:1 x',
  );
  await is(
    'several keys: all or none',
    `${OOM}${OOM}:0\r\n`,
    'MSET critical:7 1 low:1 2; MSETNX low:1 1 critical:7 2; EXISTS critical:7',
  );
  await is(
    'where the destination decides',
    `:1\r\n${OOM}:0\r\n`,
    'SADD critical:s x; SUNIONSTORE low:d critical:s; EXISTS low:d',
  );

  await direct.call('RPUSH', 'low:l', 'a', 'b', 'c');
  await direct.call('SET', 'low:s', 'x');
  await direct.call('GEOADD', 'low:g', 13, 38, 'P');
  const [lmove, getex, getdel] = (await serverIs(6.2))
    ? ['LMOVE low:l low:m RIGHT LEFT', 'GETEX low:s EX 50', 'GETDEL low:s']
    : ['RPOPLPUSH low:l low:m', 'GET low:s', 'GET low:s'];
  await is(
    'movers, reads and what frees pass',
    '$1\r\nc\r\n$1\r\nb\r\n*1\r\n$1\r\na\r\n*1\r\n$1\r\nP\r\n:1\r\n$1\r\nx\r\n:1\r\n:1\r\n$1\r\na\r\n:0\r\n$1\r\nx\r\n:2\r\n',
    ...['RPOPLPUSH low:l low:m', lmove, 'SORT low:l ALPHA', 'GEORADIUS low:g 13 38 9 km'],
    ...[
      'EXPIRE low:s 500',
      getex,
      'PERSIST low:s',
      'EXISTS low:s',
      'LPOP low:l',
      'EXISTS low:l',
      getdel,
      'DEL low:g low:m',
    ],
  );
  await is(
    'SORT with a destination',
    `:1\r\n${OOM}:0\r\n`,
    'RPUSH critical:l a; SORT critical:l ALPHA STORE low:d; SORT low:l STORE critical:d',
  );
  t.equal(
    await ask(proxy, 'EVAL return(redis.call("SET","low:by-script","x")) 0'),
    '+OK\r\n',
    'scripts are never refused by halves',
  );

  t.equal(
    String(await transcript(proxy.port, Buffer.from('SET low:1 x\r\nPING\r\nQUIT\r\n'))),
    `${OOM}+PONG\r\n+OK\r\n`,
    'inline',
  );
  const cut = commands('SET critical:1 x', 'SET low:1 x', 'MULTI', 'SET low:1 y', 'EXEC', 'PING', 'QUIT');
  t.equal(
    String(await transcript(proxy.port, cut, everywhere(cut))),
    `+OK\r\n${OOM}+OK\r\n${OOM}-EXECABORT Transaction discarded because of previous errors.\r\n+PONG\r\n+OK\r\n`,
    'byte by byte',
  );
});

t.test('silence is kept', async (t) => {
  const { direct, proxy } = await filled(t, 0.6, ['low']);
  const is = async (name: string, wanted: string, ...lines: string[]) =>
    t.equal(await ask(proxy, ...lines), wanted, name);
  await is('SKIP', '+OK\r\n$1\r\nx\r\n', 'SET critical:1 x; CLIENT REPLY SKIP; SET low:1 x; GET critical:1');
  await is('SKIP as the first command', '+PONG\r\n', 'CLIENT REPLY SKIP', 'SET low:1 x', 'PING');
  await is('SKIP is used up', `${OOM}+PONG\r\n`, 'CLIENT REPLY SKIP', 'SET low:1 x', 'SET low:1 x', 'PING');
  await is('OFF', '+OK\r\n+PONG\r\n', 'CLIENT REPLY OFF; SET low:1 x; SET low:2 x; CLIENT REPLY ON; PING');
  await is(
    'OFF later',
    `+OK\r\n+OK\r\n${OOM}`,
    'SET critical:1 x; CLIENT REPLY OFF; SET low:1 x; CLIENT REPLY ON; SET low:1 x',
  );
  await is(
    'OFF and MULTI',
    '+OK\r\n:0\r\n',
    'CLIENT REPLY OFF; MULTI; SET critical:5 x; SET low:1 x; EXEC; CLIENT REPLY ON; EXISTS critical:5',
  );
  if (await serverIs(6.2))
    await is('RESET, then a first command again', `+RESET\r\n${OOM}`, 'RESET', 'SET low:1 x');
  await is(
    'CLIENT CACHING speaks of the refused command',
    `-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled\r\n${OOM}+PONG\r\n`,
    'CLIENT CACHING YES; SET low:1 x; PING',
  );
  t.equal(await integer(direct, 'EXISTS', 'low:1', 'low:2'), 0);
});

t.test('values of every size are refused before their bytes go up', async (t) => {
  const { direct, proxy } = await filled(t, 0.6, ['low']);
  for (const size of [1000, 20_000, 100_000, 5 * MB]) {
    const value = Buffer.alloc(size, 'v');
    const bytes = Buffer.concat([
      commands('SET critical:1 x'),
      command('SET', 'low:1', value),
      command('SET', 'low:1', value, 'EX', 10, 'NX'),
      command('MSET', 'critical:2', 'x', 'low:1', value, 'critical:3', value),
      command('HSET', 'low:1', 'f', value, 'g', value),
      commands('MULTI'),
      command('SETNX', 'low:1', value),
      commands('EXEC', 'EXISTS critical:2 low:1', 'QUIT'),
    ]);
    const before = await proxy.admin('/api/connections');
    t.equal(
      String(await transcript(proxy.port, bytes)),
      `+OK\r\n${OOM.repeat(4)}+OK\r\n${OOM}-EXECABORT Transaction discarded because of previous errors.\r\n:0\r\n+OK\r\n`,
      `${size} bytes`,
    );
    const after = await proxy.admin('/api/connections');
    t.ok(after.bytesToUpstream - before.bytesToUpstream < 500, `${size}: nothing of it went up`);
  }
  t.ok((await infoNumber(direct, 'used_memory')) < 13 * MB);
  // The MSET of 5 MB twice is more than is left even for a critical key, which then is the one that decides.
  const sheds = (await stats(proxy)).rules.map(({ shed }) => shed);
  t.equal(sheds[0], 19);
  t.equal(
    sheds.reduce((sum, shed) => sum + shed, 0),
    20,
  );
});

t.test('NOAUTH comes first', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '20mb', '--requirepass', 'secret']);
  const direct = await lookAt(t, redis);
  await direct.call('AUTH', 'secret');
  const url = `redis://:secret@127.0.0.1:${redis.port}`;
  const proxy = await withProxy(t, { redis, config: { ...CONFIG, upstream: { url } } });
  await fill(direct, 0.6);
  await levels(proxy, ['low']);
  const noauth = '-NOAUTH Authentication required.\r\n';
  t.equal(await ask(proxy, 'SET low:1 x'), noauth, 'as the first command');
  t.equal(await ask(proxy, 'SET low:1 x', 'AUTH secret', 'SET low:1 x'), `${noauth}+OK\r\n${OOM}`);
  if (await serverIs(6.2))
    t.equal(
      await ask(proxy, 'AUTH secret', 'SET low:1 x', 'RESET', 'SET low:1 x'),
      `+OK\r\n${OOM}+RESET\r\n${noauth}`,
    );
  const large = Buffer.concat([command('SET', 'low:1', Buffer.alloc(30_000)), commands('PING', 'QUIT')]);
  const seen = String(await transcript(proxy.port, large));
  t.notMatch(seen, /OOM/, 'a large bulk');
  t.match(seen, /^-(NOAUTH|ERR Protocol error: unauthenticated bulk length)/, 'has the refusal of Redis');
});

t.test('a single value larger than the free memory is refused', async (t) => {
  const { direct, proxy } = await filled(t, 0.4, []);
  const client = await withRaw(t, proxy.port, 20_000);
  await until(async () => ((await memory(proxy)).headroomBytes ?? 0) > 5 * MB);
  t.equal(String(await client.call('SET', 'critical:fits', Buffer.alloc(2 * MB))), '+OK\r\n');
  const used = await infoNumber(direct, 'used_memory');
  t.equal(
    String(await client.call('SET', 'critical:big', Buffer.alloc(30 * MB))),
    OOM,
    'critical, too: Redis would overshoot',
  );
  t.equal(String(await client.call('APPEND', 'critical:big', Buffer.alloc(30 * MB))), OOM);
  t.ok((await infoNumber(direct, 'used_memory')) < used + MB, 'nothing of it went up');
  t.equal(String(await client.call('SET', 'critical:1', 'x')), '+OK\r\n', 'the connection lives');
});

t.test('a share of the keys, always the same ones', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  const direct = await lookAt(t, redis);
  const config = { rules: RULES, memory: { ...POLL, hysteresis: '5%', shed: { low: ['40%', '80%'] } } };
  const [one, other] = [await withProxy(t, { redis, config }), await withProxy(t, { redis, config })];
  await fill(direct, 0.6, 100 * MB);
  for (const proxy of [one, other]) await until(async () => (await memory(proxy)).level.low.shedShare > 0.4);
  const refused = async (proxy: TestProxy) => {
    const client = await withRaw(t, proxy.port);
    const keys = Array.from({ length: 400 }, (_, i) => `low:${i}`);
    // Those that are written again may pass.
    await client.call('DEL', ...keys);
    void client.write(Buffer.concat(keys.map((key) => command('SET', key, 'x'))));
    const replies = await client.readReplies(keys.length);
    return keys.filter((_, i) => String(replies[i]) === OOM);
  };
  const first = await refused(one);
  t.ok(first.length > 130 && first.length < 270, `${first.length} of 400 at about a half`);
  const differing = (a: string[], b: string[]) => a.filter((key) => !b.includes(key)).length;
  // Pressure may move a little between the two: buffers of clients come and go.
  t.ok(differing(first, await refused(one)) <= 12, 'the same keys again');
  t.ok(differing(first, await refused(other)) <= 12, 'and by another proxy');
});

t.test('the eviction policy decides whether shedding makes sense', async (t) => {
  t.test('allkeys-lru is left alone at its limit', async (t) => {
    const redis = await withRedis(t, ['--maxmemory', '20mb', '--maxmemory-policy', 'allkeys-lru']);
    const direct = await lookAt(t, redis);
    const proxy = await withProxy(t, { redis, config: CONFIG });
    await fill(direct, 0.99);
    const { polls } = await memory(proxy);
    const seen = await until(async () => {
      const now = await memory(proxy);
      return now.polls > polls + 1 && now;
    });
    t.match(seen, { active: false, headroomBytes: null, reason: /allkeys-lru/ });
    t.ok((seen.usedShare ?? 0) > 0.95);
    t.ok((seen.pressure ?? 1) < 0.5, 'all that keys hold can be evicted');
    t.equal(await ask(proxy, 'SET low:1 x'), '+OK\r\n');
  });

  t.test('volatile-lru sheds when no key has a TTL', async (t) => {
    const { proxy } = await filled(t, 0.6, ['low'], ['--maxmemory-policy', 'volatile-lru']);
    t.equal(await ask(proxy, 'SET low:1 x'), OOM);
    t.match(await memory(proxy), { active: true, reason: /volatile-lru/ });
  });

  t.test("a limit of one's own where the server has none", async (t) => {
    const redis = await withRedis(t, []);
    const direct = await lookAt(t, redis);
    const proxy = await withProxy(t, {
      redis,
      config: { ...CONFIG, memory: { ...CONFIG.memory, limit: '20mb' } },
    });
    await fill(direct, 0.6);
    await levels(proxy, ['low']);
    t.equal(await ask(proxy, 'SET low:1 x', 'SET critical:1 x'), `${OOM}+OK\r\n`);
    const bare = await withProxy(t, { redis, config: CONFIG });
    t.equal(await ask(bare, 'SET low:1 x'), '+OK\r\n', 'no limit, no shedding');
    t.match(await memory(bare), { active: false, pressure: null });
  });

  t.test('shedWhen "never" and "always"', async (t) => {
    const redis = await withRedis(t, ['--maxmemory', '20mb', '--maxmemory-policy', 'allkeys-lru']);
    const direct = await lookAt(t, redis);
    const config = (shedWhen: string) => ({ ...CONFIG, memory: { ...CONFIG.memory, shedWhen } });
    const always = await withProxy(t, { redis, config: config('always') });
    const never = await withProxy(t, { redis, config: config('never') });
    await fill(direct, 0.6);
    await levels(always, ['low']);
    t.equal(await ask(always, 'SET low:1 x'), OOM);
    t.equal(await ask(never, 'SET low:1 x'), '+OK\r\n');
  });
});

t.test("Redis's own OOM raises the level at once, whatever was read last", async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '20mb']);
  const direct = await lookAt(t, redis);
  const config = { rules: RULES, memory: { pollInterval: '1m', staleAfter: '5m' } };
  const proxy = await withProxy(t, { redis, config });
  t.equal(await ask(proxy, 'SET low:1 x', 'SET high:1 x'), '+OK\r\n+OK\r\n');
  // Between two readings the limit falls below what is there.
  await direct.call('CONFIG', 'SET', 'maxmemory', '500kb');
  const client = await withRaw(t, proxy.port);
  t.equal(String(await client.call('SET', 'critical:1', 'x')), OOM, 'from Redis');
  t.equal((await stats(proxy)).upstreamOom, 1);
  // The next reading would be due in a minute; the one that the OOM asks for is at hand.
  await levels(proxy, ['low', 'normal', 'high']);
  t.equal(String(await client.call('SET', 'low:1', 'x')), OOM);
  t.equal(String(await client.call('SET', 'high:1', 'x')), OOM);
  t.match(
    await stats(proxy),
    { upstreamOom: 1, rules: [{ shed: 1 }, {}, { shed: 1 }, { shed: 0 }] },
    'refused here',
  );
});

t.test('observe mode refuses nothing and counts what it would have', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '20mb']);
  const direct = await lookAt(t, redis);
  const proxy = await withProxy(t, { redis, config: { ...CONFIG, mode: 'observe' } });
  await fill(direct, 0.75);
  await levels(proxy, ['low', 'normal']);
  t.equal(
    await ask(proxy, 'SET low:1 x; MSET low:2 x critical:1 y; MULTI; SET normal:1 x; EXEC; TTL low:1'),
    '+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n:-1\r\n',
  );
  t.match((await stats(proxy)).rules, [
    { shed: 0, wouldShed: 2 },
    { shed: 0, wouldShed: 1 },
    { wouldShed: 0 },
    { wouldShed: 0 },
  ]);
});

t.test('a rule of its own mode', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '20mb']);
  const direct = await lookAt(t, redis);
  const rules = [{ ...RULES[0], name: 'staged', match: 'low:staged:*', mode: 'observe' }, ...RULES];
  const proxy = await withProxy(t, { redis, config: { ...CONFIG, rules } });
  await fill(direct, 0.6);
  await levels(proxy, ['low']);
  t.equal(await ask(proxy, 'SET low:staged:1 x', 'SET low:1 x'), `+OK\r\n${OOM}`);
});

t.test('a reading that is too old', async (t) => {
  const args = ['--maxmemory', '20mb', '--user', 'monitor', 'on', '>pw', '~*', '+@all'];
  const redis = await withRedis(t, args);
  const direct = await lookAt(t, redis);
  const url = `redis://monitor:pw@127.0.0.1:${redis.port}`;
  const start = (onStale: string) =>
    withProxy(t, {
      redis,
      config: { ...CONFIG, upstream: { url }, memory: { ...CONFIG.memory, staleAfter: '300ms', onStale } },
    });
  const [admits, holds] = [await start('admit'), await start('hold')];
  await fill(direct, 0.6);
  for (const proxy of [admits, holds]) {
    await levels(proxy, ['low']);
    t.equal(await ask(proxy, 'SET low:1 x'), OOM);
  }
  await direct.call('ACL', 'SETUSER', 'monitor', '-info');
  for (const proxy of [admits, holds]) await until(async () => (await memory(proxy)).stale);
  await levels(admits, []);
  t.equal(await ask(admits, 'SET low:1 x'), '+OK\r\n');
  t.equal(await ask(holds, 'SET low:1 x'), OOM);
  const ready = await fetch(`http://127.0.0.1:${admits.adminPort}/readyz`);
  t.equal(ready.status, 200, 'clients are served');
  t.match(
    await ready.json(),
    { ready: true, reasons: [/stale: .*may run INFO/] },
    'but somebody should know',
  );
  t.match(await memory(admits), { reason: /^off: without a fresh reading/ });
  t.match(await memory(holds), { reason: /^on: / });
  await direct.call('ACL', 'SETUSER', 'monitor', '+info');
  await levels(admits, ['low']);
  t.equal(await ask(admits, 'SET low:1 x'), OOM);
});

t.test('a monitor that may not read at all refuses nothing', async (t) => {
  const args = ['--maxmemory', '20mb', '--user', 'monitor', 'on', '>pw', '~*', '+@all', '-info'];
  const redis = await withRedis(t, args);
  const direct = await lookAt(t, redis);
  await fill(direct, 0.95);
  const proxy = await withProxy(t, {
    redis,
    config: { ...CONFIG, upstream: { url: `redis://monitor:pw@127.0.0.1:${redis.port}` } },
  });
  t.equal(await ask(proxy, 'SET low:1 x'), '+OK\r\n');
  t.match(await memory(proxy), { pressure: null, active: false });
});

t.test('writers at full speed never reach the limit, and freed memory admits them again', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '20mb']);
  const direct = await lookAt(t, redis);
  const proxy = await withProxy(t, { redis, config: { rules: RULES, memory: POLL } });
  let peak = 0;
  const write = async (client: RawClient, round: number) => {
    const value = Buffer.alloc(2000, 'v');
    const writes = Array.from({ length: 400 }, (_, i) =>
      command('SET', `${i % 2 === 0 ? 'low' : 'normal'}:${round}:${i}`, value),
    );
    void client.write(Buffer.concat(writes));
    const replies = await client.readReplies(writes.length);
    return replies.filter((reply) => String(reply) === OOM).length;
  };
  const client = await withRaw(t, proxy.port);
  let refused = 0;
  for (let round = 0; round < 40; round++) {
    refused += await write(client, round);
    peak = Math.max(peak, await infoNumber(direct, 'used_memory'));
  }
  t.ok(refused > 1000, `${refused} refused`);
  t.ok(peak < 0.985 * 20 * MB, `peak ${peak}`);
  t.equal((await stats(proxy)).upstreamOom, 0);
  await direct.call('FLUSHALL');
  await levels(proxy, []);
  t.equal(await write(client, 99), 0);
});

t.test('a burst between two readings counts as it goes up', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '20mb']);
  const direct = await lookAt(t, redis);
  const config = { rules: RULES, memory: { pollInterval: '1m', staleAfter: '5m' } };
  const proxy = await withProxy(t, { redis, config });
  const client = await withRaw(t, proxy.port, 20_000);
  const value = Buffer.alloc(10_000, 'v');
  const writes = Array.from({ length: 4000 }, (_, i) =>
    command('SET', `${i % 2 === 0 ? 'low' : 'normal'}:${i}`, value),
  );
  void client.write(Buffer.concat(writes));
  const replies = (await client.readReplies(writes.length)).map(String);
  const refused = replies.filter((reply) => reply === OOM).length;
  t.ok(refused > 1500 && refused < 3500, `${refused} of 4000 refused, 40 MB in all`);
  t.ok((await infoNumber(direct, 'used_memory')) < 0.98 * 20 * MB);
  t.equal((await stats(proxy)).upstreamOom, 0, 'none by Redis itself');
  t.ok(
    replies.slice(0, 500).every((reply) => reply === '+OK\r\n'),
    'not before there was need',
  );
});
