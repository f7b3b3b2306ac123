// What a client can make Spillway keep for it has a bound: behind it Spillway stops reading, and nothing is lost.
import t from 'tap';
import { withProxy } from '../support/proxy.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

t.test('a client whose writes are all refused and that reads no answer stays within its bound', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '20mb', '--maxmemory-policy', 'noeviction']);
  const proxy = await withProxy(t, {
    redis,
    config: {
      rules: [{ name: 'low', match: 'low:*', ttl: '1h', priority: 'low' }],
      memory: { shed: { low: ['0%', '0%'] } },
    },
  });
  const connections = () => proxy.admin('/api/connections');
  const client = await withRaw(t, proxy.port, 20_000);
  const set = command('SET', 'low:1', 'x');
  await client.call('PING');
  client.socket.pause();

  // Far more answers than fit into the kernel's buffers and Spillway's bound together.
  const writes = 1_000_000;
  const batch = Buffer.concat(Array.from({ length: 10_000 }, () => set));
  for (let i = 0; i < writes; i += 10_000) void client.write(batch);

  let taken = 0;
  await until(
    async () => {
      const { commands, pausedClients } = await connections();
      const still = commands === taken;
      taken = commands;
      return still && pausedClients === 1;
    },
    { timeoutMs: 20_000, describe: 'Spillway to stop reading the client' },
  );
  t.ok(taken < writes, `stopped after ${taken} commands`);

  client.socket.resume();
  const answers = await client.readExactly(writes * OOM.length);
  t.ok(answers.equals(Buffer.from(OOM.repeat(writes))), 'each of them is answered, once');
});
