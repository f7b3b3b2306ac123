// A free port on loopback for a private server.
// Invariants: never an ephemeral port, so that no outgoing connection takes it meanwhile, or connects to itself; no port is
// handed out twice while others are left, since its first user may not listen yet.
import { once } from 'node:events';
import net from 'node:net';

const RANGE = { from: 18_000, to: 32_000 };
/** Processes that search at the same time begin in different parts of the range. */
const PARTS = 50;
const PART_PORTS = (RANGE.to - RANGE.from) / PARTS;

let part = process.pid % PARTS;
let left: number[] = [];

/** A loopback port on which nobody listens. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    if (left.length === 0) {
      const first = RANGE.from + part * PART_PORTS;
      left = Array.from({ length: PART_PORTS }, (_, i) => first + i);
      part = (part + 1) % PARTS;
    }
    const [port] = left.splice(Math.floor(Math.random() * left.length), 1);
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
