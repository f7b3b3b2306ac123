// The upstream's URL, redis://[user][:password]@host[:port][/db], taken apart and put together again.
// Never puts any part of the URL into an error: it may hold a password.

/** User, password and db serve the monitor's own connection only; clients bring their own. */
export interface UpstreamAddress {
  /** Name or IP without brackets. */
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number | undefined;
}

const DEFAULT_PORT = 6379;
const REDACTED = '***';

/** A text that is no usable upstream; the message reads as the end of "<field> …", and is free of secrets. */
export class UpstreamUrlError extends Error {
  override readonly name = 'UpstreamUrlError';
}

/** @throws UpstreamUrlError */
export function parseUpstreamUrl(text: string): UpstreamAddress {
  refuseOtherSchemes(text);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '' || url.port === '0') {
    throw new UpstreamUrlError('must look like redis://host:port or redis://user:password@host:port/db');
  }
  if (url.search !== '' || url.hash !== '') {
    throw new UpstreamUrlError(
      'must end after the host, port and db number: "?" and "#" mean nothing here (in a password write %3F and %23)',
    );
  }
  const db = url.pathname.replace(/^\//, '');
  if (!/^[0-9]{0,5}$/.test(db))
    throw new UpstreamUrlError('must have a db number behind the "/", or nothing');
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    username: decode(url.username),
    password: decode(url.password),
    db: db === '' ? undefined : Number(db),
  };
}

/** The URL again, always with a port, and with *** for the password when there is one. */
export function formatRedactedUrl({ host, port, username, password, db }: UpstreamAddress): string {
  const user = username === undefined ? '' : encodeURIComponent(username);
  const secret = password === undefined ? '' : `:${REDACTED}`;
  const at = user === '' && secret === '' ? '' : '@';
  const where = host.includes(':') ? `[${host}]` : host;
  return `redis://${user}${secret}${at}${where}:${port}${db === undefined ? '' : `/${db}`}`;
}

function refuseOtherSchemes(text: string): void {
  const scheme = /^([a-z+.-]+):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'redis') return;
  if (scheme === 'rediss') {
    throw new UpstreamUrlError(
      'is a TLS address, and rediss:// is not supported yet; use redis:// on a private network',
    );
  }
  if (scheme === 'unix' || text.startsWith('/')) {
    throw new UpstreamUrlError('is a Unix socket, and those are not supported yet; use redis://host:port');
  }
  throw new UpstreamUrlError('must start with redis://, such as redis://127.0.0.1:6379');
}

function decode(part: string): string | undefined {
  if (part === '') return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    throw new UpstreamUrlError(
      'has a "%" in its user or password that is no percent-encoding; write it as %25',
    );
  }
}
