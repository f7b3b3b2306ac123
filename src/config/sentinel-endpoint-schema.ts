// The settings of the Sentinel endpoint: what `sentinelListen` announces.
import { z } from 'zod';
import { isLoopback, parseDataAddress, parseListenAddress, sameMachine } from './address.js';
import { expected, fail, quietly, strict } from './fields.js';
import { parseAnyUrl } from './sentinel-url.js';

const MAX_SENTINELS = 16;
/** The name in Redis's own sentinel.conf. */
export const DEFAULT_PRIMARY = 'mymaster';

/** Where others connect: with a host and a port. */
function reachable() {
  return z
    .string({ error: (issue) => expected(issue, 'host:port in quotes, such as "spillway.example:6380"') })
    .check((context) => {
      const address = quietly(context.value, parseListenAddress);
      if (address === undefined || address.host === '' || address.port === 0)
        fail(context, 'must be host:port, such as "spillway.example:6380"');
    });
}

export const sentinelAnnounceSchema = strict({
  primary: z
    .string({ error: (issue) => expected(issue, 'a name in quotes, such as "mymaster"') })
    // sentinel.c, sentinelCommand(), MONITOR: messages have it between spaces.
    .regex(/^[!-~]{1,128}$/, 'must be a name without spaces')
    .optional()
    .describe(
      'The name by which clients ask for their primary. Default: the name in upstream.url with redis-sentinel://, else ' +
        `"${DEFAULT_PRIMARY}".`,
    ),
  address: reachable()
    .optional()
    .describe(
      'The address for clients as they reach it, host:port. Default: the host of `listen`, or, if that is all interfaces, the ' +
        'address by which the client came; with the port of `listen`. Set it if the port is published under another address, as by ' +
        'NAT, "docker -p" or a load balancer.',
    ),
  sentinels: z
    .array(reachable(), { error: (issue) => expected(issue, 'a list of addresses') })
    .max(MAX_SENTINELS, `must hold at most ${MAX_SENTINELS} addresses`)
    .default([])
    .describe(
      'The `sentinelListen` of other Spillways in front of the same primary, as clients reach them. Clients that lose this one ' +
        'ask those. Never name real Sentinels: clients would go around the proxy.',
    ),
});

interface Addresses {
  readonly listen: string;
  readonly sentinelListen: string | false;
  readonly sentinelAnnounce: { readonly address?: string | undefined };
  readonly upstream: { readonly url: string };
  readonly admin: { readonly listen: string | false };
}

/** Why the endpoint cannot work with the other addresses. */
export function ownSentinelProblem({
  listen,
  sentinelListen,
  sentinelAnnounce,
  upstream,
  admin,
}: Addresses): { message: string; path: string[] } | undefined {
  const own = sentinelListen === false ? undefined : quietly(sentinelListen, parseListenAddress);
  const data = quietly(listen, parseDataAddress);
  if (own === undefined || data === undefined) return undefined;
  const at = (other: { host: string; port: number } | undefined) =>
    other !== undefined &&
    own.port !== 0 &&
    own.port === other.port &&
    (sameMachine(own.host, other.host) || sameMachine(other.host, own.host));
  const path = ['sentinelListen'];
  if (at(data)) return { path, message: 'is the address for clients (listen); choose another port' };
  if (admin.listen !== false && at(quietly(admin.listen, parseListenAddress)))
    return { path, message: 'is the address of the admin server (admin.listen); choose another port' };
  if (quietly(upstream.url, parseAnyUrl)?.sentinel?.sentinels.some(at))
    return { path, message: 'is one of the Sentinels in upstream.url, so Spillway would ask itself' };
  if (sentinelAnnounce.address !== undefined) return undefined;
  if (data.path !== undefined)
    return {
      path,
      message: 'needs a TCP address in `listen`, or sentinelAnnounce.address: Sentinel knows no unix sockets',
    };
  if (isLoopback(data.host) && !isLoopback(own.host))
    return {
      path,
      message: `can be reached from other machines, and listen (${listen}) cannot: make both loopback, or listen on ":${data.port}", or set sentinelAnnounce.address`,
    };
  return undefined;
}
