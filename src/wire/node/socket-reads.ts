// How sockets are read: all into one buffer, since Node's streams take 64 KiB anew for each read, however little comes.
// A socket that fills it in the middle of a large argument or reply reads into a larger one until that ends: there are
// fewer reads then, and a turn lasts no longer, since nobody looks into such bytes.
// Owns these buffers. Nothing is read while what was read before is being looked at, so one of each will do.
// Invariant: bytes from COPIED_BELOW on are handed out as a copy, for good; fewer only until the callback returns.
import net from 'node:net';
import { TLSSocket } from 'node:tls';
import { COPIED_BELOW } from '../../core/session/byte-sink.js';

/** How much a socket reads at once as a rule, and may have waiting to be sent before its source is paused. */
export const HIGH_WATER_BYTES = 64 * 1024;
/** How much a socket reads at once at most. */
const LARGE_READ_BYTES = 256 * 1024;
/** So many reads that fill the buffer a server's socket may do in a turn of the event loop: libuv would do 32. */
const FULL_READS = 4;
const shared = Buffer.allocUnsafeSlow(HIGH_WATER_BYTES);
const large = Buffer.allocUnsafeSlow(LARGE_READ_BYTES);

/** A socket that is read only so much in a turn of the event loop. */
export interface PacedReader {
  /** It is not to be read any further, whoever asks for that. */
  rest(): void;
  /** It may be read again, if nobody has paused it. */
  readOn(): void;
}

/**
 * For the `onread` of a socket. `missing` tells how many bytes are still to come of the argument or reply under way; it
 * is asked after reads that fill the buffer.
 * With one value of 100 MB: 0.35 to 0.44 of direct (session pooling), 0.39 to 0.45 (command pooling).
 * @param reader is not read further after FULL_READS in a turn of the event loop: else a turn lasts as long as all that
 *   many sockets have brought, up to 2 MiB or more of each
 */
export function readInto(
  take: (bytes: Buffer) => void,
  missing: () => number,
  reader?: PacedReader,
): net.OnReadOpts {
  let buffer = shared;
  let fullReads = 0;
  const turnEnds = (): void => {
    const rests = fullReads >= FULL_READS;
    fullReads = 0;
    if (rests) reader?.readOn();
  };
  return {
    // Node asks once at the beginning, and after each read.
    buffer: () => buffer,
    callback: (length) => {
      const bytes = buffer.subarray(0, length);
      const full = length === buffer.length;
      if (full && reader !== undefined) {
        if (++fullReads === 1) setImmediate(turnEnds);
        if (fullReads === FULL_READS) reader.rest();
      }
      take(length < COPIED_BELOW ? bytes : Buffer.from(bytes));
      buffer = full && missing() >= HIGH_WATER_BYTES ? large : shared;
      return fullReads < FULL_READS;
    },
  };
}

/**
 * A socket that a server has accepted with `pauseOnConnect`, begun to be read so. Returns the socket to use from now
 * on: `onread` can only be said when a socket is made, so it is one more around the same handle, where there is one.
 * What TLS has decrypted comes in buffers of its own anyway.
 */
export function readAccepted(
  accepted: net.Socket,
  take: (bytes: Buffer) => void,
  missing: () => number,
): net.Socket {
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
  const options = {
    handle,
    allowHalfOpen: true,
    highWaterMark: HIGH_WATER_BYTES,
    onread: readInto(take, missing),
  };
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
