// The PROXY header, cut anywhere: what it says, what it takes, and what is refused.
import fc from 'fast-check';
import t from 'tap';
import { ProxyHeader } from '../../../src/wire/client/proxy-header.js';
import { proxyHeader } from '../../support/proxy-header.js';

interface Read {
  readonly state: string;
  readonly source: string | undefined;
  readonly taken: number;
}

/** Feeds `bytes` cut at `cuts`; a header that is done is fed no more. */
function read(bytes: Buffer, cuts: readonly number[] = []): Read {
  const header = new ProxyHeader();
  let taken = 0;
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (header.state === 'more') taken += header.take(bytes.subarray(from, cut));
    from = cut;
  }
  return { state: header.state, source: header.source, taken };
}

/** However the bytes are cut, all is as if they had come at once. */
function readEveryWay(bytes: Buffer): Read {
  const whole = read(bytes);
  const others = [
    Array.from({ length: bytes.length - 1 }, (_, i) => i + 1),
    ...Array.from({ length: bytes.length - 1 }, (_, i) => [i + 1]),
  ];
  for (const cuts of others) t.strictSame(read(bytes, cuts), whole, `cut at ${cuts}`);
  return whole;
}

const NEXT = Buffer.from('*1\r\n$4\r\nPING\r\n');
const V4 = Buffer.from([192, 0, 2, 1, 10, 0, 0, 9, 0xc3, 0x50, 0x18, 0xec]);
const V6 = Buffer.from('20010db8000000000000000000000001fd000000000000000000000000000002c35018ec', 'hex');

t.test('tells the address, and leaves what follows', async (t) => {
  const cases: [name: string, header: Buffer, source: string | undefined][] = [
    ['IPv4', proxyHeader(0x21, 0x11, V4), '192.0.2.1:50000'],
    ['IPv6', proxyHeader(0x21, 0x21, V6), '[2001:db8::1]:50000'],
    ['with TLVs', proxyHeader(0x21, 0x11, Buffer.concat([V4, Buffer.alloc(300, 4)])), '192.0.2.1:50000'],
    ['LOCAL', proxyHeader(0x20, 0x00), undefined],
    ['LOCAL with an address, which does not count', proxyHeader(0x20, 0x11, V4), undefined],
    ['a unix socket', proxyHeader(0x21, 0x31, Buffer.alloc(216)), undefined],
    ['UDP', proxyHeader(0x21, 0x12, V4), undefined],
    ['unspecified', proxyHeader(0x21, 0x00, Buffer.alloc(5)), undefined],
  ];
  for (const [name, header, source] of cases) {
    t.strictSame(
      readEveryWay(Buffer.concat([header, NEXT])),
      { state: 'done', source, taken: header.length },
      name,
    );
  }
});

t.test('the longest header', async (t) => {
  const header = proxyHeader(0x21, 0x11, Buffer.concat([V4, Buffer.alloc(65_535 - V4.length, 7)]));
  const expected = { state: 'done', source: '192.0.2.1:50000', taken: header.length };
  const bytes = Buffer.concat([header, NEXT]);
  t.strictSame(read(bytes), expected);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), (cuts) => {
      t.strictSame(
        read(
          bytes,
          cuts.sort((a, b) => a - b),
        ),
        expected,
      );
    }),
    { numRuns: 50 },
  );
});

t.test('refuses what is none, as soon as that shows', async (t) => {
  const cases: [name: string, bytes: Buffer, taken: number][] = [
    ['a command', Buffer.from('PING\r\n'), 1],
    ['version 1', Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.9 50000 6380\r\n'), 1],
    ['a signature that ends wrong', Buffer.from('\r\n\r\n\0\r\nQUIT\r'), 12],
    ['another version', proxyHeader(0x11, 0x11, V4), 16],
    ['an unknown command', proxyHeader(0x22, 0x11, V4), 16],
    ['an unknown family', proxyHeader(0x21, 0x41, V4), 16],
    ['an unknown protocol', proxyHeader(0x21, 0x13, V4), 16],
    ['too short for IPv4', proxyHeader(0x21, 0x11, V4.subarray(1)), 16],
    ['too short for IPv6', proxyHeader(0x21, 0x21, V6.subarray(1)), 16],
  ];
  for (const [name, bytes, taken] of cases) {
    // What comes at once is looked at as far as the fixed part goes.
    t.equal(read(bytes).state, 'malformed', name);
    const cuts = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1);
    t.strictSame(read(bytes, cuts), { state: 'malformed', source: undefined, taken }, name);
  }
});

t.test('waits for what has not come', async (t) => {
  const header = proxyHeader(0x21, 0x21, V6);
  for (let length = 0; length < header.length; length++) {
    t.strictSame(read(header.subarray(0, length)), { state: 'more', source: undefined, taken: length });
  }
});
