// A server that refuses a request and closes while more of it is on its way: its reason must reach the client,
// though the proxy's next write to it fails.
import t from 'tap';
import { withProxy } from '../support/proxy.js';
import { command, connectRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';

const TRIES = 40;
const REASON = '-ERR Protocol error: unauthenticated bulk length\r\n';

t.test('a large command before authentication', async (t) => {
  const redis = await withRedis(t, ['--requirepass', 'secret']);
  const proxy = await withProxy(t, { redis, config: { rules: [{ name: 'every', match: '*', ttl: '1h' }] } });
  const large = command('SET', 'k', Buffer.alloc(100_000, 'v'));
  const seen = new Map<string, number>();
  for (let i = 0; i < TRIES; i++) {
    const client = await connectRaw(proxy.port);
    void client.write(large);
    const said = String(await client.readUntilClosed());
    seen.set(said, (seen.get(said) ?? 0) + 1);
    client.destroy();
  }
  t.same([...seen], [[REASON, TRIES]]);
});
