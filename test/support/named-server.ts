// A name whose meaning the test chooses, for this process's own lookups, and two servers at one port of two addresses.
import dns from 'node:dns';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import { type TestScope, withRedis } from './redis.js';

/** All of 127/8 is this machine, of which servers listen on the first alone. */
export const [FIRST, SECOND] = ['127.0.0.1', '127.0.0.2'] as const;

export type Answer = (error: NodeJS.ErrnoException | null, addresses?: dns.LookupAddress[]) => void;

export interface Name {
  readonly name: string;
  /** An address; a function: what becomes of a question. */
  meaning: string | ((answer: Answer) => void);
  /** How often it was asked for. */
  questions: number;
}

/** Until `t` ends. */
export function withName(t: TestScope, name: string): Name {
  const kept: Name = { name, meaning: FIRST, questions: 0 };
  const { lookup } = dns;
  // Node asks for it by this property for each connection.
  dns.lookup = ((host: string, options: dns.LookupOptions, callback: (...args: unknown[]) => void) => {
    if (host !== name) return lookup(host, options, callback as never);
    kept.questions++;
    const answer: Answer = (error, addresses = []) => {
      const [first] = addresses;
      if (options.all || error !== null) callback(error, addresses);
      else callback(null, first?.address, first?.family);
    };
    const { meaning } = kept;
    if (typeof meaning === 'function') meaning(answer);
    else setImmediate(() => answer(null, [{ address: meaning, family: 4 }]));
  }) as typeof dns.lookup;
  t.teardown(() => {
    dns.lookup = lookup;
  });
  return kept;
}

/** What a resolver says of an unknown name. */
export function unknown({ name }: Name): (answer: Answer) => void {
  const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
  return (answer) => void setImmediate(() => answer(error));
}

/**
 * The first one is at FIRST, the other one also at SECOND and the first one's port. With `secure` they also listen by TLS: at the
 * port that the first one has for it, and in the same way.
 */
export async function withTwoServers(
  t: TestScope,
  args: (first: RedisProcess) => readonly string[],
  secure?: readonly [of: Secure, ofOther: Secure],
): Promise<[RedisProcess, RedisProcess]> {
  const one = await withRedis(t, secure?.[0].args);
  const other = await withRedis(t, [...args(one), ...(secure?.[1].args ?? [])]);
  await withDoor(t, one.port, other.port);
  if (secure !== undefined) await withDoor(t, secure[0].port, secure[1].port);
  return [one, other];
}

/** How a server listens by TLS. */
export interface Secure {
  readonly port: number;
  readonly args: readonly string[];
}

/** At SECOND and `port` is what is at FIRST and `to`. */
async function withDoor(t: TestScope, port: number, to: number): Promise<void> {
  const door = net.createServer((near) => {
    const far = net.connect(to, FIRST);
    for (const socket of [near, far]) socket.on('error', () => {});
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await once(door.listen(port, SECOND), 'listening');
  t.teardown(() => door.close());
  if ((door.address() as AddressInfo).port !== port) throw new Error('the door is elsewhere');
}
