// Reading a socket: what comes is handed out whole and unchanged, in larger reads while something large is under way.
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import t from 'tap';
import { HIGH_WATER_BYTES, readAccepted } from '../../../src/wire/node/socket-reads.js';

const BYTES = 16 * 1024 * 1024;
/** Such that no piece of it can be taken for another. */
const SENT = Buffer.from(Uint32Array.from({ length: BYTES / 4 }, (_, i) => i).buffer);

for (const isLarge of [false, true]) {
  t.test(isLarge ? 'in the middle of something large' : 'nothing large is under way', async (t) => {
    const reads: Buffer[] = [];
    let left = BYTES;
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (accepted) => {
      const take = (bytes: Buffer): void => {
        reads.push(Buffer.from(bytes));
        left -= bytes.length;
      };
      const socket = readAccepted(accepted, take, () => (isLarge ? left : 0));
      socket.once('end', () => socket.end());
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    t.teardown(() => server.close());
    const { port } = server.address() as AddressInfo;
    const client = net.connect(port, '127.0.0.1').resume();
    client.end(SENT);
    await once(client, 'close');
    t.ok(Buffer.concat(reads).equals(SENT));
    const largest = Math.max(...reads.map(({ length }) => length));
    t.equal(largest > HIGH_WATER_BYTES, isLarge, `the largest of ${reads.length} reads: ${largest} bytes`);
  });
}
