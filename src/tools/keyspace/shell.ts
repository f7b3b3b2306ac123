// The flags by which redis-cli and spillway come to the server that a tool was told of, for commands to be copied into a
// shell.
// Invariant: no password is among them: redis-cli takes it from REDISCLI_AUTH, spillway from SPILLWAY_UPSTREAM_PASSWORD.

import type { TlsFiles } from '../../files/material.js';
import type { Endpoint } from './endpoint.js';

/** How TLS to the server differs from the usual. */
export type TlsWays = TlsFiles & { readonly serverName?: string | undefined };

/** Quoted for a POSIX shell. */
export function redisCliFlags({ host, port, path, username, tls }: Endpoint, ways: TlsWays = {}): string {
  const { ca, cert, key, serverName } = ways;
  const flags = path === undefined ? ['-h', host, '-p', String(port)] : ['-s', path];
  if (tls !== undefined) {
    flags.push('--tls');
    for (const [flag, value] of [
      ['--cacert', ca],
      ['--cert', cert],
      ['--key', key],
      ['--sni', serverName],
    ] as const) {
      if (value !== undefined) flags.push(flag, value);
    }
  }
  if (username !== undefined) flags.push('--user', username);
  return flags.map(shellQuoted).join(' ');
}

/** Of a tool's own flags: where the server is. */
export interface Told {
  readonly config?: string | undefined;
  readonly upstream?: string | undefined;
  readonly upstreamCa?: string | undefined;
}

/** Quoted for a POSIX shell. What came from the environment still comes from there. */
export function spillwayFlags({ config, upstream, upstreamCa }: Told): string {
  const flags: string[] = [];
  if (config !== undefined) flags.push('-c', config);
  if (upstream !== undefined) flags.push('-u', withoutPassword(upstream));
  if (upstreamCa !== undefined) flags.push('--upstream-ca', upstreamCa);
  return flags.map(shellQuoted).join(' ');
}

function withoutPassword(url: string): string {
  return url.replace(/^([a-z+-]+:\/\/)([^/@:]*):[^/]*@/i, (_, scheme, user) =>
    user ? `${scheme}${user}@` : scheme,
  );
}

/** A word as a POSIX shell reads it as one. */
export function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
