// Where clients come from: their addresses as text, and lists of networks to match them against.
import { BlockList, isIPv4, type Socket } from 'node:net';

/** In a list: clients of a unix socket. */
const UNIX = 'unix';
/** An IPv4 address as seen by a socket that listens for both kinds. */
const MAPPED = /^::ffff:([0-9.]+)$/;

/** "192.0.2.1:50000" or "[2001:db8::1]:50000"; "unix" for a unix socket, and for a peer that has already gone. */
export function sourceOf({ remoteAddress, remotePort }: Socket): string {
  if (remoteAddress === undefined) return UNIX;
  const mapped = MAPPED.exec(remoteAddress)?.[1];
  if (mapped !== undefined) return `${mapped}:${remotePort}`;
  return `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
}

export class SourceList {
  private readonly networks = new BlockList();
  private readonly unix: boolean;

  /** @param sources addresses, networks as "10.0.0.0/8", and "unix"; they must have been checked */
  constructor(sources: readonly string[]) {
    this.unix = sources.includes(UNIX);
    for (const source of sources) {
      if (source === UNIX) continue;
      const [address, prefix] = source.split('/');
      const family = isIPv4(address) ? 'ipv4' : 'ipv6';
      this.networks.addSubnet(
        address,
        prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix),
        family,
      );
    }
  }

  has({ remoteAddress }: Socket): boolean {
    if (remoteAddress === undefined) return this.unix;
    return this.networks.check(remoteAddress, isIPv4(remoteAddress) ? 'ipv4' : 'ipv6');
  }
}
