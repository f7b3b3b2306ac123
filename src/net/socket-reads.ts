// How sockets are read: all into one buffer, since Node's streams take 64 KiB anew for each read, however little comes.
// Owns that buffer. Nothing is read while what was read before is being looked at, so one will do.
// Invariant: bytes from COPIED_BELOW on are handed out as a copy, for good; fewer only until the callback returns.
import net from 'node:net';
import { TLSSocket } from 'node:tls';
import { COPIED_BELOW } from '../session/byte-sink.js';

/** How much a socket reads at once, and may have waiting to be sent before its source is paused. */
export const HIGH_WATER_BYTES = 64 * 1024;
const shared = Buffer.allocUnsafeSlow(HIGH_WATER_BYTES);

/** For the `onread` of a socket. */
export function readInto(take: (bytes: Buffer) => void): net.OnReadOpts {
  return {
    buffer: shared,
    callback: (length) => {
      const bytes = shared.subarray(0, length);
      take(length < COPIED_BELOW ? bytes : Buffer.from(bytes));
      return true;
    },
  };
}

/**
 * A socket that a server has accepted with `pauseOnConnect`, begun to be read so. Returns the socket to use from now
 * on: `onread` can only be said when a socket is made, so it is one more around the same handle, where there is one.
 * What TLS has decrypted comes in buffers of its own anyway.
 */
export function readAccepted(accepted: net.Socket, take: (bytes: Buffer) => void): net.Socket {
  const holder = accepted as unknown as { _handle: { useUserBuffer?: unknown } | null };
  const handle = holder._handle;
  if (accepted instanceof TLSSocket || typeof handle?.useUserBuffer !== 'function') {
    accepted.on('data', take);
    return accepted.resume();
  }
  // Behind a PROXY header the client's first bytes may have been read already.
  const early = accepted.read() as Buffer | null;
  if (early !== null) process.nextTick(take, early);
  holder._handle = null;
  accepted.destroy();
  const options = { handle, allowHalfOpen: true, highWaterMark: HIGH_WATER_BYTES, onread: readInto(take) };
  return new net.Socket(options as net.SocketConstructorOpts);
}

/** Ends a connection by a reset, where it can have one: a unix socket cannot. */
export function resetSocket(socket: net.Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
  }
}
