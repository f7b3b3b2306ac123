// A server that sends much at once: its socket gets its share of each turn of the event loop and no more, whoever pauses
// and resumes it meanwhile, and all that it has sent arrives.
import { once } from 'node:events';
import net from 'node:net';
import t from 'tap';
import { READ_BYTES } from '../../../src/wire/slabs.js';
import { connectUpstream } from '../../../src/wire/upstream/upstream-socket.js';
import { serving } from '../../support/listen.js';

const SENT_BYTES = 30 * 1024 * 1024;

t.test('a server that sends much at once', async (t) => {
  const server = net.createServer((client) => client.end(Buffer.alloc(SENT_BYTES, 'x')));
  const port = await serving(t, server);
  const socket = connectUpstream(
    { host: '127.0.0.1', port, connectTimeoutMs: 5000, keepAliveMs: 0 },
    () => {},
  );
  t.teardown(() => socket.destroy());

  const turns = [0];
  const nextTurn = (): void => {
    turns.push(0);
    if (!socket.readableEnded) setImmediate(nextTurn);
  };
  let pauses = 0;
  socket.listen((bytes) => {
    turns[turns.length - 1] += bytes.length;
    // As a client does that lags behind, and has caught up a moment later.
    socket.pause();
    const resume = () => socket.resume();
    if (++pauses % 10 === 0) setTimeout(resume, 1);
    else process.nextTick(resume);
  });
  setImmediate(nextTurn);
  await once(socket, 'end');
  t.equal(
    turns.reduce((sum, bytes) => sum + bytes, 0),
    SENT_BYTES,
  );
  const most = Math.max(...turns);
  t.ok(most <= READ_BYTES, `one read in a turn, no more: ${most} bytes`);
});
