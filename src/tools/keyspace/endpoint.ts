// The address and credentials of a server, and the errors of reaching it, in words for the user of a tool.
import type { ConnectionOptions } from 'node:tls';
import { messageOf } from '../../memory/hints.js';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** A unix socket; host and port are then unused. */
  readonly path?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** undefined: no TLS. */
  readonly tls?: ConnectionOptions | undefined;
  readonly connectTimeoutMs: number;
}

/** `127.0.0.1:6379`, `[::1]:6379` or the socket's path. */
export function endpointName({ host, port, path }: Pick<Endpoint, 'host' | 'port' | 'path'>): string {
  return path ?? `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** An error that the user can fix: the message says what failed, where and what to do, and contains no secret. */
export class ServerError extends Error {
  override readonly name: string = 'ServerError';
}

/** The connection was lost, or the server cannot serve now: the question may be asked again. */
export class ConnectionLost extends ServerError {
  override readonly name = 'ConnectionLost';
}

/** Errors that pass by themselves: the server loads its data, runs a script or reconnects, or a Cluster fails over. */
const PASSING = /^(?:LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN) /;

/** The error to throw for an error reply of the server `where`: ConnectionLost if it passes by itself. */
export function refusal(where: string, reply: Error): ServerError {
  const text = explainFailure(where, reply);
  return PASSING.test(reply.message) ? new ConnectionLost(text) : new ServerError(text);
}

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED|ENOENT/, 'nothing listens there; check that the server runs, and the address'],
  [/ENOTFOUND|EAI_AGAIN/, 'this host name has no address; check its spelling'],
  [
    /ETIMEDOUT|no answer within|connect timeout/i,
    'check the address, firewalls in between, and that the port has TLS if the URL begins with rediss://',
  ],
  [/not in the Redis protocol/, 'check host and port, and whether the port needs TLS (rediss:// or --tls)'],
  [
    /ECONNRESET|EPIPE|Connection is closed/,
    'the server or a device in between closed the connection; a port with TLS needs rediss:// or --tls',
  ],
  [/EHOSTUNREACH|ENETUNREACH/, 'no route leads there; check routes and firewalls'],
  [
    /NOAUTH|WRONGPASS|invalid password|without any password/i,
    'put the user and password into the URL, or the password into SPILLWAY_UPSTREAM_PASSWORD',
  ],
  [
    /NOPERM|user executing the script can't/,
    'this user lacks the right; use another user, or give it the right with ACL SETUSER',
  ],
  [/LOADING/, 'the server is loading its data; try again later'],
  [/MASTERDOWN|READONLY/, 'this is a replica; name the primary'],
  [
    /certificate|self.signed|wrong version number|packet length|altnames/i,
    'TLS failed; check that the port has TLS (rediss://), and the certificate authority (--cacert)',
  ],
];

/** One sentence that says what failed and what to do about it. */
export function explainFailure(where: string, error: unknown): string {
  const message = describe(error);
  const remedy = REMEDIES.find(([pattern]) => pattern.test(message))?.[1];
  return `${where}: ${message}${remedy === undefined ? '' : ` (${remedy})`}`;
}

function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  const text = error instanceof Error ? messageOf(error) || error.name : String(error);
  // Some errors repeat what the server was sent: one line is enough.
  return text.split('\n', 1)[0].slice(0, 200);
}
