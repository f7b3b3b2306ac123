// The fence: asks a server, on a connection of its own, whether it is primary. The answer includes its memory, so that this is
// known before the first write.
// Invariant: it ends within FENCE_MS, whatever the server does.
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { infoFields, parseMemory, type Reading } from '../memory/reading.js';
import { upstreamKindOf } from '../memory/upstream-kind.js';
import type { PrimaryAddress } from './whereabouts.js';

const FENCE_MS = 1000;

export interface FenceOptions {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: ((host: string) => ConnectionOptions) | undefined;
}

/** `reading`: the server is primary; `trouble`: why it is not, or why that is unknown. */
export type FenceAnswer = { readonly reading: Reading } | { readonly trouble: string };

export async function askWhetherPrimary(
  { host, port }: PrimaryAddress,
  { username, password, tls }: FenceOptions,
): Promise<FenceAnswer> {
  let failure: Error | undefined;
  const redis = new Redis({
    ...{ host, port, connectionName: 'spillway-fence', protocol: 2, lazyConnect: true },
    ...(tls && { tls: tls(host) }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    connectTimeout: FENCE_MS,
    commandTimeout: FENCE_MS,
    disconnectTimeout: 0,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  redis.on('error', (error: Error) => {
    failure = error;
  });
  try {
    await redis.connect();
    // Two questions, because INFO before 7.0 accepts only one section.
    const replies = await redis
      .pipeline([
        ['info', 'replication'],
        ['info', 'memory'],
      ])
      .exec();
    for (const [error] of replies ?? []) if (error !== null) throw error;
    const [roles, memory] = (replies ?? []).map(([, text]) => String(text)) as [string, string];
    const kind = upstreamKindOf(new Map(), infoFields(roles));
    if (kind.role === 'replica') return { trouble: `it is a replica of ${kind.primary}` };
    if (kind.role === 'unknown')
      return { trouble: 'it does not say whether it is primary (INFO replication)' };
    return { reading: parseMemory(memory) };
  } catch (error) {
    const { message } = failure ?? (error as Error);
    return { trouble: (message.split('\n', 1)[0] as string).slice(0, 200) };
  } finally {
    redis.disconnect();
  }
}
