// Headers of the PROXY protocol, version 2, as a load balancer sends them; also broken ones.

/** @param command 0x21 PROXY, 0x20 LOCAL @param kind 0x11 TCP over IPv4, 0x21 over IPv6 */
export function proxyHeader(command: number, kind: number, rest: Buffer = Buffer.alloc(0)): Buffer {
  const fixed = Buffer.from('\r\n\r\n\0\r\nQUIT\n\0\0\0\0', 'latin1');
  fixed[12] = command;
  fixed[13] = kind;
  fixed.writeUInt16BE(rest.length, 14);
  return Buffer.concat([fixed, rest]);
}

/** What comes before the bytes of a client at this IPv4 address. */
export function fromAddress(address: string, port: number): Buffer {
  const rest = Buffer.alloc(12);
  rest.set(address.split('.').map(Number));
  rest.writeUInt16BE(port, 8);
  return proxyHeader(0x21, 0x11, rest);
}
