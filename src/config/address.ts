// Listen addresses as people write them, "host:port" or "unix:/path", and back.
// Resolves no names; a host name is only checked for its letters.
import { BlockList, isIPv4, isIPv6 } from 'node:net';

export interface ListenAddress {
  /** Name or IP without brackets; '' means all interfaces (net.Server.listen takes it so, with IPv6 where it is). */
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
}

/** Where clients connect: host and port, or a unix socket. */
export interface DataAddress extends ListenAddress {
  /** Of the socket; then host is '' and port 0, and mean nothing. */
  readonly path?: string | undefined;
}

/** A text that is no address; the message reads as the end of "<field> …". */
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

/** The system takes no longer path for a unix socket. */
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
      `must be an absolute path behind "unix:", such as "unix:/run/spillway.sock", of at most ${MAX_PATH_BYTES} bytes`,
    );
  }
  return { host: '', port: 0, path };
}

/** The inverse of parseDataAddress. */
export function formatListenAddress({ host, port, path }: DataAddress): string {
  if (path !== undefined) return `unix:${path}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether only this machine can reach it. "localhost" is taken at its word. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return loopback.check(host, 'ipv4');
  if (isIPv6(host)) return loopback.check(host, 'ipv6');
  return host.toLowerCase() === 'localhost';
}

/** "999.1.1.1" or "10.0.0" is a mistyped IP, not a name: the resolver's answer would only puzzle. */
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
