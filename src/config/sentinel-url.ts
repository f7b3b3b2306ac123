// Parses and formats the URL of a primary behind Sentinels:
//   redis-sentinel://[user][:password]@host[:port][,host[:port]…]/name-of-the-primary[?db=N], rediss-sentinel:// with TLS.
// Never puts any part of the URL into an error: it may contain a password.
import {
  decode,
  formatRedactedUrl,
  parseUpstreamUrl,
  type UpstreamAddress,
  UpstreamUrlError,
} from './upstream-url.js';

export interface SentinelAddress {
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly primary: string;
  /** Credentials and TLS for the primary; host and port are unused. */
  readonly server: UpstreamAddress;
}

const SHAPE = /^redis(s?)-sentinel:\/\/(?:([^/@]*)@)?([^/@?#]+)\/([^/?#]+)(?:\?db=([0-9]{1,5}))?$/i;
const SENTINEL_PORT = 26379;
const MAX_SENTINELS = 16;

export function isSentinelUrl(text: string): boolean {
  return /^rediss?-sentinel:/i.test(text);
}

/** @throws UpstreamUrlError */
export function parseSentinelUrl(text: string): SentinelAddress {
  const match = SHAPE.exec(text);
  if (match === null) {
    throw new UpstreamUrlError(
      'must look like redis-sentinel://host:26379,host:26379/name-of-the-primary; if the primary needs a user and password, write user:password@ before the hosts',
    );
  }
  const [, secure, user, hosts, primary, db] = match;
  if (hosts.split(',').length > MAX_SENTINELS)
    throw new UpstreamUrlError(`must name at most ${MAX_SENTINELS} Sentinels`);
  const at = user === undefined ? '' : `${user}@`;
  const scheme = secure === '' ? 'redis' : 'rediss';
  const server = parseUpstreamUrl(`${scheme}://${at}sentinel${db === undefined ? '' : `/${db}`}`);
  const sentinels = hosts.split(',').map((each) => {
    const { host, port } = parseUpstreamUrl(
      `redis://${/:\d+$/.test(each) ? each : `${each}:${SENTINEL_PORT}`}`,
    );
    return { host, port };
  });
  if (new Set(sentinels.map(({ host, port }) => `${host} ${port}`)).size < sentinels.length)
    throw new UpstreamUrlError('must name each Sentinel once');
  return { sentinels, primary: decode(primary) ?? primary, server };
}

/** A server's URL, or that of a primary behind Sentinels. @throws UpstreamUrlError */
export function parseAnyUrl(text: string): UpstreamAddress & { readonly sentinel?: SentinelAddress } {
  if (!isSentinelUrl(text)) return parseUpstreamUrl(text);
  const sentinel = parseSentinelUrl(text);
  return { ...sentinel.server, host: '', port: 0, sentinel };
}

/** The URL, always with ports, and with *** for a password. */
export function formatRedactedSentinelUrl({ sentinels, primary, server }: SentinelAddress): string {
  const { secure, username, password, db } = server;
  const user = /^rediss?:\/\/(.*)h:1$/.exec(
    formatRedactedUrl({ ...server, path: undefined, host: 'h', port: 1, username, password, db: undefined }),
  )?.[1];
  const hosts = sentinels.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  const database = db === undefined ? '' : `?db=${db}`;
  return `${secure ? 'rediss' : 'redis'}-sentinel://${user}${hosts.join(',')}/${encodeURIComponent(primary)}${database}`;
}
