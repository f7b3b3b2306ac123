// GET /api/stream: server-sent events, one snapshot a second for each reader. Owns the open streams.
// Invariants: at most STREAMS streams; all get the same text, which is made once; a reader that does not keep up is closed;
// without readers nothing is asked of the proxy; all streams end with the server.
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { LiveSnapshot } from '../../observe/snapshots/live.js';
import type { AdminOptions } from './types.js';

const STREAMS = 16;
/** Bytes that may wait for a reader, besides one message of any length. */
const UNREAD_BYTES = 256 * 1024;

export function addLiveStream(app: FastifyInstance, { subscribe }: Pick<AdminOptions, 'subscribe'>): void {
  const readers = new Set<ServerResponse>();
  let unsubscribe = (): void => {};

  const forget = (reader: ServerResponse): void => {
    if (readers.delete(reader) && readers.size === 0) unsubscribe();
  };
  const send = (live: LiveSnapshot): void => {
    const text = `event: snapshot\ndata: ${JSON.stringify(live)}\n\n`;
    for (const reader of readers) {
      if (reader.writableLength > UNREAD_BYTES) reader.destroy();
      else reader.write(text);
    }
  };

  app.get('/api/stream', { exposeHeadRoute: false }, (_request, reply) => {
    if (readers.size >= STREAMS) {
      const message = `${STREAMS} streams are open, which is the limit. Close one, or use /api/stats.`;
      return reply.code(503).send({ error: 'too_many_streams', message });
    }
    reply.hijack();
    const { raw } = reply;
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) raw.setHeader(name, value);
    }
    raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    raw.write('retry: 2000\n\n');
    raw.on('close', () => forget(raw));
    raw.on('error', () => forget(raw));
    if (readers.size === 0) unsubscribe = subscribe(send);
    readers.add(raw);
    return reply;
  });
  app.addHook('preClose', async () => {
    for (const reader of readers) reader.destroy();
  });
}
