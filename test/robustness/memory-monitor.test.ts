// Readings that do not come, or say what they cannot mean: shedding goes on by what was read last, is never lost, and is
// exact again with the first good reading; /readyz and the log say what is wrong. Nobody who writes is held up.
import fc from 'fast-check';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { BadReading, parseKeyspace, parseMemory, parseServerTime } from '../../src/memory/reading.js';
import { type InfoRelay, withInfoRelay } from '../support/info-relay.js';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const MB = 1024 * 1024;
const rules = [{ name: 'low', match: 'low:*', ttl: '1h', priority: 'low' }];

const memory = (proxy: TestProxy) => proxy.admin('/api/memory');
const ready = async (proxy: TestProxy) =>
  (await proxy.admin('/readyz')) as { ready: boolean; reasons: string[] };
const lowShare = async (proxy: TestProxy) => (await memory(proxy)).level.low?.shedShare;

/** A server that is full enough for `low` to be refused, a relay before its monitor, and what is logged. */
async function nearFull(t: Test, config: object = {}) {
  // So large that what connections take, and Spillway may take for growth, is little of it.
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  const direct = await withRaw(t, redis.port);
  const used = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(String(await direct.call('INFO', 'memory')))?.[1]);
  for (let i = 0; (await used()) < 83 * MB; i++) await direct.call('SET', `pad:${i}`, Buffer.alloc(MB));
  const relay = await withInfoRelay(t, redis.port);
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const proxy = await withProxy(t, {
    redis: relay,
    log,
    config: {
      rules,
      memory: { pollInterval: '50ms', onStale: 'hold', shed: { low: ['60%', '80%'] }, ...config },
    },
  });
  await until(async () => (await lowShare(proxy)) === 1);
  return { redis, direct, relay, proxy, lines };
}

t.test('an impossible reading counts as none, whichever field is wrong', async (t) => {
  const { relay, proxy, lines, direct } = await nearFull(t);
  const client = await withRaw(t, proxy.port);
  const spoil =
    (field: string, value: string): InfoRelay['change'] =>
    (text) =>
      text.replace(new RegExp(`^${field}:.*$`, 'm'), `${field}:${value}`);
  const failed = async (): Promise<void> => {
    const { pollErrors } = await memory(proxy);
    await until(async () => (await memory(proxy)).pollErrors >= pollErrors + 3);
  };
  for (const field of ['used_memory', 'mem_not_counted_for_evict', 'maxmemory']) {
    for (const value of ['n/a', '', '-1', '1e9', '0x10', '9'.repeat(30), 'NaN']) {
      relay.change = spoil(field, value);
      await failed();
      t.equal(await lowShare(proxy), 1, `${field}:${value} changes nothing`);
      t.equal(String(await client.call('SET', 'low:1', 'v')), OOM);
      t.equal(String(await client.call('SET', 'high:1', 'v')), '+OK\r\n');
    }
  }
  t.equal(
    lines.filter((line) => /INFO memory: used_memory is not a number/.test(line)).length,
    1,
    'the log names the first, and does not repeat itself',
  );
  relay.change = (text) => text.replace(/^used_memory:.*$/m, '');
  await failed();
  // Its connection is made anew once: it may have lost a reply.
  await until(async () => (await ready(proxy)).ready, { describe: 'the server to be there' });
  relay.change = undefined;
  await until(async () => lines.some((line) => line.includes('readings from the server arrive again')));
  t.equal(await lowShare(proxy), 1);
  await direct.call('FLUSHALL');
  await until(async () => (await lowShare(proxy)) === 0, { describe: 'a good reading to count' });
});

t.test('overwrites do not close the gate while readings fail', async (t) => {
  for (const onStale of ['hold', 'admit']) {
    const { relay, proxy } = await nearFull(t, {
      onStale,
      staleAfter: '1s',
      shed: { low: ['60%', '80%'], normal: ['95%', '99%'] },
    });
    relay.change = () => 'used_memory:?\r\n';
    const client = await withRaw(t, proxy.port);
    const writes = Array.from({ length: 20 }, (_, i) => command('SET', `user:${i}`, Buffer.alloc(10_000)));
    const { pollErrors } = await memory(proxy);
    let [refused, bytes] = [0, 0];
    const failed = async () => (await memory(proxy)).pollErrors >= pollErrors + 3;
    while (bytes < 50 * MB || !(await failed())) {
      void client.write(Buffer.concat(writes));
      const replies = await client.readReplies(writes.length);
      refused += replies.filter((reply) => String(reply) !== '+OK\r\n').length;
      bytes += writes.length * 10_000;
    }
    t.equal(refused, 0, `${onStale}: fifty megabytes that stay two hundred kilobytes`);
    const expected = onStale === 'hold' ? 1 : 0;
    await until(async () => (await lowShare(proxy)) === expected, {
      describe: `${onStale}: what low is refused`,
    });
  }
});

t.test('readings come more often near the start of refusing, and rarely far from it', async (t) => {
  const { proxy, direct, redis } = await nearFull(t, { pollInterval: '500ms', staleAfter: '1m' });
  // Its twin refuses nothing, so it is at leisure always. What holds up the process holds up both.
  const twin = await withProxy(t, {
    redis,
    config: { rules, memory: { pollInterval: '500ms', staleAfter: '1m', shedWhen: 'never' } },
  });
  const polls = async () => [(await memory(proxy)).polls, (await memory(twin)).polls] as const;
  /** Readings for each of the twin's. */
  const share = async (): Promise<number> => {
    const [from, twinFrom] = await polls();
    const [to, twinTo] = await until(async () => {
      const now = await polls();
      return now[1] >= twinFrom + 4 && now;
    });
    return (to - from) / (twinTo - twinFrom);
  };
  const inBand = await share();
  t.ok(inBand > 2, `${inBand} readings for one at leisure: at least five are due`);
  await direct.call('FLUSHALL');
  await until(async () => (await lowShare(proxy)) === 0);
  const far = await share();
  t.ok(far < 2, `${far} readings for one at leisure`);
});

t.test('a monitor whose connection has gone silent gets another one', async (t) => {
  const { relay, proxy } = await nearFull(t);
  const { polls } = await memory(proxy);
  relay.silence();
  await until(async () => !(await ready(proxy)).ready, { describe: '/readyz to say so' });
  await until(async () => (await memory(proxy)).polls > polls + 3);
  await until(async () => (await ready(proxy)).ready);
  t.equal(await lowShare(proxy), 1);
});

t.test('a server that accepts and never answers makes it unready, until it does', async (t) => {
  const { relay, proxy } = await nearFull(t);
  relay.dead = true;
  await until(async () => !(await ready(proxy)).ready);
  t.match((await ready(proxy)).reasons, [/^Spillway cannot reach the server/]);
  await until(
    async () =>
      /^Spillway cannot reach the server: .* does not answer in time/.test(
        String((await ready(proxy)).reasons),
      ),
    { timeoutMs: 60_000, describe: 'readyz to say why' },
  );
  const { polls } = await memory(proxy);
  relay.dead = false;
  await until(async () => (await memory(proxy)).polls > polls, { describe: 'a reading' });
  await until(async () => (await ready(proxy)).ready);
});

t.test('INFO is read into whole numbers, or into nothing', async (t) => {
  const text = fc.oneof(
    fc.string(),
    fc
      .array(
        fc.tuple(
          fc.constantFrom(
            'used_memory',
            'maxmemory',
            'mem_not_counted_for_evict',
            'maxmemory_policy',
            'db0',
            'db7',
            'server_time_usec',
            '# x',
          ),
          fc.oneof(
            fc.nat().map(String),
            fc.double().map(String),
            fc.string(),
            fc.constantFrom(
              'noeviction',
              'keys=3,expires=1',
              'keys=x,expires=1',
              'keys=1',
              'keys=-1,expires=0',
              '1'.repeat(16),
            ),
          ),
          fc.constantFrom('\r\n', '\n', '\r\n\r\n'),
        ),
      )
      .map((lines) => lines.map(([name, value, end]) => `${name}:${value}${end}`).join('')),
  );
  const or = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (error instanceof BadReading && error.message.length < 120) return undefined;
      throw error;
    }
  };
  fc.assert(
    fc.property(text, (info) => {
      const numbers = [
        ...Object.values(or(() => parseMemory(info)) ?? {}),
        ...Object.values(or(() => parseKeyspace(info, info)) ?? {}),
      ].filter((value) => typeof value === 'number');
      if (!numbers.every((value) => Number.isSafeInteger(value) && value >= 0)) return false;
      const time = parseServerTime(info);
      return time === undefined || time > 0;
    }),
    { numRuns: 5000 },
  );
  t.pass('always');
});
