// Detaches an accepted socket from the server that accepted it, so that it can be sent to another process. Otherwise Node
// would keep track of it in both processes. Touches Node internals, as socket-reads does.
import net from 'node:net';

/** The same connection, not yet read, in a socket that no server keeps track of. `accepted` must not be used from now on. */
export function detach(accepted: net.Socket): net.Socket {
  const holder = accepted as unknown as { _handle: unknown };
  const handle = holder._handle;
  holder._handle = null;
  accepted.destroy();
  return new net.Socket({ handle, allowHalfOpen: true, pauseOnCreate: true } as net.SocketConstructorOpts);
}
