// Where a server is and how one gets in, and what can go wrong on the way, in words for whoever runs the tool.
import type { ConnectionOptions } from 'node:tls';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Of a unix socket: then host and port mean nothing. */
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

/** What the user can mend: the message says what, where and what to do, and holds no secret. */
export class ServerError extends Error {
  override readonly name: string = 'ServerError';
}

/** There is no connection, or none that is of use now: what was asked may be asked again. */
export class ConnectionLost extends ServerError {
  override readonly name = 'ConnectionLost';
}

/** What a server says while it starts, is busy with a script, or a Cluster is being mended: it passes. */
const PASSING = /^(?:LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN) /;

/** An error that the server `where` answered, as it is thrown: ConnectionLost where it passes by itself. */
export function refusal(where: string, reply: Error): ServerError {
  const text = explainFailure(where, reply);
  return PASSING.test(reply.message) ? new ConnectionLost(text) : new ServerError(text);
}

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED|ENOENT/, 'nothing listens there; is the server up, and the address right?'],
  [/ENOTFOUND|EAI_AGAIN/, 'the name cannot be resolved; is it spelt right?'],
  [
    /ETIMEDOUT|no answer within|connect timeout/i,
    'no answer; is the address right, and no firewall in between?',
  ],
  [/EHOSTUNREACH|ENETUNREACH/, 'there is no way to it from here'],
  [
    /NOAUTH|WRONGPASS|invalid password|without any password/i,
    'give the user and password in the URL, or the password in SPILLWAY_UPSTREAM_PASSWORD',
  ],
  [
    /NOPERM|user executing the script can't/,
    'this user may not; let another run it, or give it the right by ACL SETUSER',
  ],
  [/LOADING/, 'it is loading its data; try again when it has'],
  [/MASTERDOWN|READONLY/, 'it is a replica; name the primary'],
  [
    /certificate|self.signed|wrong version number|packet length|altnames/i,
    'TLS failed; rediss:// and --upstream-ca must fit the server',
  ],
];

/** One sentence: what failed, and what to do about it. */
export function explainFailure(where: string, error: unknown): string {
  const message = describe(error);
  const remedy = REMEDIES.find(([pattern]) => pattern.test(message))?.[1];
  return `${where}: ${message}${remedy === undefined ? '' : ` (${remedy})`}`;
}

function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  const text = error instanceof Error ? error.message || error.name : String(error);
  // Servers repeat what they were sent in some errors; never more than a line of it.
  return text.split('\n', 1)[0].slice(0, 200);
}
