// The flags by which redis-cli comes to a server as the doctor did, for commands to be copied into a shell.
// Invariant: no password is among them: redis-cli takes it from REDISCLI_AUTH.
import type { Endpoint } from '../keyspace/endpoint.js';
import type { TlsFiles } from '../tls/material.js';

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

function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
