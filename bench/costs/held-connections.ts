// Connections that are open and do nothing. Owned by this process.
import { readFileSync } from 'node:fs';
import net from 'node:net';

const AT_A_TIME = 100;
/** A little below 10,000, Redis's own default of maxclients, since others speak to it, too. */
const MOST = 9900;
/** For the log, the listeners, the modules: whatever is no connection of a client. */
const OTHER_DESCRIPTORS = 200;

/** As many clients as a proxy can have that needs two descriptors for each. */
export function clientLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const [, hard = ''] = /^Max open files\s+\S+\s+(\S+)/m.exec(limits) ?? [];
  const descriptors = hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
  return Math.min(MOST, Math.floor((descriptors - OTHER_DESCRIPTORS) / 2));
}

/** Resolves when all of them have been answered once, so that what stands behind the port is there, too. */
export async function holdConnections(port: number, count: number): Promise<() => void> {
  const sockets: net.Socket[] = [];
  const release = (): void => {
    // A reset leaves no port behind in TIME_WAIT: thousands of them would be missed.
    for (const socket of sockets) socket.resetAndDestroy();
  };
  try {
    while (sockets.length < count) {
      const some = Array.from({ length: Math.min(AT_A_TIME, count - sockets.length) }, () => open(port));
      sockets.push(...(await Promise.all(some)));
    }
  } catch (error) {
    release();
    throw error;
  }
  return release;
}

function open(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('error', reject);
    socket.once('close', () => reject(new Error(`port ${port} closed a connection`)));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (reply) => {
      if (reply.toString('latin1') === '+PONG\r\n') resolve(socket);
      else reject(new Error(`PING was answered with ${reply.toString('latin1')}`));
    });
  });
}
