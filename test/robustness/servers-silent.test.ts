// A server that is stopped for longer than every limit of the proxy: its clients wait, as without a proxy, and get each reply
// once and in order when it goes on. Meanwhile whatever does not need the server answers, and says what is wrong.
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { POOLS, withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { WHOLE } from '../support/tier.js';
import { commands } from '../support/twins.js';
import { until } from '../support/wait.js';

const WAIT_MS = 60_000;
/** Commands of each client that the stopped server has yet to answer. */
const EACH = 100;
const PAGES = ['state', 'stats', 'rules', 'config', 'memory', 'connections', 'workers', 'growth', 'history'];
const MORE = ['report', 'advice', 'events', 'alerts', 'clients', 'failover'];
const SILENT = '-ERR the server did not say in time whether you may ask\r\n';

interface Way {
  readonly pool: string;
  readonly workers: number;
  /** For so long the server is stopped, at least. */
  readonly stoppedMs: number;
}

async function isSilent(t: Test, { pool, workers, stoppedMs }: Way): Promise<void> {
  const redis = await withRedis(t);
  const upstream = { pool, connectTimeout: '2s', responseTimeout: '100ms' };
  const memory = { pollInterval: '50ms', staleAfter: '200ms' };
  const rules = [{ name: 'all', match: '*', ttl: '1h', applyTo: 'all' as const }];
  const proxy = await withProxy(t, { redis, config: { upstream, memory, rules, workers } });
  const base = `http://127.0.0.1:${proxy.adminPort}`;
  const status = async (page: string) => (await fetch(base + page)).status;
  const come = async (): Promise<RawClient> => {
    const client = await withRaw(t, proxy.port, WAIT_MS);
    await client.call('PING');
    return client;
  };
  const writers = await Promise.all(Array.from({ length: 4 }, come));
  const [asker, busy, subscriber, blocked, transaction] = await Promise.all(Array.from({ length: 5 }, come));
  await subscriber.call('SUBSCRIBE', 'c');
  await transaction.call('MULTI');
  await until(async () => (await status('/readyz')) === 200);

  await redis.kill('SIGSTOP');
  t.teardown(() => redis.kill('SIGCONT'));
  const since = performance.now();
  for (const [i, client] of writers.entries())
    for (let n = 0; n < EACH; n++)
      void client.write(Buffer.concat([command('INCR', 'n'), command('ECHO', `${i} ${n}`)]));
  void blocked.write(commands('BLPOP list 0'));
  void transaction.write(commands('SETNX t 1', 'GET t', 'EXEC'));
  void busy.write(commands('ECHO before', 'PROXY VERSION', 'ECHO behind'));
  const fresh = await withRaw(t, proxy.port, WAIT_MS);
  // Each question is given up by itself, on a connection where earlier ones are unanswered, too.
  const asked = fresh.call('PROXY', 'STATS');
  const silent = [await asker.call('PROXY', 'MEMORY'), await asker.call('PROXY', 'INFO'), await asked];
  t.same(silent.map(String), [SILENT, SILENT, SILENT], 'whoever asks Spillway hears why it cannot answer');
  void asker.write(command('PROXY', 'VERSION'));

  await until(async () => (await status('/readyz')) === 503, { describe: 'it to be unready' });
  t.match(await (await fetch(`${base}/readyz`)).json(), {
    state: 'down',
    reasons: ['Spillway cannot reach the server', 'the last memory reading is stale'],
  });
  t.equal(await status('/healthz'), 200, 'the process is alive');
  for (const page of [...PAGES, ...MORE]) t.equal(await status(`/api/${page}`), 200, page);
  t.equal(await status('/api/explain?key=k'), 200);
  const metrics = await (await fetch(`${base}/metrics`)).text();
  const age = Number(/^spillway_memory_reading_age_seconds (.*)$/m.exec(metrics)?.[1]);
  t.ok(age > 0.2, `the last reading is ${age} s old`);
  await delay(Math.max(0, stoppedMs - (performance.now() - since)));
  const waiting = [...writers, busy, blocked, transaction];
  t.ok(
    waiting.every((client) => !client.closed && client.peek().length === 0),
    'everybody else waits, as without a proxy',
  );

  await redis.kill('SIGCONT');
  const numbers: number[] = [];
  for (const [i, client] of writers.entries()) {
    const replies = (await client.readReplies(2 * EACH)).map(String);
    const echoes = replies.filter((_, n) => n % 2 === 1);
    t.same(
      echoes,
      Array.from({ length: EACH }, (_, n) => bulk(`${i} ${n}`)),
    );
    numbers.push(...replies.filter((_, n) => n % 2 === 0).map((reply) => Number(reply.slice(1))));
  }
  t.same(
    numbers.sort((a, b) => a - b),
    Array.from({ length: numbers.length }, (_, n) => n + 1),
    'each write was done once',
  );
  const version = /^\$\d+\r\n\d+\.\d+\.\d+\r\n$/;
  const [before, answer, behind] = (await busy.readReplies(3)).map(String);
  t.same([before, behind], [bulk('before'), bulk('behind')]);
  t.match(answer, version, 'a question behind other commands waits for them');
  const last = String(await asker.readReplies(1));
  t.ok(last === SILENT || version.test(last), last);
  t.match((await transaction.readReplies(3)).map(String), [
    '+QUEUED\r\n',
    '+QUEUED\r\n',
    '*2\r\n:1\r\n$1\r\n1\r\n',
  ]);
  await writers[0].call('RPUSH', 'list', 'v');
  t.equal(String(await blocked.readReplies(1)), `*2\r\n${bulk('list')}${bulk('v')}`);
  await writers[0].call('PUBLISH', 'c', 'news');
  t.equal(String(await subscriber.readReplies(1)), `*3\r\n${bulk('message')}${bulk('c')}${bulk('news')}`);
  await until(async () => (await status('/readyz')) === 200, { describe: 'it to be ready' });
  await until(async () => (await proxy.admin('/api/memory')).stale === false, { describe: 'a reading' });

  // Nothing of what was given up comes late.
  for (const [i, client] of [asker, fresh, ...waiting].entries()) {
    t.equal(String(await client.call('ECHO', `last ${i}`)), bulk(`last ${i}`));
    t.equal(client.peek().length, 0);
    t.equal(client.closed, false);
  }
  t.match(String(await asker.call('PROXY', 'VERSION')), version);
  const { clientsFailed, clients } = await proxy.admin('/api/connections');
  t.same({ clientsFailed, clients }, { clientsFailed: 0, clients: waiting.length + 3 });
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

// They wait for the clock, most of the time.
t.jobs = 6;
for (const pool of POOLS) {
  for (const [workers, tier] of [
    [1, {}],
    [2, WHOLE],
  ] as const) {
    t.test(`a stopped server, ${pool} pooling, workers ${workers}`, { timeout: 120_000, ...tier }, (t) =>
      isSilent(t, { pool, workers, stoppedMs: 0 }),
    );
  }
  t.test(`a server that is stopped for 30 s, ${pool} pooling`, { timeout: 180_000, ...WHOLE }, (t) =>
    isSilent(t, { pool, workers: 1, stoppedMs: 30_000 }),
  );
}
