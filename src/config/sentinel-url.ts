// Parses the URL of a primary behind Sentinels, for the tools that talk to the server directly:
//   redis-sentinel://[user][:password]@host[:port][,host[:port]…]/name-of-the-primary[?db=N], rediss-sentinel:// with TLS.
// Never puts any part of the URL into an error: it may contain a password.
import { decode, parseUpstreamUrl, type UpstreamAddress, UpstreamUrlError } from './upstream-url.js';

export interface SentinelAddress {
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly primary: string;
  /** Credentials and TLS for the primary; host and port are unused. */
  readonly server: UpstreamAddress;
}

const SHAPE = /^redis(s?)-sentinel:\/\/(?:([^/@]*)@)?([^/@?#]+)\/([^/?#]+)(?:\?db=([0-9]{1,5}))?$/i;
const SENTINEL_PORT = 26379;

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
  const at = user === undefined ? '' : `${user}@`;
  const scheme = secure === '' ? 'redis' : 'rediss';
  const server = parseUpstreamUrl(`${scheme}://${at}sentinel${db === undefined ? '' : `/${db}`}`);
  const sentinels = hosts.split(',').map((each) => {
    const { host, port } = parseUpstreamUrl(
      `redis://${/:\d+$/.test(each) ? each : `${each}:${SENTINEL_PORT}`}`,
    );
    return { host, port };
  });
  return { sentinels, primary: decode(primary) ?? primary, server };
}
