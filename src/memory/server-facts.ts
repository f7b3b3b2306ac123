// What the server says about itself on each connection of the monitor: its version, its commands, its clock.
import type { Redis } from 'ioredis';
import { factsFromCommandReply } from '../core/commands/overlay.js';
import type { CommandFacts } from '../core/commands/table.js';
import { infoFields, parseServerTime } from './reading.js';
import { TtlCost } from './ttl-cost.js';

export interface ServerFacts {
  /** redis_version in INFO server; '': absent. */
  readonly version: string;
  readonly commands: readonly CommandFacts[];
}

export interface Introduction extends ServerFacts {
  /** The memory that TTLs take there. */
  readonly ttlCost: TtlCost;
  /** Why COMMAND failed; then there are no commands. */
  readonly commandsError: Error | undefined;
  /** The server's clock from TIME, milliseconds since the epoch, if its INFO does not contain it. */
  readonly epochMs: number | undefined;
}

/** @throws the error of a server that does not answer INFO */
export async function askServer(redis: Redis): Promise<Introduction> {
  const server = await redis.info('server');
  const fields = infoFields(server);
  const version = fields.get('redis_version') ?? '';
  const ttlCost = new TtlCost(fields);
  const epochMs = parseServerTime(server) === undefined ? await askTime(redis) : undefined;
  try {
    const commands = factsFromCommandReply(await redis.call('COMMAND'));
    return { version, commands, ttlCost, commandsError: undefined, epochMs };
  } catch (error) {
    const none = factsFromCommandReply([]);
    return { version, commands: none, ttlCost, commandsError: error as Error, epochMs };
  }
}

/** Once for each connection: if the user may not run it, each attempt adds an entry to ACL LOG. */
async function askTime(redis: Redis): Promise<number | undefined> {
  const [seconds, microseconds] = await redis.time().catch(() => []);
  const epochMs = Number(seconds) * 1000 + Number(microseconds) / 1000;
  return epochMs > 0 ? epochMs : undefined;
}
