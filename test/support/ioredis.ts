// A client as applications have it, disconnected when its test ends.
import { Redis, type RedisOptions } from 'ioredis';
import type { TestScope } from './redis.js';

/** To a server or a proxy on this machine. */
export function withIoredis(
  t: Pick<TestScope, 'teardown'>,
  port: number,
  options: Omit<RedisOptions, 'replyMapping'> = {},
): Redis {
  const client = new Redis(port, '127.0.0.1', options);
  t.teardown(() => client.disconnect());
  return client;
}
