// The flags with which redis-cli and spillway reach the server of a tool, for commands that users copy into a shell.
// Invariant: they contain no password. redis-cli takes it from REDISCLI_AUTH, spillway from SPILLWAY_UPSTREAM_PASSWORD.
import path from 'node:path';
import type { TlsFiles } from '../../files/material.js';
import type { Endpoint } from './endpoint.js';

/** The TLS settings of the server that are not the default. */
export type TlsWays = TlsFiles & { readonly serverName?: string | undefined };

/**
 * What a user types to run this program: npx starts it under the name of its bin, and in a checkout nothing else is on the PATH.
 */
export function programName(started = process.argv[1] ?? '', env: NodeJS.ProcessEnv = process.env): string {
  return env.npm_command === 'exec' && path.basename(started) === 'spillway' ? 'npx spillway' : 'spillway';
}

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

/** The flags of a tool that say where the server is. */
export interface Told {
  readonly config?: string | undefined;
  readonly upstream?: string | undefined;
  readonly upstreamCa?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly sni?: string | undefined;
}

/** Quoted for a POSIX shell. Settings from the environment are left out, because they still come from there. */
export function spillwayFlags({ config, upstream, upstreamCa, ...tls }: Told): string {
  const flags: string[] = [];
  if (config !== undefined) flags.push('-c', config);
  if (upstream !== undefined) flags.push('-u', withoutPassword(upstream));
  if (upstreamCa !== undefined) flags.push('--cacert', upstreamCa);
  for (const name of ['cert', 'key', 'sni'] as const) {
    const value = tls[name];
    if (value !== undefined) flags.push(`--${name}`, value);
  }
  return flags.map(shellQuoted).join(' ');
}

function withoutPassword(url: string): string {
  return url.replace(/^([a-z+-]+:\/\/)([^/@:]*):[^/]*@/i, (_, scheme, user) =>
    user ? `${scheme}${user}@` : scheme,
  );
}

/** A word, quoted for a POSIX shell. */
export function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
