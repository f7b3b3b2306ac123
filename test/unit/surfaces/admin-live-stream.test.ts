// The live stream over real HTTP: what readers get, how many may read, and what becomes of one that does not.
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { fastify } from 'fastify';
import t, { type Test } from 'tap';
import type { LiveSnapshot } from '../../../src/observe/snapshots/live.js';
import { addLiveStream } from '../../../src/surfaces/admin/live-stream.js';
import { until } from '../../support/wait.js';

async function start(t: Test) {
  const app = fastify({ forceCloseConnections: true });
  const watchers = new Set<(live: LiveSnapshot) => void>();
  addLiveStream(app, {
    subscribe(take) {
      watchers.add(take);
      return () => watchers.delete(take);
    },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  return {
    app,
    port,
    watchers,
    /** Only what is sent counts here, not what it means. */
    send: (snapshot: object) => {
      for (const take of watchers) take(snapshot as LiveSnapshot);
    },
  };
}

async function read(port: number) {
  const response = await fetch(`http://127.0.0.1:${port}/api/stream`);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    response,
    /** Waits for it. */
    async until(wanted: string): Promise<string> {
      while (!text.includes(wanted)) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
        if (done) throw new Error(`ended after ${text}`);
        text += value;
      }
      const all = text;
      text = '';
      return all;
    },
    /** Resolves at its end, however it comes. */
    async ended(): Promise<void> {
      try {
        while ((await reader?.read())?.done === false);
      } catch {}
    },
    cancel: () => reader?.cancel(),
  };
}

t.test('all readers get each snapshot as one event; without readers none is taken', async (t) => {
  const { port, watchers, send } = await start(t);
  t.equal(watchers.size, 0);
  const readers = [await read(port), await read(port)];
  t.equal(watchers.size, 1, 'one source for all');
  send({ text: 'a\nb' });
  send({ second: true });
  for (const reader of readers) {
    t.equal(reader.response.status, 200);
    t.match(reader.response.headers.get('content-type'), 'text/event-stream');
    const text = await reader.until('second');
    t.match(text, 'event: snapshot\ndata: {"text":"a\\nb"}\n\nevent: snapshot\ndata: {"second":true}\n\n');
  }
  for (const reader of readers) await reader.cancel();
  await until(() => watchers.size === 0, { describe: 'the source to be left alone' });
});

t.test('readers beyond the limit are refused', async (t) => {
  const { port } = await start(t);
  const readers = await Promise.all(Array.from({ length: 16 }, () => read(port)));
  t.ok(readers.every(({ response }) => response.status === 200));
  const refused = await fetch(`http://127.0.0.1:${port}/api/stream`);
  t.equal(refused.status, 503);
  t.match(await refused.json(), { error: 'too_many_streams', message: /16/ });
  await readers[0].cancel();
  await until(async () => {
    const again = await read(port);
    await again.cancel();
    return again.response.status === 200;
  });
});

t.test('a reader that does not read is closed, and others go on', async (t) => {
  const { app, port, send } = await start(t);
  const good = await read(port);
  const idle = connect({ host: '127.0.0.1', port });
  t.teardown(() => idle.destroy());
  idle.pause();
  idle.write('GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const filler = 'x'.repeat(200_000);
  idle.on('error', () => {});
  const connections = () =>
    new Promise<number>((resolve) => app.server.getConnections((_error, count) => resolve(count)));
  await until(async () => (await connections()) === 2);
  let sent = 0;
  await until(
    async () => {
      send({ sent, filler });
      await good.until(`"sent":${sent++},`);
      return (await connections()) === 1;
    },
    { describe: 'the end of the one that does not read', timeoutMs: 20_000 },
  );
  send({ last: true });
  t.match(await good.until('"last"'), 'last');
});

t.test('streams end with the server', async (t) => {
  const { app, port } = await start(t);
  const reader = await read(port);
  const idle = connect({ host: '127.0.0.1', port });
  idle.on('error', () => {});
  idle.write('GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(idle, 'data');
  await app.close();
  await reader.ended();
  if (!idle.closed) await once(idle, 'close');
  t.ok(idle.closed);
});
