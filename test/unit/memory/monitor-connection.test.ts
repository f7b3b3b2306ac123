// The connection of the memory monitor, against a real server: it comes back whatever has become of its rights meanwhile.
import { once } from 'node:events';
import t from 'tap';
import { monitorConnection } from '../../../src/memory/monitor-connection.js';
import { withRaw } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';
import { until } from '../../support/wait.js';

t.test(
  'a database that may not be selected any more ends nothing when the connection comes back',
  async (t) => {
    const server = await withRedis(t);
    const look = await withRaw(t, server.port);
    await look.call('ACL', 'SETUSER', 'root', 'on', '>root', '~*', '&*', '+@all');
    await look.call('AUTH', 'root', 'root');
    const redis = monitorConnection(
      { host: '127.0.0.1', port: server.port, connectTimeoutMs: 3000 },
      undefined,
    );
    t.teardown(() => redis.disconnect());
    redis.on('error', () => {});
    const rejected: unknown[] = [];
    const onRejection = (error: unknown): void => void rejected.push(error);
    process.prependListener('unhandledRejection', onRejection);
    t.teardown(() => process.off('unhandledRejection', onRejection));
    await redis.connect();
    await redis.pipeline([['select', '1']]).exec();
    await look.call('ACL', 'SETUSER', 'default', '-select');
    const ready = once(redis, 'ready');
    await look.call('CLIENT', 'KILL', 'USER', 'default');
    await ready;
    // The refusal of what ioredis asks by itself has come by then.
    await until(async () => String(await look.call('ACL', 'LOG')).includes('select'));
    t.match(await redis.ping(), 'PONG');
    await new Promise((resolve) => setImmediate(resolve));
    t.same(rejected, []);
  },
);
