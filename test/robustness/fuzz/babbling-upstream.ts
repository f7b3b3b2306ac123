// A server that no Redis can be made to be: it answers the first bytes of a connection with whatever the test says.
// A connection whose first bytes hold `healthy` is answered as Redis would: one PONG for each PING.
// Owns its sockets; what the proxy's own connection asks is answered with noise.
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import type { TestScope } from '../../support/redis.js';

export interface BabblingUpstream {
  readonly port: number;
  /** Connections whose first bytes hold this text are answered with these bytes, and ended. */
  say(text: string, bytes: Buffer): void;
}

export async function withBabblingUpstream(t: TestScope, noise: () => Buffer): Promise<BabblingUpstream> {
  const said = new Map<string, Buffer>();
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let healthy: boolean | undefined;
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      healthy ??= text.includes('healthy');
      if (healthy) {
        socket.write('+PONG\r\n'.repeat(text.split('PING').length - 1));
        return;
      }
      const key = /say-[0-9]+-/.exec(text)?.[0];
      const bytes = key === undefined ? undefined : said.get(key);
      if (bytes === undefined) socket.write(noise());
      else socket.end(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    say: (text, bytes) => {
      said.set(text, bytes);
    },
  };
}
