// Which peers a list of networks has, and how a peer's address reads. The peers are stand-ins: a test cannot come from there.
import type { Socket } from 'node:net';
import t from 'tap';
import { SourceList, sourceOf } from '../../../src/wire/client/sources.js';

const peer = (remoteAddress?: string, remotePort = 50_000) => ({ remoteAddress, remotePort }) as Socket;

t.test('addresses and networks of both kinds, and unix sockets', async (t) => {
  const list = new SourceList(['192.0.2.7', '10.0.0.0/8', '2001:db8::7', 'fd00::/8', 'unix']);
  for (const address of ['192.0.2.7', '10.255.0.1', '2001:db8::7', 'fd12::1', undefined])
    t.ok(list.has(peer(address)), String(address));
  for (const address of ['192.0.2.6', '192.0.2.8', '11.0.0.1', '2001:db8::6', '2001:db8::8', 'fe00::1'])
    t.notOk(list.has(peer(address)), address);
  t.ok(list.has(peer('::ffff:10.0.0.1')), 'IPv4 on a socket for both');
  t.notOk(new SourceList(['10.0.0.0/8']).has(peer()));
});

t.test('a source reads as host:port, an IPv4 address in IPv6 as IPv4', async (t) => {
  t.equal(sourceOf(peer('192.0.2.7')), '192.0.2.7:50000');
  t.equal(sourceOf(peer('::ffff:192.0.2.7')), '192.0.2.7:50000');
  t.equal(sourceOf(peer('2001:db8::7')), '[2001:db8::7]:50000');
  t.equal(sourceOf(peer()), 'unix');
});
