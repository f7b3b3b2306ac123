// Listen addresses as people write them, "host:port", and back.
// Resolves no names; a host name is only checked for its letters.
import { BlockList, isIPv4, isIPv6 } from 'node:net';

export interface ListenAddress {
  /** Name or IP without brackets; '' means all interfaces (net.Server.listen takes it so, with IPv6 where it is). */
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
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

/** The inverse of parseListenAddress. */
export function formatListenAddress({ host, port }: ListenAddress): string {
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
