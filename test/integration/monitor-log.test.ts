// What the log says of a server that comes and goes: the advice fits, and it is not said at every turn.
import { pino } from 'pino';
import t from 'tap';
import { withProxy } from '../support/proxy.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const TURNS = 3;

t.test('a script that keeps the server busy, again and again', async (t) => {
  const redis = await withRedis(t, ['--lua-time-limit', '20']);
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const memory = { pollInterval: '20ms', staleAfter: '10s' };
  const proxy = await withProxy(t, { redis, log, config: { memory, workers: 1 } });
  const failed = async (): Promise<number> => (await proxy.admin('/api/memory')).pollErrors;
  const polled = async (): Promise<number> => (await proxy.admin('/api/memory')).polls;
  for (let turn = 0; turn < TURNS; turn++) {
    const [script, control] = await Promise.all([withRaw(t, redis.port), withRaw(t, redis.port)]);
    const before = await failed();
    const ended = script.call('EVAL', 'while true do end', '0');
    await until(async () => (await failed()) > before);
    t.equal(String(await control.call('SCRIPT', 'KILL')), '+OK\r\n');
    await ended;
    const polls = await polled();
    await until(async () => (await polled()) > polls);
  }
  const told = lines.filter((line) => line.includes('no reading from the server'));
  t.equal(told.length, 1, told.join(''));
  t.match(told[0], 'a script keeps the server busy');
  t.notMatch(lines.join(''), 'upstream.url');
});
