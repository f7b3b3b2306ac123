// What each connection that comes in ends as: admitted, or turned away once, with the reason.
import { readFileSync } from 'node:fs';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import t, { type Test } from 'tap';
import type { TlsRenewal } from '../../../src/files/renewal.js';
import { Entrance } from '../../../src/wire/client/entrance.js';
import { SourceList } from '../../../src/wire/client/sources.js';
import { Authority } from '../../support/certificates.js';
import { listen } from '../../support/listen.js';
import { until } from '../../support/wait.js';

const authority = await Authority.create(t);
const files = await authority.issue('server');
const ca = readFileSync(authority.ca, 'utf8');
const material = { cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8'), ca };
const renewal = { material } as unknown as TlsRenewal;

async function lab(t: Test, { verifyClients = false, proxied = false } = {}) {
  const told: string[] = [];
  const entrance = new Entrance(
    { tls: { renewal, verifyClients }, proxied: proxied ? new SourceList(['127.0.0.1']) : undefined },
    {
      admitted: ({ socket, source }) => {
        told.push(`admitted ${source.replace(/:\d+$/, '')}`);
        socket.resume();
        t.teardown(() => socket.destroy());
      },
      turnedAway: () => void told.push('turned away'),
      handshakeFailed: (_, { message }) => void told.push(`failed: ${message}`),
      headerRefused: () => void told.push('no header'),
    },
  );
  const server = net.createServer({ pauseOnConnect: true }, (socket) => entrance.enter(socket));
  const port = await listen(server);
  t.teardown(() => {
    entrance.close();
    server.close();
  });
  const connect = (): Socket => {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    t.teardown(() => socket.destroy());
    return socket;
  };
  const says = async (words: number): Promise<string[]> => {
    await until(() => told.length >= words, { describe: `${words} to be told` });
    return told.splice(0);
  };
  return { entrance, port, told, connect, says };
}

t.test('a client with TLS is admitted; one without is refused, with the cause', async (t) => {
  const { entrance, port, connect, says } = await lab(t);
  const client = tls.connect({ port, host: '127.0.0.1', ca });
  t.teardown(() => client.destroy());
  t.same(await says(1), ['admitted 127.0.0.1']);
  connect().write('PING\r\nPING\r\nPING\r\n');
  t.match(await says(2), [/^failed: .*(?:SSL|tls|wrong version|http request)/i, 'turned away']);
  t.equal(entrance.size, 0);
});

t.test('a client without the required certificate is refused for that', async (t) => {
  const { port, says } = await lab(t, { verifyClients: true });
  const client = tls.connect({ port, host: '127.0.0.1', ca }).on('error', () => {});
  t.teardown(() => client.destroy());
  t.match(await says(2), [/^failed: .*certificate/i, 'turned away']);
});

t.test('a client that connects and leaves has not begun a handshake', async (t) => {
  const { connect, says } = await lab(t);
  const probe = connect();
  probe.once('connect', () => probe.end());
  t.same(await says(1), ['turned away']);
});

t.test('without its header a connection ends before the handshake', async (t) => {
  const { connect, says } = await lab(t, { proxied: true });
  connect().write('PING\r\nPING\r\nPING\r\n');
  t.same(await says(2), ['no header', 'turned away']);
});
