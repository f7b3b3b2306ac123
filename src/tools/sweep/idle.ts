// Whether a server can say how long its keys have been idle (OBJECT IDLETIME), and what its answer is worth. Asks nothing.
import { timeText } from '../../core/words.js';
import { ServerError } from '../keyspace/endpoint.js';
import type { Server } from '../keyspace/servers.js';
import type { Fullness } from './headroom.js';

/**
 * What the operator should know of the idle times of this server; undefined: nothing.
 * @throws ServerError when it keeps none
 */
export function idleNote({ name, info }: Server, { policy }: Fullness, idleMs: number): string | undefined {
  if (policy.endsWith('-lfu')) {
    throw new ServerError(
      `${name}: with maxmemory-policy ${policy} the server knows how often a key is used, not when it was last used: ` +
        'leave out --idle, or set another policy and wait until keys have been idle for long enough under it',
    );
  }
  const upMs = Number(info.get('uptime_in_seconds')) * 1000;
  return upMs < idleMs
    ? `${name} has run for ${timeText(upMs / 1000)}: unless its snapshot kept idle times, no key can have been idle for longer`
    : undefined;
}
