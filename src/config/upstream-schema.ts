// The schema of `upstream`: the server, TLS toward it, how clients share connections to it, and how a primary is followed.
import { isIP } from 'node:net';
import { z } from 'zod';
import { MINUTE_MS } from '../core/units.js';
import { type FailoverInput, failoverSchema } from './failover-schema.js';
import {
  commandName,
  count,
  duration,
  expected,
  fail,
  filePath,
  oneOf,
  quietly,
  strict,
  upstreamUrl,
} from './fields.js';
import { isSentinelUrl, parseAnyUrl } from './sentinel-url.js';

const MAX_SHARED_COMMANDS = 1000;

const upstreamTls = strict({
  ca: filePath()
    .optional()
    .describe(
      "PEM file with the certificate authorities that may have issued the server's certificate. Default: the well-known ones.",
    ),
  cert: filePath().optional().describe('PEM file: the certificate that Spillway presents to the server.'),
  key: filePath().optional().describe('PEM file: the private key of that certificate, without a passphrase.'),
  serverName: z
    .string({ error: (issue) => expected(issue, 'a host name in quotes') })
    .regex(/^[A-Za-z0-9._-]{1,253}$/, 'must be a host name: letters, digits, ".", "-" and "_"')
    .optional()
    .describe(
      "The host name in the server's certificate, if it is not the one in the URL. Spillway also sends it as SNI.",
    ),
}).check((context) => {
  const { cert, key } = context.value;
  if ((cert === undefined) !== (key === undefined)) {
    fail(context, 'is missing: cert and key must be set together', [cert === undefined ? 'cert' : 'key']);
  }
});

export const upstreamSchema = strict({
  url: upstreamUrl()
    .default('redis://127.0.0.1:6379')
    .describe(
      'Redis or Valkey: redis://[user:password@]host[:port][/db], rediss:// with TLS, or a unix socket: ' +
        'unix://[user:password@]/path[?db=N]. A primary behind Sentinels: redis-sentinel://[user:password@]host[:port],…/NAME, where ' +
        'NAME is what the Sentinels call it; name all of them. FAILOVER.md says more. ' +
        "Spillway uses user, password and db only for its memory monitor's " +
        'connection. Clients log in themselves.',
    ),
  tls: upstreamTls.optional().describe('TLS settings for rediss://.'),
  expect: oneOf(['primary', 'cluster', 'any'])
    .default('primary')
    .describe(
      'What the server should be. If it is something else, the log, /readyz and the state of the service say so. ' +
        '"primary": a primary outside a Cluster. "cluster": a node of a Cluster. "any": any server, such as one whose role changes ' +
        'with a failover. Spillway always says that a Sentinel is no upstream. CLUSTER.md has examples.',
    ),
  pool: oneOf(['session', 'command'])
    .default('session')
    .describe(
      '"session": each client has its own connection to the server. "command": clients share a few connections, and get ' +
        'one of their own while they need it (MULTI, WATCH, blocking commands, subscriptions …).',
    ),
  sharedConnections: count(1, 64)
    .default(2)
    .describe(
      'With pool "command": how many connections are shared by clients with the same user, database and protocol ' +
        'version. One is for writes, the others are for reads, so there are at least two, even with 1.',
    ),
  shareCommands: z
    .array(commandName(), { error: (issue) => expected(issue, 'a list of command names') })
    .max(MAX_SHARED_COMMANDS, `must hold at most ${MAX_SHARED_COMMANDS} names`)
    .default([])
    .describe(
      'With pool "command": further commands that may use shared connections, because they leave no state on their ' +
        'connection: module commands ("JSON.GET") or scripts ("EVALSHA"). While a script runs on a shared connection, ' +
        'other clients of that connection wait and get no BUSY error.',
    ),
  connectTimeout: duration(1, 5 * MINUTE_MS)
    .default('5s')
    .describe('How long connecting to the server may take.'),
  responseTimeout: duration(100, 5 * MINUTE_MS)
    .default('1s')
    .describe(
      'With pool "command": if replies are due on a shared connection and nothing arrives for this long, Spillway sends ' +
        'further commands over another one. If the server answers on that one and stays silent on the first, Spillway ' +
        'gives the silent connection up. With either pool: if a client has ended, and its own connection is silent while ' +
        'the server answers on others, Spillway closes the client after 1.5 times this long.',
    ),
  failover: failoverSchema
    .optional()
    .describe(
      'How Spillway follows a primary that moves: with redis-sentinel:// in upstream.url, or with `"mode": "name"`.',
    ),
}).check((context) => {
  const { url, tls, failover } = context.value;
  if (tls !== undefined && quietly(url, parseAnyUrl)?.secure === false) {
    fail(
      context,
      `needs TLS: write ${isSentinelUrl(url) ? 'rediss-sentinel' : 'rediss'}:// in upstream.url, or remove this setting`,
      ['tls'],
    );
  }
  const problem = failover && failoverProblem(url, failover);
  if (problem !== undefined) fail(context, problem.message, ['failover', ...problem.path]);
});

function failoverProblem(
  url: string,
  { mode, user, natMap }: FailoverInput,
): { message: string; path: string[] } | undefined {
  if (mode === 'sentinel')
    return isSentinelUrl(url)
      ? undefined
      : {
          path: [],
          message:
            'needs Sentinels: write redis-sentinel:// in upstream.url, or "mode": "name" for a name that moves, or remove this setting',
        };
  const path = ['mode'];
  if (isSentinelUrl(url))
    return { path, message: 'must be "sentinel" with redis-sentinel:// in upstream.url' };
  const { host } = quietly(url, parseAnyUrl) ?? { host: 'a' };
  if (host === '' || isIP(host) !== 0)
    return {
      path,
      message: 'needs a host name in upstream.url: an IP address or a unix socket does not move',
    };
  if (user !== undefined) return { path: ['user'], message: 'applies to Sentinels only; remove it' };
  return Object.keys(natMap).length === 0
    ? undefined
    : { path: ['natMap'], message: 'applies to Sentinels only; remove it' };
}
