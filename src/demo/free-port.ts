// A free port on loopback for a private server.
// Invariant: never an ephemeral one, so that no outgoing connection takes it, or connects to itself, meanwhile.
import { once } from 'node:events';
import net from 'node:net';

const RANGE = { from: 18_000, to: 32_000 };

/** A loopback port on which nobody listens. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = RANGE.from + Math.floor(Math.random() * (RANGE.to - RANGE.from));
    if (await isPortFree(port)) return port;
  }
}

/** Whether a server could listen on this loopback port now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = net.createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  await new Promise((resolve) => server.close(resolve));
  return true;
}
