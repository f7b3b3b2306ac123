// ioredis through the proxy, in RESP2 and RESP3, beside ioredis on a direct connection.
import { createRequire } from 'node:module';
import { Redis } from 'ioredis';
import t from 'tap';
import { playCases } from './cases.js';
import { type IoredisTools, ioredisCommands } from './ioredis-commands.js';
import { ioredisConnections } from './ioredis-connections.js';
import { withSides } from './sides.js';

const { version } = createRequire(import.meta.url)('ioredis/package.json') as { version: string };

for (const protocol of [2, 3] as const) {
  t.test(`ioredis ${version}, RESP${protocol}`, async (t) => {
    await playCases<IoredisTools>(t, {
      ...{ name: `ioredis-resp${protocol}`, client: 'ioredis', version, protocol: `RESP${protocol}` },
      sides: await withSides(t),
      cases: [...ioredisCommands, ...ioredisConnections],
      tools: (side, later) => ({
        side,
        protocol,
        connect(options = {}) {
          const client = new Redis({ host: '127.0.0.1', port: side.port, protocol, ...options });
          later(() => client.disconnect());
          return client;
        },
      }),
    });
  });
}
