// Reading a socket: what comes is handed out whole and unchanged.
import { once } from 'node:events';
import net from 'node:net';
import t from 'tap';
import { HIGH_WATER_BYTES, readAccepted, unsentBytes } from '../../../src/wire/node/socket-reads.js';
import { READ_BYTES } from '../../../src/wire/slabs.js';
import { WriteBatch } from '../../../src/wire/write-batch.js';
import { listen, serving } from '../../support/listen.js';
import { until } from '../../support/wait.js';

const BYTES = 16 * 1024 * 1024;
/** Such that no piece of it can be taken for another. */
const SENT = Buffer.from(Uint32Array.from({ length: BYTES / 4 }, (_, i) => i).buffer);

for (const isSlow of [false, true]) {
  const name = isSlow
    ? 'what takes long is read in smaller pieces'
    : 'what is worked off quickly is read in large pieces';
  t.test(`all bytes arrive unchanged; ${name}`, async (t) => {
    const reads: Buffer[] = [];
    const lengths: number[] = [];
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (accepted) => {
      const socket = readAccepted(accepted, (bytes, more) => {
        reads.push(Buffer.from(bytes));
        lengths.push(bytes.length);
        if (more) t.ok(bytes.length === READ_BYTES || bytes.length === HIGH_WATER_BYTES);
        bytes.fill(0);
        const until = performance.now() + (isSlow ? 2 : 0);
        while (performance.now() < until);
      });
      socket.once('end', () => socket.end());
    });
    const port = await serving(t, server);
    const client = net.connect(port, '127.0.0.1').resume();
    client.end(SENT);
    await once(client, 'close');
    t.ok(Buffer.concat(reads).equals(SENT));
    t.equal(Math.max(...lengths), isSlow ? HIGH_WATER_BYTES : READ_BYTES, `${lengths.length} reads`);
  });
}

t.test('bytes that the kernel has not taken are seen, also past the stream', async (t) => {
  const server = net.createServer({ pauseOnConnect: true });
  const port = await listen(server);
  t.teardown(() => server.close());
  const reader = net.connect(port, '127.0.0.1').pause();
  t.teardown(() => reader.destroy());
  const [accepted] = (await once(server, 'connection')) as [net.Socket];
  const socket = readAccepted(accepted, () => {});
  t.teardown(() => socket.destroy());
  const batch = new WriteBatch(socket, () => {});
  const piece = Buffer.alloc(256 * 1024);
  t.equal(unsentBytes(socket), 0);
  do batch.write(piece, 0, piece.length);
  while (batch.flush());
  // Behind the write past the stream that has not been taken: of this one the stream's timeout would see nothing.
  for (let i = 0; i < 40; i++) batch.write(piece, 0, piece.length);
  batch.flush();
  const before = unsentBytes(socket);
  t.ok(before > 0);
  reader.resume();
  await until(() => unsentBytes(socket) === 0 && batch.waiting === 0);
});
