// The servers that hold the keys: one server, a Sentinel's primary, or every primary of a Cluster, with a connection to each
// for occasional commands. Walks make their own connections (pipe.ts). Owns the ioredis clients.
// Invariant: connecting always ends, with a reason, even if a server accepts connections and never answers.
import { once } from 'node:events';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { askSentinels } from '../../failover/ask-once.js';
import { infoFields } from '../../memory/reading.js';
import { type Endpoint, endpointName, explainFailure, ServerError } from './endpoint.js';

/** Where to connect: a server (any server of a Cluster), or Sentinels that know it. */
export interface Where extends Endpoint {
  readonly sentinel?: SentinelWhere | undefined;
}

export interface SentinelWhere {
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  /** The primary's name in the Sentinels' configuration. */
  readonly primary: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** host:port as the Sentinels say it, to host:port as it is reached. */
  readonly natMap?: Readonly<Record<string, string>>;
}

export interface Server {
  /** host:port, or the socket's path. */
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly redis: Redis;
  /** INFO server, by field; empty if the user may not run INFO. */
  readonly info: ReadonlyMap<string, string>;
}

export interface Servers {
  readonly kind: 'standalone' | 'sentinel' | 'cluster';
  /** At least one. The servers of a Cluster are sorted by name. */
  readonly all: readonly Server[];
  /** Which server has which keys; see stayed(). undefined: the user may not run CLUSTER NODES. @throws ServerError */
  placement(): Promise<string | undefined>;
  close(): void;
}

/**
 * Whether a walk over all servers has met every key that existed all the time: true if the placement is still `before`, that
 * of the walk's start, and no slot is moving. False if that is unknown.
 */
export async function stayed(servers: Servers, before: string | undefined): Promise<boolean> {
  // CLUSTER NODES shows a slot that is moving in brackets.
  if (before?.includes('[')) return false;
  try {
    return (await servers.placement()) === before;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return false;
  }
}

/** A database that has keys. */
export interface KeyedDatabase {
  readonly db: number;
  readonly keys: number;
  /** With a TTL. */
  readonly expires: number;
}

/** @throws ServerError that says what failed and what to do */
export async function connectServers(where: Where, name: string): Promise<Servers> {
  const { sentinel } = where;
  const first = sentinel === undefined ? await single(where, name) : await bySentinel(where, sentinel, name);
  const mode = modeOf(first.info);
  if (mode === 'sentinel') {
    first.redis.disconnect();
    throw new ServerError(
      `${first.name} is a Sentinel, which holds no keys: ` +
        `name its primary as redis-sentinel://${first.name}/<name of the primary>`,
    );
  }
  if (mode === 'cluster') {
    first.redis.disconnect();
    return cluster(where, name);
  }
  const all = [first];
  const close = (): void => first.redis.disconnect();
  if (sentinel === undefined) return { kind: 'standalone', all, close, placement: async () => first.name };
  return {
    ...{ kind: 'sentinel', all, close },
    async placement() {
      const now = await bySentinel(where, sentinel, name);
      now.redis.disconnect();
      return now.name;
    },
  };
}

/** `standalone`, `cluster` or `sentinel`; undefined: unknown. Since Valkey 8.0 the field has another name. */
export function modeOf(info: ReadonlyMap<string, string>): string | undefined {
  return info.get('redis_mode') ?? info.get('server_mode');
}

/** The databases of `server` that have keys, by number. With `db` only that one, even if it has no keys. */
export async function databasesOf({ redis, name }: Server, db?: number): Promise<KeyedDatabase[]> {
  let text: string;
  try {
    text = await redis.info('keyspace');
  } catch (error) {
    throw new ServerError(explainFailure(name, error));
  }
  const found: KeyedDatabase[] = [];
  for (const [field, value] of infoFields(text)) {
    const number = /^db(\d+)$/.exec(field)?.[1];
    if (number === undefined) continue;
    const count = (what: string) => Number(new RegExp(`\\b${what}=(\\d+)`).exec(value)?.[1] ?? 0);
    found.push({ db: Number(number), keys: count('keys'), expires: count('expires') });
  }
  if (db === undefined) return found.sort((a, b) => a.db - b.db);
  return [found.find((each) => each.db === db) ?? { db, keys: 0, expires: 0 }];
}

async function single(where: Where, name: string): Promise<Server> {
  const { host, port, path } = where;
  const redis = new Redis({ ...common(where, name), ...(path === undefined ? { host, port } : { path }) });
  return ready(redis, where);
}

/** By the word of a majority; without one, by that of the Sentinel that has seen the last failover. */
async function bySentinel(where: Where, sentinel: SentinelWhere, name: string): Promise<Server> {
  const { connectTimeoutMs, tls } = where;
  const { primary, natMap = {}, sentinels, user, password } = sentinel;
  const { likely, sentinels: asked } = await askSentinels({
    ...{ sentinels, primary, natMap, user, password, connectTimeoutMs },
    tls: tls && ((host) => securelyAt(host, tls)),
  });
  if (likely === undefined) {
    const why = asked.map(({ sentinel, error }) => `${sentinel}: ${error}`).join('; ');
    throw new ServerError(`no Sentinel names the primary "${primary}" (${why})`);
  }
  const { host, port } = likely;
  return single({ ...where, host, port, tls: tls && securelyAt(host, tls) }, name);
}

/** With the name that the server's certificate must be for, unless there is one already. */
export function securelyAt(host: string, tls: ConnectionOptions): ConnectionOptions {
  return isIP(host) === 0 ? { servername: host, ...tls } : tls;
}

async function cluster(where: Where, name: string): Promise<Servers> {
  const { host, port } = where;
  const nodes = new Cluster([{ host, port }], {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: () => null,
    slotsRefreshTimeout: where.connectTimeoutMs,
    redisOptions: common(where, name),
  });
  nodes.on('error', () => {});
  try {
    // If a Cluster is down, ioredis ends the connection and connect() never settles.
    const ended = once(nodes, 'end').then(() => {
      throw new Error(
        'the Cluster is down: some of its slots have no primary (cluster_state:fail), ' +
          'or a single node does not know its own address (cluster-announce-ip)',
      );
    });
    await within(where.connectTimeoutMs, Promise.race([nodes.connect(), ended]));
    const all: Server[] = [];
    for (const redis of nodes.nodes('master')) {
      const { host: at = host, port: on = port } = redis.options;
      all.push(await ready(redis, { ...where, host: at, port: on }));
    }
    if (all.length === 0)
      throw new ServerError(`${endpointName(where)}: the Cluster names no primary; check CLUSTER NODES`);
    all.sort((a, b) => (a.name < b.name ? -1 : 1));
    return { kind: 'cluster', all, placement: () => slotsOf(all), close: () => nodes.disconnect() };
  } catch (error) {
    nodes.disconnect();
    throw error instanceof ServerError ? error : new ServerError(explainFailure(endpointName(where), error));
  }
}

/** The slots that each server says it has, including moving ones; undefined: the user may not run CLUSTER NODES. */
async function slotsOf(all: readonly Server[]): Promise<string | undefined> {
  const lines: string[] = [];
  for (const { name, redis } of all) {
    let nodes: string;
    try {
      nodes = String(await redis.cluster('NODES'));
    } catch (error) {
      if ((error as Error).message.startsWith('NOPERM')) return undefined;
      throw new ServerError(explainFailure(name, error));
    }
    const [id, , flags = '', , , , , , ...slots] = /^.*\bmyself\b.*$/m.exec(nodes)?.[0].split(' ') ?? [];
    lines.push([id, flags, ...slots].join(' '));
  }
  return lines.join('\n');
}

function common({ username, password, tls, connectTimeoutMs }: Where, name: string) {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls }),
    connectTimeout: connectTimeoutMs,
    connectionName: name,
    // Otherwise each connection of a user without the right to CLIENT SETINFO adds an entry to ACL LOG.
    disableClientInfo: true,
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    // ready() reports a server that loads its data; ioredis would wait for it.
    enableReadyCheck: false,
    retryStrategy: (attempt) => Math.min(attempt * 50, 2000),
  } satisfies RedisOptions;
}

async function ready(redis: Redis, endpoint: Endpoint): Promise<Server> {
  const name = endpointName(endpoint);
  await connected(redis, name, endpoint);
  const info = await within(endpoint.connectTimeoutMs, redis.info('server')).catch((error: Error) => {
    if (error.message.startsWith('NOPERM')) return '';
    redis.disconnect();
    throw new ServerError(explainFailure(name, error));
  });
  return { name, endpoint, redis, info: infoFields(info) };
}

async function connected(redis: Redis, name: string, { connectTimeoutMs }: Endpoint): Promise<void> {
  if (redis.status === 'ready') return;
  let problem: unknown;
  const remember = (error: Error): void => {
    problem ??= error;
  };
  redis.on('error', remember);
  try {
    if (redis.status === 'wait') await within(connectTimeoutMs, redis.connect());
    await within(connectTimeoutMs, redis.ping());
  } catch (error) {
    redis.disconnect();
    throw new ServerError(explainFailure(name, problem ?? error));
  }
}

/** Rejects when `work` takes longer than `ms`, and then ignores its outcome. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const settled = new AbortController();
  const late = sleep(ms, undefined, { signal: settled.signal }).then(() => {
    throw new Error(`no answer within ${ms} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => {});
    settled.abort();
  }
}
