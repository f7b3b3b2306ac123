// Where one script is run: on a server itself, and on its twins, each behind a proxy with other rules.
// Every place has a server of its own, so that all can be asked at the same time and none sees another's traces.
// Invariant: nothing here knows what is sent; what a place answers is compared elsewhere (compare.ts).
import type { Test } from 'tap';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import { withProxy } from '../support/proxy.js';
import { type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { withTransport } from '../support/transport.js';

const everyKey = { name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all' };

/** Begins keys that no script uses, but where it wants a follow-up to be swallowed at just that place. */
export const BESIDE = 'beside:';

/** Rules that leave every key as it is: whatever is sent, the server behind does just what the direct one does. */
const BYSTANDERS: Record<string, Record<string, unknown>> = {
  'rules off': {},
  'rules that touch nothing': {
    rules: [{ ...everyKey, name: 'none', match: `${BESIDE}*` }],
  },
  'observed rules': { mode: 'observe', rules: [everyKey] },
};

/** Rules that give TTLs: replies are the same but for those that tell a TTL. */
const ACTING: Record<string, Record<string, unknown>> = { 'rules on every key': { rules: [everyKey] } };

export interface Place {
  readonly name: string;
  /** Where its clients connect. */
  readonly port: number;
  readonly redis: RedisProcess;
  /** Straight to the server, never through a proxy. */
  readonly admin: RawClient;
}

export interface Places {
  readonly direct: Place;
  readonly proxied: readonly Place[];
}

interface PlacesOptions {
  /** The servers' own arguments; asked once for each server. */
  readonly args?: () => readonly string[] | Promise<readonly string[]>;
  /** Of the default user, where the arguments set one. */
  readonly password?: string;
  /** Adds the place whose rules act. */
  readonly acting?: boolean;
}

/** Starts a server for each place, and proxies; all end with `t`. */
export async function withPlaces(t: Test, options: PlacesOptions = {}): Promise<Places> {
  const configs = Object.entries(options.acting ? { ...BYSTANDERS, ...ACTING } : BYSTANDERS);
  const [direct, ...proxied] = [
    place(t, 'direct', undefined, options),
    ...configs.map(([name, config]) => place(t, name, config, options)),
  ];
  return { direct: await direct, proxied: await Promise.all(proxied) };
}

async function place(
  t: Test,
  name: string,
  config: Record<string, unknown> | undefined,
  { args, password }: PlacesOptions,
): Promise<Place> {
  const transport = await withTransport(t);
  const redis = await withRedis(t, [...((await args?.()) ?? []), ...(transport?.serverArgs ?? [])]);
  const admin = await withRaw(t, redis.port, 30_000);
  if (password !== undefined) await admin.call('AUTH', password);
  if (config === undefined) return { name, port: redis.port, redis, admin };
  const { listen = {} } = transport ?? {};
  const upstream = transport?.upstreamAt(transport.serverPlace(redis)) ?? {
    url: `redis://127.0.0.1:${redis.port}`,
  };
  const url = password === undefined ? upstream.url : upstream.url.replace('://', `://:${password}@`);
  const proxy = await withProxy(t, {
    redis,
    config: { ...config, ...listen, upstream: { ...upstream, url } },
  });
  return { name, port: transport?.doorTo(transport.proxyPlace(proxy)) ?? proxy.port, redis, admin };
}
