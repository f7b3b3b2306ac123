// A real server, and the doctor at work on it.
import type { Redis } from 'ioredis';
import type { Test } from 'tap';
import type { RuleSet } from '../../src/core/policy/rule-set.js';
import { examine, type ServerExamination } from '../../src/tools/doctor/doctor.js';
import { type Endpoint, endpointName } from '../../src/tools/keyspace/endpoint.js';
import { connectServers } from '../../src/tools/keyspace/servers.js';
import { withIoredis } from './ioredis.js';
import { withRedis } from './redis.js';

const NAME = 'spillway-test';

/** A machine that stalls makes any command slow, which doctor rightly reports: not a fault that a test planted. */
const NO_SLOW_LOG = ['--slowlog-log-slower-than', '-1'];

/** A server with these arguments, and what the doctor finds there. Slow commands are logged where `args` say so. */
export async function served(t: Test, args: readonly string[] = [], rules?: RuleSet) {
  const redis = await withRedis(t, [...NO_SLOW_LOG, ...args]);
  const direct = withIoredis(t, redis.port, { maxRetriesPerRequest: 0 });
  const endpoint: Endpoint = { host: '127.0.0.1', port: redis.port, connectTimeoutMs: 1000 };
  const look = async (more: Partial<Endpoint> = {}): Promise<ServerExamination> => {
    const servers = await connectServers({ ...endpoint, ...more }, NAME);
    const { signal } = new AbortController();
    const { servers: all } = await examine(servers, {
      name: NAME,
      told: {},
      rules,
      sample: 5000,
      maxRate: undefined,
      signal,
    });
    servers.close();
    t.equal(all[0]?.server, endpointName(endpoint));
    return all[0] as ServerExamination;
  };
  const ids = async (more?: Partial<Endpoint>) => (await look(more)).findings.map(({ id }) => id).sort();
  return { port: redis.port, redis, direct, look, ids };
}

/** Bytes. */
export async function usedMemory(direct: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await direct.info('memory'))?.[1]);
}

/** As many commands in one go; a refused one is no error. */
export async function fill(
  direct: Redis,
  count: number,
  write: (pipeline: ReturnType<Redis['pipeline']>, i: number) => void,
) {
  const pipeline = direct.pipeline();
  for (let i = 0; i < count; i++) write(pipeline, i);
  await pipeline.exec();
}
