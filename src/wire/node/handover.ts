// An accepted socket made ready to be given to another process: the server that accepted it must know of it no longer,
// since Node would then keep books on it in both processes.
// Touches Node internals, as socket-reads does.
import net from 'node:net';

/** The same connection, not read, in a socket that belongs to nobody. `accepted` is of no use from now on. */
export function detach(accepted: net.Socket): net.Socket {
  const holder = accepted as unknown as { _handle: unknown };
  const handle = holder._handle;
  holder._handle = null;
  accepted.destroy();
  return new net.Socket({ handle, allowHalfOpen: true, pauseOnCreate: true } as net.SocketConstructorOpts);
}
