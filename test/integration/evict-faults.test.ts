// What unlinks keys, on real servers: only what it was given, in its database, and what was read stays. What the server or the
// network denies it is said, nothing is lost by it, and it goes on by itself once it can.
import t, { type Test } from 'tap';
import type { Candidate } from '../../src/evict/candidates.js';
import { Unlinker } from '../../src/evict/unlinker.js';
import { type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const MOMENT = 10_000;

/** Keys to go, and what became of them. */
class Keys {
  readonly left: Candidate[] = [];
  readonly back: string[] = [];
  readonly learned: number[] = [];
  /** All are written again from now on. */
  rewritten = false;
  evicted = 0;

  add(key: string, { db = 0, bytes = 100, age = 0 } = {}): void {
    this.left.push({ key: Buffer.from(key), db, slot: 1, bytes, at: performance.now() - age });
  }
  take(most: number, mostBytes: number): Candidate[] {
    let [count, bytes] = [0, 0];
    while (count < Math.min(most, this.left.length) && bytes < mostBytes)
      bytes += this.left[count++]?.bytes ?? 0;
    return this.left.splice(0, count);
  }
  current<T>(of: readonly T[]): readonly T[] {
    return this.rewritten ? [] : of;
  }
  again({ key }: Candidate): void {
    this.back.push(String(key));
  }
  learn(_slot: number, bytes: number): void {
    this.learned.push(bytes);
  }
}

interface Bench {
  readonly keys: Keys;
  readonly unlinker: Unlinker;
  readonly direct: RawClient;
  /** Has all keys unlinked that are there, until `done`. */
  work(done: () => boolean | Promise<boolean>): Promise<void>;
}

async function withUnlinker(
  t: Test,
  port: number,
  login: { username?: string; password?: string } = {},
  clock = () => performance.now(),
  lanes = 4,
): Promise<Bench> {
  const keys = new Keys();
  const unlinker = new Unlinker({
    source: keys,
    lanes,
    endpoint: () => ({ host: '127.0.0.1', port, connectTimeoutMs: 1000, ...login }),
    onEvicted: (_slot, count) => {
      keys.evicted += count;
    },
    onGone: () => {},
    clock,
  });
  t.teardown(() => unlinker.close());
  const direct = await withRaw(t, port);
  const work = async (done: () => boolean | Promise<boolean>): Promise<void> => {
    await until(
      async () => {
        unlinker.free(1e9);
        return await done();
      },
      { timeoutMs: MOMENT, describe: () => `the work to be done; trouble: ${unlinker.trouble}` },
    );
  };
  return { keys, unlinker, direct, work };
}

const fill = async (direct: RawClient, count: number, prefix = 'k'): Promise<void> => {
  const script = "for i = 1, tonumber(ARGV[1]) do redis.call('SET', ARGV[2] .. i, string.rep('x', 50)) end";
  await direct.call('EVAL', script, 0, count, prefix);
};
const number = async (direct: RawClient, ...words: string[]): Promise<number> =>
  Number(String(await direct.call(...words)).slice(1));

t.test('one server', async (t) => {
  const redis = await withRedis(t, ['--enable-debug-command', 'yes']);
  const admin = await withRaw(t, redis.port);
  t.beforeEach(async () => void (await admin.call('FLUSHALL')));

  t.test(
    'the unlinker removes the keys that it was given and no other; a key that was gone frees nothing',
    async (t) => {
      const { keys, unlinker, direct, work } = await withUnlinker(t, redis.port);
      await fill(direct, 1000);
      for (let i = 1; i <= 700; i++) keys.add(`k${i}`);
      for (let i = 1; i <= 100; i++) keys.add(`gone${i}`);
      await work(() => keys.evicted === 700 && keys.left.length === 0);
      t.equal(await number(direct, 'DBSIZE'), 300);
      await until(() => unlinker.dry);
      t.equal(unlinker.freed, 70_000);
      t.equal(unlinker.trouble, undefined);
    },
  );

  t.test('the unlinker frees what was asked, and at most one batch more', async (t) => {
    const { keys, unlinker, direct } = await withUnlinker(t, redis.port);
    await fill(direct, 1000);
    for (let i = 1; i <= 1000; i++) keys.add(`k${i}`);
    unlinker.free(30_000);
    await until(() => unlinker.freed >= 30_000);
    t.equal(await number(direct, 'DBSIZE'), 1000 - unlinker.freed / 100);
    t.ok(unlinker.freed <= 30_000 + 4 * 6400, String(unlinker.freed));
  });

  t.test('large keys: however many lanes, they free no more together', async (t) => {
    const { keys, unlinker, direct } = await withUnlinker(t, redis.port, {}, undefined, 32);
    const script = "for i = 1, 3000 do redis.call('SET', 'k' .. i, string.rep('x', 4900)) end";
    await direct.call('EVAL', script, 0);
    for (let i = 1; i <= 3000; i++) keys.add(`k${i}`, { bytes: 5000 });
    unlinker.free(1_000_000);
    await until(() => unlinker.freed >= 1_000_000);
    t.equal(await number(direct, 'DBSIZE'), 3000 - unlinker.freed / 5000);
    t.ok(unlinker.freed <= 1_000_000 + 32 * 5000, String(unlinker.freed));
  });

  t.test('each key is unlinked in its own database', async (t) => {
    const { keys, direct, work } = await withUnlinker(t, redis.port);
    for (const db of ['0', '3', '5']) {
      await direct.call('SELECT', db);
      await fill(direct, 100);
    }
    for (let i = 1; i <= 50; i++) keys.add(`k${i}`, { db: i % 2 === 0 ? 3 : 5 });
    await work(() => keys.evicted === 50);
    for (const [db, left] of [
      ['0', 100],
      ['3', 75],
      ['5', 75],
    ] as const) {
      await direct.call('SELECT', db);
      t.equal(await number(direct, 'DBSIZE'), left);
    }
  });

  for (const policy of ['noeviction', 'allkeys-lfu']) {
    t.test(`${policy}: what was read since it was written goes to the end once`, async (t) => {
      const { keys, direct, work } = await withUnlinker(t, redis.port);
      await direct.call('CONFIG', 'SET', 'maxmemory-policy', policy);
      t.teardown(() => direct.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction'));
      const script =
        "redis.call('SET', 'of', 'x') local d = redis.call('DUMP', 'of') for i = 1, 100 do local hot = i % 2 == 0 " +
        "if ARGV[1] == 'idle' then redis.call('RESTORE', 'k' .. i, 0, d, 'IDLETIME', hot and 1 or 30) " +
        "else redis.call('RESTORE', 'k' .. i, 0, d, 'FREQ', hot and 9 or 5) end end";
      await direct.call('EVAL', script, 0, policy === 'noeviction' ? 'idle' : 'freq');
      for (let i = 1; i <= 100; i++) keys.add(`k${i}`, { age: 30_000 });
      await work(() => keys.evicted + keys.back.length === 100);
      t.equal(keys.back.length, 50);
      for (const key of keys.back) t.equal(Number(key.slice(1)) % 2, 0, `${key} was read`);
    });
  }

  t.test(
    'for a key of 20 MB and a hash of 200,000 fields the sizes are asked for, and the server answers others meanwhile',
    async (t) => {
      const { keys, unlinker, direct, work } = await withUnlinker(t, redis.port);
      await direct.call('EVAL', "redis.call('SET', 'string', string.rep('x', 20000000))", 0);
      await direct.call('EVAL', "for i = 1, 200000 do redis.call('HSET', 'hash', i, i) end", 0);
      keys.add('string', { bytes: 0 });
      keys.add('hash', { bytes: 0 });
      await work(() => keys.evicted === 2);
      t.equal(await number(direct, 'DBSIZE'), 0);
      t.ok(unlinker.freed > 25_000_000, String(unlinker.freed));
      t.ok(unlinker.meanLazyBytes > 500_000, 'what the server frees in the background is known to be large');
      t.equal(keys.learned.length, 2);
    },
  );

  t.test(
    'after a cut of the connection the unlinker goes on, and the keys in flight come back',
    async (t) => {
      const { keys, direct, work, unlinker } = await withUnlinker(t, redis.port);
      await fill(direct, 2000);
      for (let i = 1; i <= 1000; i++) keys.add(`k${i}`);
      await work(() => keys.evicted > 0);
      for (let i = 1; i <= 200; i++) keys.add(`k${1000 + i}`);
      const clients = String(await direct.call('CLIENT', 'LIST'));
      const [, id = ''] = /id=(\d+) [^\n]*name=spillway-evictor/.exec(clients) ?? [];
      t.equal(await number(direct, 'CLIENT', 'KILL', 'ID', id), 1);
      await until(() => {
        unlinker.tend();
        return unlinker.trouble !== undefined || keys.left.length === 0;
      });
      await work(() => keys.left.length === 0 && unlinker.trouble === undefined);
      t.equal(await number(direct, 'EXISTS', 'k1999'), 1);
    },
  );

  t.test('while the server sleeps, keys in flight wait, and are counted once', async (t) => {
    const { keys, direct, work } = await withUnlinker(t, redis.port);
    await fill(direct, 500);
    for (let i = 1; i <= 300; i++) keys.add(`k${i}`);
    await work(() => keys.evicted > 0);
    for (let i = 301; i <= 400; i++) keys.add(`k${i}`);
    const sleeping = direct.call('DEBUG', 'SLEEP', '0.3');
    await work(() => keys.evicted === 400);
    await sleeping;
    t.equal(await number(direct, 'DBSIZE'), 100);
  });

  t.test('keys that are written while the server is asked about them stay', async (t) => {
    const { keys, unlinker, direct, work } = await withUnlinker(t, redis.port);
    await fill(direct, 100);
    for (let i = 1; i <= 100; i++) keys.add(`k${i}`, { bytes: 0 });
    let answers = 0;
    keys.learn = () => {
      answers++;
      keys.rewritten = true;
    };
    await work(() => keys.left.length === 0 && answers === 100 && unlinker.dry);
    t.equal(await number(direct, 'DBSIZE'), 100);
    t.equal(keys.evicted, 0);
  });

  t.test('keys that are written while they wait for a server that is stopped stay', async (t) => {
    const { keys, unlinker, direct, work } = await withUnlinker(t, redis.port, {}, undefined, 10);
    await fill(direct, 641);
    keys.add('k641');
    await work(() => keys.evicted === 1);
    process.kill(redis.pid, 'SIGSTOP');
    try {
      for (let i = 1; i <= 640; i++) keys.add(`k${i}`);
      unlinker.free(1e9);
      // All ten batches are chosen and confirmed: four are at the server, six wait longer than a confirmation is good for.
      await until(() => keys.left.length === 0);
      await new Promise(setImmediate);
      keys.rewritten = true;
      const from = performance.now();
      await until(() => performance.now() > from + 50);
    } finally {
      process.kill(redis.pid, 'SIGCONT');
    }
    await until(() => keys.evicted === 1 + 4 * 64);
    t.equal(await number(direct, 'EXISTS', 'k256'), 0);
    t.equal(await number(direct, 'DBSIZE'), 640 - 256, 'those that the server had already got went');
  });

  t.test(
    'without the right to UNLINK or OBJECT nothing is removed and the right is named; with it, keys are removed',
    async (t) => {
      await admin.call('ACL', 'SETUSER', 'weak', 'reset', 'on', '>pass', '~*', '+@all', '-unlink', '-object');
      t.teardown(() => admin.call('ACL', 'DELUSER', 'weak'));
      const { keys, unlinker, direct, work } = await withUnlinker(t, redis.port, {
        username: 'weak',
        password: 'pass',
      });
      await fill(direct, 10);
      keys.add('k1', { age: 30_000 });
      await work(() => unlinker.trouble !== undefined);
      t.match(unlinker.trouble, /may not run UNLINK.*\+unlink \+object/);
      t.equal(await number(direct, 'DBSIZE'), 10);
      await admin.call('ACL', 'SETUSER', 'weak', '+unlink');
      await until(() => {
        unlinker.tend();
        return /may not run OBJECT.*\+unlink \+object/.test(unlinker.trouble ?? '');
      });
      keys.add('k2');
      await admin.call('ACL', 'SETUSER', 'weak', '+object');
      await work(() => keys.evicted > 0);
      t.equal(unlinker.trouble, undefined);
      keys.add('k3', { age: 30_000 });
      await admin.call('ACL', 'SETUSER', 'weak', '-object');
      const before = keys.evicted;
      await work(() => unlinker.trouble !== undefined);
      t.equal(keys.evicted, before, 'a right that is taken away ends it, too');
      t.equal(keys.back.at(-1), 'k3');
    },
  );

  t.test('a user without rights to these keys removes nothing, and the log can say so', async (t) => {
    await admin.call('ACL', 'SETUSER', 'narrow', 'reset', 'on', '>pass', '~other:*', '+@all');
    t.teardown(() => admin.call('ACL', 'DELUSER', 'narrow'));
    const { keys, unlinker, direct, work } = await withUnlinker(t, redis.port, {
      username: 'narrow',
      password: 'pass',
    });
    await fill(direct, 10);
    keys.add('k1');
    await work(() => unlinker.trouble !== undefined);
    t.match(unlinker.trouble, /may not unlink the keys of a rule with evict/);
    t.same(keys.back, ['k1']);
    t.equal(await number(direct, 'DBSIZE'), 10);
  });

  t.test('a replica refuses UNLINK, and takes it once it is a primary', async (t) => {
    const { keys, unlinker, direct, work } = await withUnlinker(t, redis.port);
    await fill(direct, 10);
    await direct.call('REPLICAOF', '127.0.0.1', '1');
    t.teardown(() => direct.call('REPLICAOF', 'NO', 'ONE'));
    keys.add('k1');
    await work(() => unlinker.trouble !== undefined);
    t.match(unlinker.trouble, /replica/);
    await direct.call('REPLICAOF', 'NO', 'ONE');
    keys.add('k2');
    await work(() => keys.evicted > 0);
  });

  t.test(
    'a replica that becomes a primary is asked again at once, however long it was a replica',
    async (t) => {
      let now = 0;
      const { keys, unlinker, direct, work } = await withUnlinker(t, redis.port, {}, () => now);
      await fill(direct, 10);
      await work(() => unlinker.trouble === undefined);
      await direct.call('REPLICAOF', '127.0.0.1', '1');
      t.teardown(() => direct.call('REPLICAOF', 'NO', 'ONE'));
      const attempts = async (): Promise<number> =>
        Number(/connections_received:(\d+)/.exec(String(await direct.call('INFO', 'stats')))?.[1]);
      keys.add('k1');
      await work(() => unlinker.trouble !== undefined);
      const before = await attempts();
      await until(async () => {
        now += 5000;
        unlinker.tend();
        const clients = String(await direct.call('CLIENT', 'LIST'));
        return (await attempts()) >= before + 8 && !clients.includes('spillway-evictor');
      });
      await direct.call('REPLICAOF', 'NO', 'ONE');
      keys.add('k2', { age: performance.now() - now });
      const since = now;
      await until(() => {
        now = Math.min(now + 10, since + 250);
        unlinker.free(1e9);
        return keys.evicted > 0;
      });
    },
  );
});

t.test('a server without UNLINK, as before 4.0, is reported', async (t) => {
  const redis = await withRedis(t, ['--rename-command', 'UNLINK', '']);
  const { keys, unlinker, direct, work } = await withUnlinker(t, redis.port);
  await direct.call('SET', 'k1', 'x');
  keys.add('k1');
  await work(() => unlinker.trouble !== undefined);
  t.match(unlinker.trouble, /has no UNLINK/);
  t.equal(await number(direct, 'DBSIZE'), 1);
});

t.test('on a server without OBJECT, the keys that were written first are removed', async (t) => {
  const redis = await withRedis(t, ['--rename-command', 'OBJECT', '']);
  const { keys, unlinker, direct, work } = await withUnlinker(t, redis.port);
  await direct.call('SET', 'k1', 'x');
  keys.add('k1', { age: 30_000 });
  await work(() => keys.evicted === 1);
  t.ok(unlinker.blindToReads);
});

t.test('without a server, the unlinker reports it and does not ask in a loop', async (t) => {
  const redis = await withRedis(t);
  const { keys, unlinker, work } = await withUnlinker(t, redis.port);
  await redis.stop();
  keys.add('k1');
  await work(() => /ECONNREFUSED|closed the connection/.test(unlinker.trouble ?? ''));
  unlinker.close();
});
