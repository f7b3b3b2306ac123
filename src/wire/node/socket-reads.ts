// How sockets are read: all into one buffer, because Node's streams allocate 64 KB for each read, however little arrives.
// The buffer holds most values whole, and a command that arrives in one read need not be cut.
// Owns this buffer. One is enough: nothing is read while the previous read is being processed.
// Invariant: bytes are lent only until the callback returns.
import net from 'node:net';
import { TLSSocket } from 'node:tls';
import { READ_BYTES, slabs } from '../slabs.js';

/** A socket whose last long read was processed in less time may read longer pieces. */
const CHEAP_MS = 1;
/** Bytes that may wait in a socket before its source is paused. */
export const HIGH_WATER_BYTES = 64 * 1024;
/** The most that TLS decrypts at once: a full record probably has another one after it. */
const TLS_RECORD_BYTES = 16 * 1024;
const shared = Buffer.allocUnsafeSlow(READ_BYTES);
/** For a socket whose bytes take long to process, and for all sockets while slow readers hold much memory. */
const short = shared.subarray(0, HIGH_WATER_BYTES);

/** A socket that is read once in a turn of the event loop. */
export interface PacedReader {
  /** Stops reading it, even if others resume it. */
  rest(): void;
  /** Reads it again, unless somebody has paused it. */
  readOn(): void;
}

/**
 * For the `onread` of a socket. It reads HIGH_WATER_BYTES at once, and up to READ_BYTES while that much is processed in less
 * than CHEAP_MS (as large values are, and many small commands are not).
 * @param take gets the bytes, and whether more may follow because the read filled the buffer. It returns false if it kept a
 * copy for later.
 * @param reader is not read again in the same turn of the event loop after such a read: libuv would go on up to 32 times, and a
 * turn
 *    would last as long as everything that so many sockets have brought
 */
export function readInto(
  take: (bytes: Buffer, more: boolean) => unknown,
  reader?: PacedReader,
): net.OnReadOpts {
  let buffer = short;
  let isCheap = false;
  const readOn = (): void => reader?.readOn();
  return {
    // Node asks once at the beginning, and after each read.
    buffer: () => buffer,
    callback: (length) => {
      const more = length === buffer.length;
      if (more && reader !== undefined) {
        reader.rest();
        setImmediate(readOn);
      }
      const bytes = shared.subarray(0, length);
      if (length < HIGH_WATER_BYTES) take(bytes, more);
      else {
        const start = performance.now();
        isCheap = take(bytes, more) !== false && performance.now() - start < CHEAP_MS;
      }
      buffer = isCheap && !slabs.isTight ? shared : short;
      return !more || reader === undefined;
    },
  };
}

/**
 * Begins to read a socket that a server has accepted with `pauseOnConnect`. Returns the socket to use from now on: `onread` can
 * only be set when a socket is made, so this makes another one around the same handle, if there is one. TLS delivers decrypted
 * bytes in buffers of its own anyway. `take` as for readInto().
 */
export function readAccepted(
  accepted: net.Socket,
  take: (bytes: Buffer, more: boolean) => unknown,
): net.Socket {
  const holder = accepted as unknown as { _handle: { useUserBuffer?: unknown } | null };
  const handle = holder._handle;
  if (accepted instanceof TLSSocket || typeof handle?.useUserBuffer !== 'function') {
    accepted.on('data', (bytes: Buffer) => take(bytes, bytes.length >= TLS_RECORD_BYTES));
    return accepted.resume();
  }
  // After a PROXY header the client's first bytes may have been read already.
  const early = accepted.read() as Buffer | null;
  if (early !== null) process.nextTick(take, early, false);
  holder._handle = null;
  accepted.destroy();
  const options = {
    handle,
    allowHalfOpen: true,
    highWaterMark: HIGH_WATER_BYTES,
    onread: readInto(take),
  };
  return new net.Socket(options as net.SocketConstructorOpts);
}

/** Bytes that Node has handed to the socket and the kernel has not taken. */
export function unsentBytes(socket: net.Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { writeQueueSize?: number } | null };
  return handle?.writeQueueSize ?? 0;
}

/** Ends a connection by a reset, if it can have one: a unix socket cannot. */
export function resetSocket(socket: net.Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
  }
}
