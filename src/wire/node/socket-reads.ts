// How sockets are read: all into one buffer, because Node's streams allocate 64 KB for each read, however little arrives.
// The buffer holds most values whole, and a command that arrives in one read need not be cut.
// Owns this buffer. One is enough: nothing is read while the previous read is being processed.
// Invariant: bytes are lent only until the callback returns.
import net from 'node:net';
import { TLSSocket } from 'node:tls';
import { READ_BYTES, slabs } from '../slabs.js';

/** A socket whose last long read took less time may read longer pieces. */
const CHEAP_MS = 1;
/** Bytes that may wait in a socket before its source is paused. */
export const HIGH_WATER_BYTES = 64 * 1024;
/** The most that TLS decrypts at once: a full record probably has another behind it. */
const TLS_RECORD_BYTES = 16 * 1024;
const shared = Buffer.allocUnsafeSlow(READ_BYTES);
/** For a socket whose bytes take long to handle, and for all sockets while slow readers hold much memory. */
const short = shared.subarray(0, HIGH_WATER_BYTES);

/** A socket that is read once in a turn of the event loop. */
export interface PacedReader {
  /** Stops reading it, also when others resume it. */
  rest(): void;
  /** It may be read again, if nobody has paused it. */
  readOn(): void;
}

/**
 * For the `onread` of a socket. It reads HIGH_WATER_BYTES at once, and up to READ_BYTES while so much is worked off in less
 * than CHEAP_MS, as large values are, and many small commands are not.
 * @param take gets what was read, and whether there may be more: the read filled the buffer. false: it kept a copy, for later
 * @param reader is not read further after such a read in a turn of the event loop: libuv would go on up to 32 times, and a
 *   turn would last as long as all that many sockets have brought
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
 * A socket that a server has accepted with `pauseOnConnect`, begun to be read so. Returns the socket to use from now
 * on: `onread` can only be said when a socket is made, so it is one more around the same handle, where there is one.
 * What TLS has decrypted comes in buffers of its own anyway. `take` as that of readInto().
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
  // Behind a PROXY header the client's first bytes may have been read already.
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

/** Bytes of a socket that the kernel has not taken, of those that Node has handed to it. */
export function unsentBytes(socket: net.Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { writeQueueSize?: number } | null };
  return handle?.writeQueueSize ?? 0;
}

/** Ends a connection by a reset, where it can have one: a unix socket cannot. */
export function resetSocket(socket: net.Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
  }
}
