// The HTTP application under load, a process of its own: node:http, and handlers that talk to Redis by ioredis.
// It knows nothing of a proxy: REDIS_PORT says where its Redis is. Prints its own port when it listens.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';

const KEYS = 10_000;
const VALUE = 'v'.repeat(256);

const redis = new Redis({ host: '127.0.0.1', port: Number(process.env.REDIS_PORT) });

let next = 0;

function key(): string {
  next = (next + 7919) % KEYS;
  return `cache:${next}`;
}

const handlers: Readonly<Record<string, () => Promise<string>>> = {
  '/get': async () => (await redis.get(key())) ?? 'none',
  '/set': async () => redis.set(key(), VALUE),
  '/mixed': async () => {
    const results = await redis.pipeline().get(key()).set(key(), VALUE).incr('count:visits').exec();
    const failed = results?.find(([error]) => error !== null);
    if (failed !== undefined) throw failed[0];
    return 'done';
  },
};

const server = http.createServer((request, response) => {
  const handler = handlers[request.url ?? ''];
  if (handler === undefined) {
    response.writeHead(404).end();
    return;
  }
  handler().then(
    (text) => response.end(text),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});

await redis.ping();
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});

// The benchmark holds the other end: without it there is nothing to serve.
process.on('disconnect', () => process.exit(0));
