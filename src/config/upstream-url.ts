// Parses and formats `upstream.url`:
//   redis://[user][:password]@host[:port][/db], rediss:// the same with TLS, unix://[user][:password]@/path[?db=N].
// Never puts any part of the URL into an error: it may contain a password.

/** User, password and db are for the monitor's own connection only; clients log in themselves. */
export interface UpstreamAddress {
  readonly secure: boolean;
  /** Path of a unix socket; host is then '' and port 0, and they are unused. */
  readonly path: string | undefined;
  /** Name or IP without brackets. */
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number | undefined;
}

const DEFAULT_PORT = 6379;
const REDACTED = '***';

/** The text is not a valid URL of an upstream. The message is the end of "<field> …" and contains no secret. */
export class UpstreamUrlError extends Error {
  override readonly name = 'UpstreamUrlError';
}

/** @throws UpstreamUrlError */
export function parseUpstreamUrl(text: string): UpstreamAddress {
  const scheme = schemeOf(text);
  if (scheme === 'unix') return parseUnix(text);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '' || url.port === '0') {
    throw new UpstreamUrlError(
      'must look like redis://host:port or redis://user:password@host:port/db; ports go from 1 to 65535, and special characters in a password are percent-encoded (%2F for "/")',
    );
  }
  if (url.search !== '' || url.hash !== '') {
    throw new UpstreamUrlError('must not have a "?" or "#" (in a password write %3F and %23)');
  }
  const db = url.pathname.replace(/^\//, '');
  if (!/^[0-9]{0,5}$/.test(db))
    throw new UpstreamUrlError(
      'must have a database number after the "/", or nothing (a "/" in a password is %2F)',
    );
  return {
    secure: scheme === 'rediss',
    path: undefined,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    username: decode(url.username),
    password: decode(url.password),
    db: db === '' ? undefined : Number(db),
  };
}

/** The URL, always with a port, and with *** for a password. */
export function formatRedactedUrl({
  secure,
  path,
  host,
  port,
  username,
  password,
  db,
}: UpstreamAddress): string {
  const user = username === undefined ? '' : encodeURIComponent(username);
  const secret = password === undefined ? '' : `:${REDACTED}`;
  const at = user === '' && secret === '' ? '' : '@';
  const where = host.includes(':') ? `[${host}]` : host;
  if (path !== undefined) {
    return `unix://${user}${secret}${at}${encodeURI(path).replace(/[?#]/g, encodeURIComponent)}${db === undefined ? '' : `?db=${db}`}`;
  }
  return `${secure ? 'rediss' : 'redis'}://${user}${secret}${at}${where}:${port}${db === undefined ? '' : `/${db}`}`;
}

function schemeOf(text: string): 'redis' | 'rediss' | 'unix' {
  const scheme = /^([a-z+.-]+):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'redis' || scheme === 'rediss' || scheme === 'unix') return scheme;
  throw new UpstreamUrlError(
    'must start with redis://, rediss:// (TLS), unix:// (a unix socket) or redis-sentinel:// (a primary behind Sentinels), such as redis://127.0.0.1:6379',
  );
}

function parseUnix(text: string): UpstreamAddress {
  const match = /^unix:(?:\/\/(?:([^/@:]*)(?::([^/@]*))?@)?)?(\/[^/?#][^?#]*)(?:\?db=([0-9]{1,5}))?$/i.exec(
    text,
  );
  if (match === null) {
    throw new UpstreamUrlError(
      'must look like unix:///run/redis.sock or unix://user:password@/run/redis.sock?db=0 (an absolute path: three slashes)',
    );
  }
  const [, username = '', password = '', path, db] = match;
  return {
    secure: false,
    path: decode(path),
    host: '',
    port: 0,
    username: decode(username),
    password: decode(password),
    db: db === undefined ? undefined : Number(db),
  };
}

/** Percent-decoded; undefined for an empty part. @throws UpstreamUrlError */
export function decode(part: string): string | undefined {
  if (part === '') return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    throw new UpstreamUrlError(
      'has a "%" in its user, password, path or name that is not part of a percent-encoding; write it as %25',
    );
  }
}
