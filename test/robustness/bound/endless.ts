// Clients that begin a line and never end it. Redis refuses such a line at 64 KB and closes; so must it be seen here.
// The exact texts, at every cut, are in limits.test.ts: here it is many at once, who go on sending regardless.

import { until } from '../../support/wait.js';
import { insist, type Scenario, TRAFFIC } from './scenario.js';
import { open, sendTimes } from './sockets.js';

/** What each sends at most: it is ended long before. */
const LIMIT_BYTES = 16 * 1024 * 1024;

function endless(name: string, what: string, begin: string, unit: string): Scenario {
  return {
    name,
    title: `clients that send ${what} without end`,
    unit: 'clients',
    ci: 20,
    full: 500,
    bound: () => TRAFFIC,
    because: 'Spillway holds at most 64 KB of a line, then leaves it to Redis, which closes',
    async offend({ port }, size) {
      let ended = 0;
      await Promise.all(
        Array.from({ length: size }, async () => {
          const socket = await open(port);
          socket.resume();
          socket.write(begin);
          await sendTimes(socket, Buffer.from(unit.repeat(1024)), LIMIT_BYTES / 1024 / unit.length);
          await until(() => socket.destroyed || socket.readableEnded, { timeoutMs: 60_000 });
          ended++;
          socket.destroy();
        }),
      );
      insist('clients that were ended', ended, size);
      return {};
    },
  };
}

export const ENDLESS: readonly Scenario[] = [
  endless('endless-inline', 'an inline command', 'SET a ', 'a'),
  endless('endless-multibulk', 'the number of arguments', '*', '9'),
  endless('endless-bulk', 'the length of an argument', '*2\r\n$4\r\nECHO\r\n$', '9'),
];
