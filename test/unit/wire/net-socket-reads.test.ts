// Reading a socket: what comes is handed out whole and unchanged.
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import t from 'tap';
import { readAccepted } from '../../../src/wire/node/socket-reads.js';
import { READ_BYTES } from '../../../src/wire/slabs.js';

const BYTES = 16 * 1024 * 1024;
/** Such that no piece of it can be taken for another. */
const SENT = Buffer.from(Uint32Array.from({ length: BYTES / 4 }, (_, i) => i).buffer);

t.test('what comes is handed out whole and unchanged, much of it at once', async (t) => {
  const reads: Buffer[] = [];
  let filled = 0;
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (accepted) => {
    const socket = readAccepted(accepted, (bytes, more) => {
      reads.push(Buffer.from(bytes));
      if (more) filled++;
      t.equal(more, bytes.length === READ_BYTES);
      bytes.fill(0);
    });
    socket.once('end', () => socket.end());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const client = net.connect(port, '127.0.0.1').resume();
  client.end(SENT);
  await once(client, 'close');
  t.ok(Buffer.concat(reads).equals(SENT));
  t.ok(filled > 0, `reads that filled the buffer: ${filled} of ${reads.length}`);
});
