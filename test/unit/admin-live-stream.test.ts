// The live stream over real HTTP: what readers get, how many may read, and what becomes of one that does not.
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { fastify } from 'fastify';
import t, { type Test } from 'tap';
import { addLiveStream } from '../../src/admin/live-stream.js';
import type { LiveSnapshot } from '../../src/admin/types.js';
import { until } from '../support/wait.js';

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
      return text;
    },
    ended: () =>
      reader?.closed.then(
        () => 'orderly',
        () => 'cut',
      ),
    cancel: () => reader?.cancel(),
  };
}

t.test('all readers get each snapshot as one event; nobody is asked while nobody reads', async (t) => {
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

t.test('so many may read, not one more', async (t) => {
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

t.test('one that does not read is ended, the others go on', async (t) => {
  const { port, send } = await start(t);
  const good = await read(port);
  const idle = connect({ host: '127.0.0.1', port });
  t.teardown(() => idle.destroy());
  idle.pause();
  idle.write('GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const filler = 'x'.repeat(200_000);
  let ended = false;
  idle.on('close', () => {
    ended = true;
  });
  idle.on('error', () => {});
  // Enough for any buffer between the two: far more than what may wait, or it would never be noticed here.
  for (let i = 0; i < 300; i++) {
    send({ i, filler });
    await good.until(`"i":${i},`);
  }
  idle.resume();
  await until(() => ended, { describe: 'the end of the one that did not read' });
  send({ last: true });
  await good.until('"last"');
});

t.test('streams end with the server', async (t) => {
  const { app, port } = await start(t);
  const reader = await read(port);
  const idle = connect({ host: '127.0.0.1', port });
  idle.on('error', () => {});
  idle.write('GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(idle, 'data');
  await app.close();
  t.ok(await reader.ended());
  t.ok(idle.destroyed || (await once(idle, 'close')));
});
