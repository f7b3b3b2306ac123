// By which transport raw clients reach a proxy, and the proxy its server: TCP where SPILLWAY_TRANSPORT says nothing,
// else "tls" or "unix" on both sides. Tests do not notice: to them each proxy has a port, as by TCP.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { Authority } from './certificates.js';
import { withFolder } from './folder.js';
import type { TestProxy } from './proxy.js';
import { doors } from './raw-client.js';
import type { TestScope } from './redis.js';

/** One server, the proxy in front of it, and the way to both. */
export interface Transport {
  /** redis-server's own arguments. */
  readonly serverArgs: readonly string[];
  /** Of the proxy. `upstream.url` is without user and password. */
  readonly config: { readonly upstream: { readonly url: string } & Record<string, unknown> } & Record<
    string,
    unknown
  >;
  /** The port that connectRaw() takes for the proxy. */
  portOf(proxy: TestProxy): number;
}

/** undefined: by TCP. */
export async function withTransport(t: TestScope): Promise<Transport | undefined> {
  const name = process.env.SPILLWAY_TRANSPORT;
  if (name === undefined || name === 'tcp') return undefined;
  if (name === 'tls') return byTls(t);
  if (name === 'unix') return byUnix(t);
  throw new Error(`SPILLWAY_TRANSPORT is ${name}: it must be tcp, tls or unix`);
}

async function byTls(t: TestScope): Promise<Transport> {
  const authority = await Authority.create(t);
  const { cert, key } = await authority.issue('both');
  const port = await findFreePort();
  const ca = readFileSync(authority.ca);
  return {
    serverArgs: [
      ...['--tls-port', String(port), '--tls-auth-clients', 'no', '--tls-ca-cert-file', authority.ca],
      ...['--tls-cert-file', cert, '--tls-key-file', key],
    ],
    config: {
      listenTls: { cert, key },
      upstream: { url: `rediss://127.0.0.1:${port}`, tls: { ca: authority.ca } },
    },
    portOf: (proxy) => {
      const at = { port: proxy.port, host: '127.0.0.1', ca, allowHalfOpen: true };
      doors.set(proxy.port, { open: () => tls.connect(at).setNoDelay(true), opened: 'secureConnect' });
      return proxy.port;
    },
  };
}

/** No real port has such a number. */
let unixPorts = 65_536;

async function byUnix(t: TestScope): Promise<Transport> {
  const folder = withFolder(t, 'spillway-unix-');
  const [server, own] = [path.join(folder, 'redis.sock'), path.join(folder, 'spillway.sock')];
  return {
    serverArgs: ['--unixsocket', server],
    config: { listen: `unix:${own}`, upstream: { url: `unix://${server}` } },
    portOf: () => {
      doors.set(++unixPorts, {
        open: () => net.connect({ path: own, allowHalfOpen: true }),
        opened: 'connect',
      });
      return unixPorts;
    },
  };
}
