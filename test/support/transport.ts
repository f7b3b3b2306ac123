// By which transport raw clients reach a proxy, and the proxy its server. Tests do not notice: to them whoever listens has a
// port, as by TCP. A test that does not choose plays by the transport that SPILLWAY_TRANSPORT says, on both sides.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { Authority } from './certificates.js';
import { withFolder } from './folder.js';
import { doors } from './raw-client.js';
import type { TestScope } from './redis.js';

export const TRANSPORTS = ['tcp', 'tcp6', 'tls', 'unix'] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** Where somebody listens; port 0: at any free one. */
export type Place = { readonly host: string; readonly port: number } | { readonly path: string };

/** A transport, with what it needs here: certificates, a folder for its sockets. */
export interface Transport {
  readonly name: TransportName;
  /** redis-server's own arguments; it also listens at its port by TCP. */
  readonly serverArgs: readonly string[];
  serverPlace(redis: { readonly port: number }): Place;
  /** The same for a second server beside the first. */
  another(): Promise<Pick<Transport, 'serverArgs' | 'serverPlace'>>;
  /** Of the proxy, as its config says it: where the server is. `url` is without user and password. */
  upstreamAt(server: Place): { readonly url: string } & Record<string, unknown>;
  /** Of the proxy: where its clients come. */
  readonly listen: Readonly<Record<string, unknown>>;
  proxyPlace(proxy: { readonly port: number }): Place;
  /** Where something between two of them can listen. */
  between(): Place;
  /** The port that connectRaw() takes for whoever listens at `place`. */
  doorTo(place: Place): number;
}

/** The transport that the tests of this run are played by; undefined: plain TCP. */
export async function withTransport(t: TestScope): Promise<Transport | undefined> {
  const name = process.env.SPILLWAY_TRANSPORT;
  if (name === undefined || name === 'tcp') return undefined;
  const known = TRANSPORTS.find((one) => one === name);
  if (known === undefined) throw new Error(`SPILLWAY_TRANSPORT is ${name}: it must be one of ${TRANSPORTS}`);
  return makeTransport(t, known);
}

export async function makeTransport(t: TestScope, name: TransportName): Promise<Transport> {
  if (name === 'tls') return byTls(t);
  if (name === 'unix') return byUnix(t);
  return byTcp(name);
}

/** No real port has such a number. */
let numbers = 65_536;

function door(opened: string, open: () => net.Socket): number {
  doors.set(++numbers, { open, opened });
  return numbers;
}

function tcp(place: Place): { readonly host: string; readonly port: number } {
  if ('path' in place) throw new Error(`${place.path} is no TCP address`);
  return place;
}

function byTcp(name: 'tcp' | 'tcp6'): Transport {
  const host = name === 'tcp' ? '127.0.0.1' : '::1';
  const inUrl = name === 'tcp' ? host : `[${host}]`;
  const server = {
    serverArgs: name === 'tcp' ? [] : ['--bind', '127.0.0.1', host],
    serverPlace: ({ port }: { readonly port: number }) => ({ host, port }),
  };
  return {
    name,
    ...server,
    another: async () => server,
    upstreamAt: (server) => ({ url: `redis://${inUrl}:${tcp(server).port}` }),
    listen: { listen: `${inUrl}:0` },
    proxyPlace: ({ port }) => ({ host, port }),
    between: () => ({ host, port: 0 }),
    doorTo: (place) =>
      door('connect', () => net.connect({ ...tcp(place), noDelay: true, allowHalfOpen: true })),
  };
}

async function byTls(t: TestScope): Promise<Transport> {
  const authority = await Authority.create(t);
  const { cert, key } = await authority.issue('both');
  const ca = readFileSync(authority.ca);
  const host = '127.0.0.1';
  const another = async () => {
    const port = await findFreePort();
    return {
      serverArgs: [
        ...['--tls-port', String(port), '--tls-auth-clients', 'no', '--tls-ca-cert-file', authority.ca],
        ...['--tls-cert-file', cert, '--tls-key-file', key],
      ],
      serverPlace: () => ({ host, port }),
    };
  };
  return {
    name: 'tls',
    ...(await another()),
    another,
    upstreamAt: (server) => ({ url: `rediss://${host}:${tcp(server).port}`, tls: { ca: authority.ca } }),
    listen: { listenTls: { cert, key } },
    proxyPlace: ({ port }) => ({ host, port }),
    between: () => ({ host, port: 0 }),
    doorTo: (place) => {
      const to = { ...tcp(place), ca, allowHalfOpen: true };
      return door('secureConnect', () => tls.connect(to).setNoDelay(true));
    },
  };
}

function byUnix(t: TestScope): Transport {
  const folder = withFolder(t, 'spillway-unix-');
  const own = path.join(folder, 'spillway.sock');
  let [servers, links] = [0, 0];
  const server = () => {
    const file = path.join(folder, `redis${++servers}.sock`);
    return { serverArgs: ['--unixsocket', file], serverPlace: () => ({ path: file }) };
  };
  return {
    name: 'unix',
    ...server(),
    another: async () => server(),
    upstreamAt: (place) => ({ url: `unix://${(place as { path: string }).path}` }),
    listen: { listen: `unix:${own}` },
    proxyPlace: () => ({ path: own }),
    between: () => ({ path: path.join(folder, `link${++links}.sock`) }),
    doorTo: (place) =>
      door('connect', () => net.connect({ ...place, allowHalfOpen: true } as net.NetConnectOpts)),
  };
}
