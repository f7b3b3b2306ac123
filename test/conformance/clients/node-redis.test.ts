// node-redis through the proxy, in RESP2 and RESP3, beside node-redis on a direct connection.
import { createRequire } from 'node:module';
import t from 'tap';
import { playCases } from './cases.js';
import { makeClient, type NodeRedisTools, nodeRedisCommands } from './node-redis-commands.js';
import { nodeRedisConnections, nodeRedisTracking } from './node-redis-connections.js';
import { withSides } from './sides.js';

const { version } = createRequire(import.meta.url)('redis/package.json') as { version: string };

for (const protocol of [2, 3] as const) {
  t.test(`node-redis ${version}, RESP${protocol}`, async (t) => {
    await playCases<NodeRedisTools>(t, {
      ...{ name: `node-redis-resp${protocol}`, client: 'node-redis', version, protocol: `RESP${protocol}` },
      sides: await withSides(t),
      cases: [...nodeRedisCommands, ...(protocol === 3 ? nodeRedisTracking : []), ...nodeRedisConnections],
      tools(side, later) {
        const create: NodeRedisTools['create'] = (options) => {
          const client = makeClient(side.port, protocol, options);
          later(() => client.isOpen && client.destroy());
          return client;
        };
        const connect: NodeRedisTools['connect'] = async (options) => {
          const client = create(options);
          await client.connect();
          return client;
        };
        return { side, protocol, create, connect };
      },
    });
  });
}
