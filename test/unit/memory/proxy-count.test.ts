// Who counts is counted on a real server, for as long as it counts.
import { Redis } from 'ioredis';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { ProxyCount } from '../../../src/memory/proxy-count.js';
import { withIoredis } from '../../support/ioredis.js';
import { withRedis } from '../../support/redis.js';
import { until } from '../../support/wait.js';

const server = await withRedis(t);
const direct = withIoredis(t, server.port);
const here = async (): Promise<number> => {
  const [, count] = (await direct.pubsub('NUMSUB', '__spillway__:here')) as [string, number];
  return count;
};

function lab(t: Test, username?: string) {
  const told: number[] = [];
  const lines: string[] = [];
  const count = new ProxyCount({
    connect: () =>
      new Redis({
        ...{ port: server.port, host: '127.0.0.1', lazyConnect: true },
        ...(username !== undefined && { username, password: 'x' }),
      }),
    ask: async (questions) => (await direct.pipeline(questions.map((one) => [...one])).exec()) ?? [],
    onCount: (proxies) => void told.push(proxies),
    log: pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }),
  });
  t.teardown(() => count.close());
  return { count, told, lines };
}

const gone = () => until(async () => (await here()) === 0, { describe: 'nobody to be there' });

t.test('a fixed number of proxies is used without counting', async (t) => {
  const { count, told } = lab(t);
  count.adopt(4);
  t.same(told, [4]);
  t.equal(await here(), 0);
});

t.test('a proxy counts once, from its start to its end', async (t) => {
  const [one, two] = [lab(t), lab(t)];
  one.count.adopt('auto');
  one.count.adopt('auto');
  t.same(one.told, [1], 'alone until it knows');
  await until(() => one.told.length > 1);
  t.equal(one.told.at(-1), 1);
  two.count.adopt('auto');
  await until(() => two.told.at(-1) === 2 && one.told.at(-1) === 2, {
    describe: 'both to be counted by both',
  });
  two.count.close();
  await until(() => one.told.at(-1) === 1, { describe: 'one to be left' });
  one.count.adopt(7);
  t.equal(one.told.at(-1), 7);
  await gone();
});

t.test('where the server is elsewhere it is counted there, if it counts', async (t) => {
  const { count, told } = lab(t);
  count.moved();
  t.same(told, []);
  count.adopt('auto');
  await until(async () => (await here()) === 1 && told.length > 1);
  count.moved();
  t.equal(told.at(-1), 1);
  const before = told.length;
  await until(() => told.length > before, { describe: 'it to count anew' });
  await until(async () => (await here()) === 1, { describe: 'one connection to be left' });
  count.close();
  count.moved();
  await gone();
});

t.test('without the right it is alone, and says so once for each connection', async (t) => {
  await direct.call('ACL', 'SETUSER', 'nobody', 'on', '>x', '+ping', '+info');
  const { count, told, lines } = lab(t, 'nobody');
  count.adopt('auto');
  await until(() => lines.length > 0, { describe: 'it to say so' });
  t.same(told, [1, 1]);
  await direct.call('CLIENT', 'KILL', 'USER', 'nobody');
  await until(() => lines.length > 1, { describe: 'it to try anew when it is connected anew' });
  t.match(lines, [/cannot count the proxies/, /cannot count the proxies/]);
  t.equal(told.at(-1), 1);
});
