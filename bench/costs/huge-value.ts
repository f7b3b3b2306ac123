// One value too large for redis-benchmark, by a raw socket.
import net from 'node:net';

const PIECE = Buffer.alloc(1 << 20, 'x');
const ERROR = 0x2d;
const KEY = 'key:huge';

/** Seconds of a SET and the GET that follows it, together. @throws Error when the value does not come back whole. */
export async function timeHugeValue(port: number, bytes: number): Promise<number> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  try {
    const start = performance.now();
    await Promise.all([replyOf(socket, '+OK\r\n'.length), sendSet(socket, bytes)]);
    const fetched = replyOf(socket, `$${bytes}\r\n`.length + bytes + 2);
    socket.write(`GET ${KEY}\r\n`);
    await fetched;
    return (performance.now() - start) / 1000;
  } finally {
    socket.destroy();
  }
}

/** A piece at a time, so that this process does not hold the value whole. */
async function sendSet(socket: net.Socket, bytes: number): Promise<void> {
  await write(socket, Buffer.from(`*3\r\n$3\r\nSET\r\n$${KEY.length}\r\n${KEY}\r\n$${bytes}\r\n`));
  for (let sent = 0; sent < bytes; sent += PIECE.length) {
    await write(socket, PIECE.subarray(0, Math.min(PIECE.length, bytes - sent)));
  }
  await write(socket, Buffer.from('\r\n'));
}

function write(socket: net.Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Resolves when exactly so many bytes have come that are no error reply. */
function replyOf(socket: net.Socket, length: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = 0;
    const settle = (problem?: string): void => {
      socket.off('data', onData).off('error', onError).off('close', onClose);
      if (problem === undefined) resolve();
      else reject(new Error(problem));
    };
    const onData = (chunk: Buffer): void => {
      if (seen === 0 && chunk[0] === ERROR) {
        settle(chunk.toString('latin1').trimEnd());
        return;
      }
      seen += chunk.length;
      if (seen === length) settle();
      else if (seen > length) settle(`${seen} bytes came where ${length} were expected`);
    };
    const onError = (error: Error): void => settle(error.message);
    const onClose = (): void => settle(`the connection closed after ${seen} of ${length} bytes`);
    socket.on('data', onData).on('error', onError).on('close', onClose);
  });
}
