// Room for higher priorities, on a real server that writers of all priorities fill at full speed, in both kinds of pooling and
// with two workers: critical writes are never refused, Redis itself refuses nothing, what is kept is shown wherever it should
// be, a reload ends it, and freed memory admits all again. The model of property/runtime/memory-reserve.test.ts has the many
// cases; this one holds it honest.
import t from 'tap';
import { POOLS, withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const NAMES = ['low', 'normal', 'high', 'critical'] as const;
const RULES = NAMES.map((name) => ({ name, match: `${name}:*`, durable: true, priority: name }));
/** In flight at a time. */
const DEPTH = { low: 20, normal: 20, high: 20, critical: 1 } as const;
/** npm test plays the first. */
const WAYS = [...POOLS.map((pool) => ({ pool, workers: 1 })), { pool: 'session', workers: 2 }];
const KEPT_TRIES = 500;

class Writer {
  accepted = 0;
  refused = 0;
  private goes = true;
  private readonly done: Promise<void>;

  constructor(
    private readonly client: RawClient,
    private readonly name: (typeof NAMES)[number],
  ) {
    this.done = this.write();
  }

  async stop(): Promise<void> {
    this.goes = false;
    await this.done;
  }

  private async write(): Promise<void> {
    const value = Buffer.alloc(this.name === 'critical' ? 200 : 4000, 'v');
    for (let n = 0; this.goes; n++) {
      const batch = Array.from({ length: DEPTH[this.name] }, (_, i) =>
        command('SET', `${this.name}:${n}:${i}`, value),
      );
      void this.client.write(Buffer.concat(batch));
      for (const reply of await this.client.readReplies(batch.length)) {
        if (String(reply) === '+OK\r\n') this.accepted++;
        else this.refused++;
      }
    }
  }
}

for (const { pool, workers } of WAYS) {
  t.test(`room is kept for critical writes (${pool} pooling, ${workers} worker(s))`, async (t) => {
    const redis = await withRedis(t, ['--maxmemory', '100mb', '--enable-debug-command', 'yes']);
    const direct = await withRaw(t, redis.port, 30_000);
    await direct.call('DEBUG', 'POPULATE', 12_000, 'pad', 4000);
    let reserve: unknown = { horizon: '30s', most: '10%' };
    const proxy = await withProxy(t, {
      redis,
      config: { rules: RULES, workers, upstream: { pool }, memory: { reserve, pollInterval: '100ms' } },
      reloaded: () => ({ memory: { reserve, pollInterval: '100ms' } }),
    });
    const memory = () => proxy.admin('/api/memory');
    const writers = Object.fromEntries(
      await Promise.all(
        NAMES.map(async (name) => [name, new Writer(await withRaw(t, proxy.port, 30_000), name)]),
      ),
    ) as Record<(typeof NAMES)[number], Writer>;
    const order: string[] = [];
    await until(
      async () => {
        for (const name of NAMES) if (writers[name].refused > 0 && !order.includes(name)) order.push(name);
        return (await memory()).level.high.shedShare === 1;
      },
      { timeoutMs: 60_000, describe: 'high to be refused' },
    );
    t.same(order.slice(0, 2), ['low', 'normal'].slice(0, order.length), 'from the lowest up');
    const before = writers.critical.accepted;
    await until(() => writers.critical.accepted > before + KEPT_TRIES, { timeoutMs: 60_000 });
    const { level, limitBytes } = await memory();
    t.ok(level.low.reservedBytes >= level.high.reservedBytes && level.high.reservedBytes > 0);
    t.equal(level.critical.reservedBytes, 0);
    const moved = level.high.reservedBytes / (limitBytes ?? 1);
    t.ok(
      Math.abs((level.high.band?.[1] ?? 1) - (0.98 - moved)) < 1e-6,
      'the band that is shown is the one that counts',
    );
    t.ok(level.critical.growthBytesPerSecond > 0);
    for (const writer of Object.values(writers)) await writer.stop();
    t.equal(writers.critical.refused, 0, `of ${writers.critical.accepted}`);
    t.notMatch(String(await direct.call('INFO', 'errorstats')), /errorstat_OOM/);

    const { rules } = await proxy.admin('/api/stats');
    t.ok((rules[0]?.shedBy.reserve ?? 0) > 0, 'counted by its reason');
    const explained = await proxy.admin('/api/explain?key=high:1');
    t.ok((explained.keys[0]?.shed.reserved ?? 0) > 0, 'explained');
    const metrics = await (await fetch(`http://127.0.0.1:${proxy.adminPort}/metrics`)).text();
    t.match(metrics, /spillway_memory_reserved_bytes\{priority="low"\} [1-9]/);

    reserve = 'off';
    await proxy.running.reload('SIGHUP');
    const { level: bare } = await memory();
    t.same(
      NAMES.map((name) => [bare[name].reservedBytes, bare[name].band]),
      [
        [0, [0.8, 0.88]],
        [0, [0.88, 0.94]],
        [0, [0.94, 0.98]],
        [0, null],
      ],
      'a reload turns it off at once',
    );
    await direct.call('FLUSHALL');
    await until(async () => {
      const { level } = await memory();
      return NAMES.every((name) => level[name].shedShare === 0);
    });
    t.pass('freed memory admits all again');
  });
}
