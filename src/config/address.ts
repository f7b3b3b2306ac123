// Parses and formats listen addresses: "host:port" or "unix:/path". Resolves no names; it checks only the characters of a
// host name.
import { BlockList, isIPv4, isIPv6 } from 'node:net';

export interface ListenAddress {
  /** Name or IP without brackets; '': all interfaces, with IPv6 if there is IPv6 (as in net.Server.listen). */
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
}

/** The address for clients: host and port, or a unix socket. */
export interface DataAddress extends ListenAddress {
  /** Path of a unix socket; host is then '' and port 0, and they are unused. */
  readonly path?: string | undefined;
}

/** The text is not an address. The message is the end of "<field> …". */
export class AddressError extends Error {
  override readonly name = 'AddressError';
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * "127.0.0.1:6380", "[::1]:6380", "localhost:6380", ":6380" (all interfaces) → host and port.
 * @throws AddressError
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([A-Za-z0-9._-]*)):([0-9]{1,5})$/.exec(text);
  const [, ipv6, name = '', digits] = match ?? [];
  const port = Number(digits);
  if (match === null || port > 65_535 || (ipv6 !== undefined && !isIPv6(ipv6)) || !plausibleHost(name)) {
    throw new AddressError(
      'must be host:port, such as "127.0.0.1:6380", "[::1]:6380" or ":6380" (all interfaces); ports go to 65535',
    );
  }
  return { host: ipv6 ?? name, port };
}

/** The longest path that the system accepts for a unix socket. */
const MAX_PATH_BYTES = 107;

/**
 * As parseListenAddress, and "unix:/run/spillway.sock".
 * @throws AddressError
 */
export function parseDataAddress(text: string): DataAddress {
  if (!text.startsWith('unix:')) return parseListenAddress(text);
  const path = text.slice('unix:'.length).replace(/^\/\/\//, '/');
  if (!/^\/[^\0]*[^\0/]$/.test(path) || path.startsWith('//') || Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new AddressError(
      `must be "unix:" and an absolute path of at most ${MAX_PATH_BYTES} bytes, such as "unix:/run/spillway.sock"`,
    );
  }
  return { host: '', port: 0, path };
}

/** The inverse of parseDataAddress. */
export function formatListenAddress({ host, port, path }: DataAddress): string {
  if (path !== undefined) return `unix:${path}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether only this machine can reach it. "localhost" counts as loopback without a lookup. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return loopback.check(host, 'ipv4');
  if (isIPv6(host)) return loopback.check(host, 'ipv6');
  return host.toLowerCase() === 'localhost';
}

const ANY_ADDRESS: ReadonlySet<string> = new Set(['', '0.0.0.0', '::']);

/** Whether it stands for all addresses of this machine. */
export function isAnyAddress(host: string): boolean {
  return ANY_ADDRESS.has(host);
}

/** Whether a connection to `target` reaches a server that listens on `host`, judged by the texts alone. */
export function sameMachine(host: string, target: string): boolean {
  return host === target || (isLoopback(target) && (isLoopback(host) || isAnyAddress(host)));
}

/** "999.1.1.1" or "10.0.0" is a mistyped IP address, not a name; the resolver's error would confuse the user. */
function plausibleHost(name: string): boolean {
  return isIPv4(name) || !/^[0-9.]+$/.test(name);
}

/** "10.0.0.0/8", "192.0.2.1", "fd00::/8", or "unix" for all unix sockets. */
export function isClientSource(text: string): boolean {
  if (text === 'unix') return true;
  const [, address = '', prefix] = /^([0-9a-fA-F.:]+)(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return bits > 0 && Number(prefix ?? bits) <= bits;
}
