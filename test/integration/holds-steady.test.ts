// Who grows is refused first: of two rules of one priority, of which one only changes its keys, at 93% only the other is refused.
// It takes a minute to know that a rule does not grow, so all variants run at the same time.
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { compileConfig } from '../../src/config/compile.js';
import { configSchema } from '../../src/config/schema.js';
import type { StatsSnapshot } from '../../src/observe/stats/snapshot.js';
import { startProxy } from '../../src/runtime/proxy.js';
import { POOLS } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const TOKEN = 'a-token-of-this-test';
const RULES = [
  { name: 'board', match: 'board:*', durable: true },
  { name: 'profiles', match: 'profile:*', durable: true },
  { name: 'grows', match: 'grows:*', durable: true },
  { name: 'list', match: 'list:*', durable: true },
];
/** Each turn writes so much to each rule: in a minute more than could be called next to nothing. */
const EACH = 30;
const TURN_MS = 100;

async function variant(t: Test, pool: string, workers: number) {
  const redis = await withRedis(t, ['--maxmemory', '200mb', '--save', '']);
  const config = configSchema.parse({
    listen: '127.0.0.1:0',
    admin: { listen: '127.0.0.1:0' },
    upstream: { url: `redis://127.0.0.1:${redis.port}`, pool },
    memory: { reserve: 'off' },
    ...{ rules: RULES, workers },
  });
  const proxy = await startProxy(compileConfig(config, { adminToken: TOKEN }), pino({ level: 'silent' }));
  t.teardown(() => proxy.stop(0));
  const get = async <T>(path: string, body?: object): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${proxy.adminAddress?.port}${path}`, {
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    if (response.status !== 200) t.fail(`${path}: ${response.status}`);
    return (await response.json()) as T;
  };
  const clients = await Promise.all([withRaw(t, proxy.address.port), withRaw(t, proxy.address.port)]);
  let written = 0;
  const turn = async (client: RawClient): Promise<number> => {
    const commands: Buffer[] = [];
    const value = 'x'.repeat(500);
    for (let i = 0; i < EACH; i++) {
      written++;
      commands.push(command('ZADD', 'board:all', written, `${'member'.repeat(50)}${written % 200}`));
      commands.push(command('HSET', `profile:${written % 100}`, 'name', value));
      commands.push(command('HSET', `grows:${written}`, 'name', value));
      commands.push(command('LPUSH', `list:${written % 20}`, value));
    }
    void client.write(Buffer.concat(commands));
    const replies = (await client.readReplies(commands.length)).map(String);
    return replies.filter((reply) => reply.startsWith('-OOM')).length;
  };
  const writing = setInterval(() => {
    for (const client of clients) void turn(client).catch(() => {});
  }, TURN_MS);
  t.teardown(() => clearInterval(writing));
  await until(
    async () => {
      const steady = (await get<StatsSnapshot>('/api/stats')).holds?.steady ?? [];
      return steady.includes('board') && steady.includes('profiles');
    },
    { timeoutMs: 150_000, describe: 'rules that are steady' },
  );
  const { holds } = await get<StatsSnapshot>('/api/stats');
  t.same(holds?.steady, ['board', 'profiles']);
  await get('/api/simulate', { pressure: 0.93, seconds: 600 });
  const shed = async () =>
    Object.fromEntries((await get<StatsSnapshot>('/api/stats')).rules.map((rule) => [rule.name, rule]));
  await until(async () => ((await shed()).grows?.shed ?? 0) > 200);
  const { board, profiles, grows, list } = await shed();
  t.equal(board?.shed, 0, 'the sorted set');
  t.equal(profiles?.shed, 0, 'the profiles');
  t.ok((board?.sparedBy.steady ?? 0) > 0 || (profiles?.sparedBy.steady ?? 0) > 0, 'that is why');
  t.ok((grows?.shedBy.band ?? 0) > 0);
  t.ok((list?.shedBy.band ?? 0) > 0, 'lists that get longer');
  await get('/api/simulate', { pressure: 0.97, seconds: 600 });
  await until(async () => ((await shed()).board?.shed ?? 0) > 0);
  t.pass('where all of the priority is refused, so are these');
}

t.test('the rule that grows is refused first', { timeout: 240_000, jobs: 3 }, async (t) => {
  await Promise.all(
    [...POOLS.map((pool) => [pool, 1] as const), ['session', 2] as const].map(([pool, workers]) =>
      t.test(`${pool} pooling, workers: ${workers}`, async (t) => variant(t, pool, workers)),
    ),
  );
});
