// Three Sentinel clients as applications have them: ioredis, node-redis and redis-py. Each writes keys of its own.
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { createSentinel } from 'redis';
import { Program } from '../conformance/clients/program.js';
import { ensurePythonRedis } from '../conformance/clients/python-redis.js';
import type { TestScope } from './redis.js';

const SCRIPT = fileURLToPath(new URL('redis_py_sentinel.py', import.meta.url));

export interface SentinelClient {
  readonly name: string;
  /** Resolves with whether the write was acknowledged. */
  set(key: string): Promise<boolean>;
}

/** A switch may take long on a busy machine. */
const PATIENCE = { timeoutMs: 90_000 };

interface Options {
  /** Of the one Sentinel that they know. */
  readonly port: number;
  readonly primary: string;
  readonly password?: string;
}

export async function withSentinelClients(t: TestScope, options: Options): Promise<SentinelClient[]> {
  return [viaIoredis(t, options), await viaNodeRedis(t, options), await viaRedisPy(t, options)];
}

function viaIoredis(t: TestScope, { port, primary, password }: Options): SentinelClient {
  const client = new Redis({
    sentinels: [{ host: '127.0.0.1', port }],
    name: primary,
    failoverDetector: true,
    maxRetriesPerRequest: null,
    ...(password !== undefined && { sentinelUsername: 'anyone', sentinelPassword: password }),
  });
  client.on('error', () => {});
  t.teardown(() => client.disconnect());
  return { name: 'ioredis', set: (key) => acknowledged(client.set(key, 'v')) };
}

async function viaNodeRedis(t: TestScope, { port, primary, password }: Options): Promise<SentinelClient> {
  const client = createSentinel({
    name: primary,
    sentinelRootNodes: [{ host: '127.0.0.1', port }],
    ...(password !== undefined && { sentinelClientOptions: { password } }),
  });
  client.on('error', () => {});
  await client.connect();
  t.teardown(() => client.destroy());
  return { name: 'node-redis', set: (key) => acknowledged(client.set(key, 'v')) };
}

async function viaRedisPy(t: TestScope, { port, primary, password = '' }: Options): Promise<SentinelClient> {
  const python = await ensurePythonRedis((line) => t.comment(line));
  const program = new Program(python, [SCRIPT, String(port), primary, password], (close) =>
    t.teardown(() => void close()),
  );
  let asked = 0;
  const set = async (key: string): Promise<boolean> => {
    const at = asked++;
    program.write(`${key}\n`);
    const output = await program.says((stdout) => stdout.split('\n').length > at + 1, PATIENCE);
    return output.split('\n')[at] === 'OK';
  };
  return { name: 'redis-py', set };
}

function acknowledged(reply: Promise<unknown>): Promise<boolean> {
  return reply.then(
    () => true,
    () => false,
  );
}
