// A TCP relay to a Redis that can misbehave where a real one cannot be made to: it changes what INFO memory answers to the
// memory monitor, and lets connections that stand go silent without an end while new ones work (a VIP that has moved, a
// firewall that has lost its state), or lets nothing be answered at all. Knows a monitor by its name.
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { TestScope } from './redis.js';

export interface InfoRelay {
  readonly port: number;
  /** What becomes of an INFO memory text: another text, or the bytes of another reply; undefined: it is not answered. */
  change: ((text: string) => string | Buffer | undefined) | undefined;
  /** What is answered to a monitor is late by so many milliseconds. */
  lateMs: number;
  /** All connections that stand go dead, both ways. */
  silence(): void;
  /** While set, those that are made are accepted and go dead, too. */
  dead: boolean;
}

/** A relay to 127.0.0.1:`target`; gone when `t` ends. */
export async function withInfoRelay(t: TestScope, target: number): Promise<InfoRelay> {
  const sockets = new Set<Socket>();
  let generation = 0;
  const relay = {
    ...{ port: 0, change: undefined, lateMs: 0, dead: false },
    silence: () => void generation++,
  } as InfoRelay & { port: number };
  const halfOpen = { noDelay: true, allowHalfOpen: true };
  const server = net.createServer(halfOpen, (near) => {
    const far = net.connect({ port: target, host: '127.0.0.1', ...halfOpen });
    const born = generation;
    const silent = (): boolean => generation !== born || relay.dead;
    let monitors = false;
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    near.on('data', (bytes: Buffer) => {
      if (silent()) return;
      monitors ||= bytes.includes('spillway-monitor');
      far.write(bytes);
    });
    far.on('data', (bytes: Buffer) => {
      if (silent()) return;
      const answer = monitors && relay.change !== undefined ? changed(bytes, relay.change) : bytes;
      if (answer === undefined) return;
      if (monitors && relay.lateMs > 0) setTimeout(() => near.write(answer), relay.lateMs).unref();
      else near.write(answer);
    });
    // An end is lost on a silent connection, too.
    near.on('end', () => !silent() && far.end());
    far.on('end', () => !silent() && near.end());
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  relay.port = (server.address() as AddressInfo).port;
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return relay;
}

/** Every bulk or verbatim string with a used_memory in it, with another text; the rest as it is. */
function changed(bytes: Buffer, change: (text: string) => string | Buffer | undefined): Buffer | undefined {
  const out: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const header = /^([$=])(\d+)\r\n/.exec(bytes.toString('latin1', at, at + 16));
    const from = at + (header?.[0].length ?? 0);
    const to = from + Number(header?.[2] ?? 0);
    const text = bytes.toString('latin1', from, to);
    if (header === null || !text.includes('used_memory:')) {
      const line = bytes.indexOf('\r\n', at);
      const next = header === null ? (line === -1 ? bytes.length : line + 2) : to + 2;
      const end = Math.min(bytes.length, next);
      out.push(bytes.subarray(at, end));
      at = end;
      continue;
    }
    const other = change(text);
    if (other === undefined) return undefined;
    const bulk = `${header[1]}${other.length}\r\n${other}\r\n`;
    out.push(typeof other === 'string' ? Buffer.from(bulk, 'latin1') : other);
    at = to + 2;
  }
  return Buffer.concat(out);
}
