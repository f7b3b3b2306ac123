// What is refused between two readings, on real servers, in both kinds of pooling and with two workers: what clients only
// announce, or have waiting at the server, closes no gate; and behind commands that free memory or change its limit
// nothing is refused, though no reading was due. Readings come once a minute here, or when something asks for one.
import t, { type Test } from 'tap';
import { POOLS, type TestProxy, withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const MB = 1024 * 1024;
const rules = [
  { name: 'low', match: 'low:*', ttl: '1h', priority: 'low' },
  { name: 'critical', match: 'critical:*', durable: true, priority: 'critical' },
];
const WAYS = [
  { pool: 'session', workers: 1 },
  { pool: 'command', workers: 1 },
  { pool: 'session', workers: 2 },
] as const;

async function start(
  t: Test,
  way: (typeof WAYS)[number],
  pollInterval: string,
  maxmemory = '64mb',
  memory: object = {},
) {
  const redis = await withRedis(t, ['--maxmemory', maxmemory, '--enable-debug-command', 'yes']);
  const direct = await withRaw(t, redis.port);
  const { pool, workers } = way;
  const config = {
    rules,
    workers,
    upstream: { pool },
    memory: { pollInterval, staleAfter: '5m', ...memory },
  };
  return { redis, direct, proxy: await withProxy(t, { redis, config }) };
}

const name = ({ pool, workers }: (typeof WAYS)[number]): string => `${pool} pooling, ${workers} worker(s)`;

/** How many of the writes are taken: by each priority 20, over connections of all workers. */
async function taken(proxy: TestProxy, t: Test): Promise<number> {
  let ok = 0;
  for (let client = 0; client < 4; client++) {
    const raw = await withRaw(t, proxy.port);
    for (const key of ['low', 'normal', 'critical']) {
      for (let i = 0; i < 5; i++) {
        if (String(await raw.call('SET', `${key}:${i}`, 'x')) === '+OK\r\n') ok++;
      }
    }
    raw.destroy();
  }
  return ok;
}

/** Waits until all of them are taken; says what Spillway knew if that does not come. */
async function allTaken(proxy: TestProxy, t: Test, after: string): Promise<void> {
  let last = 0;
  const all = async () => {
    last = await taken(proxy, t);
    return last === 60;
  };
  await until(all, { timeoutMs: 60_000, describe: () => `all writes ${after}, of 60 ${last}` }).catch(
    async (error) => {
      t.comment(JSON.stringify(await proxy.admin('/api/memory')));
      throw error;
    },
  );
}

for (const way of WAYS) {
  t.test(`an announced length does not count as growth (${name(way)})`, async (t) => {
    const { proxy, direct } = await start(t, way, '100ms', '100mb');
    const half = async (head: string, bytes: number): Promise<RawClient> => {
      const client = await withRaw(t, proxy.port);
      await client.call('PING');
      await client.write(`${head}${'z'.repeat(bytes)}`);
      return client;
    };
    // On a server of 100 MB, which holds on to some of the announced memory for two seconds itself.
    for (let i = 0; i < 3; i++)
      await half(`*3\r\n$3\r\nSET\r\n$10\r\ncritical:${i}\r\n$24000000\r\n`, 20_000);
    await half('*1000001\r\n$4\r\nMSET\r\n$2\r\nk1\r\n$100000\r\n', 20_000);
    await half('*500002\r\n$5\r\nRPUSH\r\n$4\r\nlist\r\n$100000\r\n', 20_000);
    await until(async () => {
      const clients = String(await direct.call('CLIENT', 'LIST'));
      return (clients.match(/qbuf=[1-9]\d{4}/g) ?? []).length >= 3;
    });
    await allTaken(proxy, t, 'behind half commands');
    t.pass('what is announced closes no gate');
    // What stands at the server, unanswered for as long as it likes.
    const blocked = await withRaw(t, proxy.port);
    void blocked.write(command('BLPOP', 'none', 0));
    for (let i = 0; i < 65; i++) void blocked.write(command('SET', 'behind', Buffer.alloc(MB)));
    const queued = await withRaw(t, proxy.port);
    void queued.write('MULTI\r\n');
    for (let i = 0; i < 5; i++) void queued.write(command('SET', `queued:${i}`, Buffer.alloc(MB)));
    await queued.readReplies(6);
    await allTaken(proxy, t, 'beside commands that wait');
    t.pass('nor does what waits');
    blocked.destroy();
    queued.destroy();
  });

  t.test(`behind what may free memory nothing is refused (${name(way)})`, async (t) => {
    const { proxy, direct } = await start(t, way, '1m', '20mb');
    const pad = async (): Promise<void> => {
      await direct.call('FLUSHALL');
      for (let i = 0; i < 13; i++) await direct.call('SET', `pad:${i}`, Buffer.alloc(MB));
    };
    const client = await withRaw(t, proxy.port);
    const refused = async (): Promise<boolean> => String(await client.call('SET', 'low:1', 'x')) === OOM;
    /** Makes the proxy see a server at 81%: an answered command has it read. */
    const fillUp = async (): Promise<void> => {
      await pad();
      await client.call('MEMORY', 'PURGE');
      await until(refused);
    };
    const reliefs: string[][] = [
      ['FLUSHALL'],
      ['CONFIG SET maxmemory 100mb'],
      ['CONFIG SET maxmemory 1', 'CONFIG SET maxmemory 100mb'],
      ['MULTI', 'FLUSHALL', 'EXEC'],
      ['FLUSHDB ASYNC'],
      ['SWAPDB 0 1', 'FLUSHALL'],
      ['DEBUG RELOAD', 'FLUSHALL'],
    ];
    for (const lines of reliefs) {
      await direct.call('CONFIG', 'SET', 'maxmemory', '20mb');
      await direct.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      await fillUp();
      for (const line of lines.slice(0, -1)) await client.call(...line.split(' '));
      // In one go with the last: what is behind it is executed behind it.
      const last = command(...(lines.at(-1) as string).split(' '));
      void client.write(Buffer.concat([last, command('SET', 'low:2', 'x')]));
      const [, reply] = await client.readReplies(2);
      t.equal(String(reply), '+OK\r\n', lines.join(', '));
      t.notOk(await refused(), 'nor later');
      // Those of other connections, once its reply is there; another worker hears of it a moment later.
      await allTaken(proxy, t, `behind ${lines.join(', ')}`);
    }
  });

  t.test(`Spillway reads memory at once after a command that frees it (${name(way)})`, async (t) => {
    const { proxy, direct } = await start(t, way, '1m', '20mb');
    const client = await withRaw(t, proxy.port);
    const write = async () => String(await client.call('SET', 'low:1', 'x'));
    for (const free of ['DEL', 'UNLINK']) {
      for (let i = 0; i < 13; i++) await direct.call('SET', `pad:${i}`, Buffer.alloc(MB));
      await client.call('MEMORY', 'PURGE');
      await until(async () => (await write()) === OOM);
      for (let i = 0; i < 13; i++) await client.call(free, `pad:${i}`);
      await until(async () => (await write()) === '+OK\r\n', { describe: `a reading behind ${free}` });
    }
  });
}

t.test('a loop of FLUSHDB on an empty database does not hold the gate open', async (t) => {
  for (const pool of POOLS) {
    const { proxy, direct } = await start(t, { pool, workers: 1 } as (typeof WAYS)[number], '50ms', '20mb');
    for (let i = 0; i < 14; i++) await direct.call('SET', `pad:${i}`, Buffer.alloc(MB));
    const [flusher, writer] = [await withRaw(t, proxy.port), await withRaw(t, proxy.port)];
    await until(async () => String(await writer.call('SET', 'low:0', 'x')) === OOM);
    await flusher.call('SELECT', 1);
    let goes = true;
    const loop = (async () => {
      while (goes) await flusher.call('FLUSHDB');
    })();
    let passed = 0;
    const value = Buffer.alloc(10_000);
    for (let i = 0; i < 3000; i++) {
      if (String(await writer.call('SET', `low:${i}`, value)) === '+OK\r\n') passed += value.length;
    }
    goes = false;
    await loop;
    t.ok(passed < 1.5 * MB, `${pool}: ${passed} bytes of 30 MB passed`);
  }
});

const LIMITS = {
  maxmemory: { maxmemory: '64mb' },
  'memory.limit': { maxmemory: '0', limit: '64mb' },
  'memory.limit below maxmemory': { maxmemory: '1gb', limit: '64mb' },
};
for (const [what, { maxmemory, ...memory }] of Object.entries(LIMITS)) {
  t.test(`two large writes at a time are measured against each other (${what})`, async (t) => {
    const { proxy, direct } = await start(t, WAYS[0], '1m', maxmemory, memory);
    const [one, other] = [await withRaw(t, proxy.port), await withRaw(t, proxy.port)];
    for (const client of [one, other]) await client.call('PING');
    const size = 24 * MB;
    await one.write(`*3\r\n$3\r\nSET\r\n$5\r\nbig:1\r\n$${size}\r\n`);
    await one.write(Buffer.alloc(MB));
    await until(async () => /qbuf=[1-9]\d{5}/.test(String(await direct.call('CLIENT', 'LIST'))));
    void other.write(command('SET', 'big:2', Buffer.alloc(size)));
    t.equal(String((await other.readReplies(1))[0]), OOM, 'both do not fit twice');
    void one.write(Buffer.concat([Buffer.alloc(size - MB), Buffer.from('\r\n')]));
    t.equal(String((await one.readReplies(1))[0]), '+OK\r\n');
  });
}
