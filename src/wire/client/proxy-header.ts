// The header of the PROXY protocol, version 2 (haproxy.org, proxy-protocol.txt, 2.2): a load balancer sends it ahead of the
// client's bytes to say who the client is. Bytes in, an address out; no socket.
// Invariant: takes no byte after the header; holds at most HEADER_BYTES of it, whatever length it declares.
//
//   12 bytes signature │ version 2, command │ family, protocol │ length, 2 bytes │ addresses │ TLVs, skipped
//                      └─ 0x20 LOCAL, 0x21 PROXY              └─ counts what follows

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_BYTES = 16;
/** The fixed part, and the longest addresses: those of two unix sockets. */
const HEADER_BYTES = FIXED_BYTES + 216;
const LOCAL = 0x20;
const PROXY = 0x21;
/** Address family and protocol, and the bytes that its addresses take. */
const TCP4 = { code: 0x11, bytes: 12 } as const;
const TCP6 = { code: 0x21, bytes: 36 } as const;
/** The fewest address bytes of the other kinds, by family: unspecified, IPv4, IPv6, unix. */
const LEAST_BYTES = [0, 12, 36, 216] as const;

export type HeaderState = 'more' | 'done' | 'malformed';

export class ProxyHeader {
  state: HeaderState = 'more';
  /** The client's address, such as "192.0.2.1:50000" or "[2001:db8::1]:50000", if the header names one. */
  source: string | undefined;
  private readonly held = Buffer.alloc(HEADER_BYTES);
  /** Bytes of the header seen so far; of these, up to HEADER_BYTES are held. */
  private seen = 0;
  private total = FIXED_BYTES;

  /** Returns how many of these bytes belong to the header. */
  take(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && this.state === 'more') {
      const length = Math.min(bytes.length - at, this.total - this.seen);
      if (this.seen < HEADER_BYTES)
        this.held.set(bytes.subarray(at, at + Math.min(length, HEADER_BYTES - this.seen)), this.seen);
      this.seen += length;
      at += length;
      this.look();
    }
    return at;
  }

  private look(): void {
    const { held, seen } = this;
    const start = Math.min(seen, SIGNATURE.length);
    if (held.compare(SIGNATURE, 0, start, 0, start) !== 0) this.state = 'malformed';
    else if (seen === FIXED_BYTES && this.total === FIXED_BYTES) this.readFixed();
    else if (seen === this.total && seen > FIXED_BYTES) this.finish();
  }

  private readFixed(): void {
    const { held } = this;
    const [command, kind] = [held[12], held[13]];
    const length = held.readUInt16BE(14);
    this.total = FIXED_BYTES + length;
    const known =
      (command === LOCAL || command === PROXY) && kind >> 4 < LEAST_BYTES.length && (kind & 15) <= 2;
    if (!known || (command === PROXY && length < LEAST_BYTES[kind >> 4])) this.state = 'malformed';
    else if (length === 0) this.finish();
  }

  private finish(): void {
    this.state = 'done';
    if (this.held[12] === LOCAL) return;
    const kind = this.held[13];
    const addresses = this.held.subarray(FIXED_BYTES);
    if (kind === TCP4.code) {
      this.source = `${addresses.subarray(0, 4).join('.')}:${addresses.readUInt16BE(8)}`;
    } else if (kind === TCP6.code) {
      this.source = `[${ipv6(addresses.subarray(0, 16))}]:${addresses.readUInt16BE(32)}`;
    }
  }
}

/** The address in its usual short form. */
function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
