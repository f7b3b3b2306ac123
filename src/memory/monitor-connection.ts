// The connections of the memory monitor, made by ioredis: their timeouts, how they reconnect, and their name on the server.
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';

/** The server, and the login for Spillway's own questions. */
export interface MonitoredServer {
  readonly host: string;
  readonly port: number;
  /** A unix socket; host and port then mean nothing. */
  readonly path?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly connectTimeoutMs: number;
}

const RECONNECT_MS = 250;
/** A connection that is not made, or brings no answer, within this time is closed. */
const LONGEST_WAIT_MS = 3000;

/** Options of tls.connect(), called before each connection; undefined: no TLS. */
type Tls = (() => ConnectionOptions) | undefined;

/** A connection that is not connected yet. */
export function monitorConnection(server: MonitoredServer, tls: Tls): Redis {
  const { host, port, path, username, password, connectTimeoutMs } = server;
  const waitMs = Math.min(connectTimeoutMs, LONGEST_WAIT_MS);
  const redis: Redis = new Redis({
    ...(path === undefined ? { host, port } : { path }),
    ...(tls && { tls: tls() }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    connectTimeout: waitMs,
    commandTimeout: waitMs,
    // A server that does not answer sends no end either.
    disconnectTimeout: RECONNECT_MS,
    connectionName: 'spillway-monitor',
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => {
      if (tls) redis.options.tls = tls();
      return RECONNECT_MS;
    },
    // ioredis would wait as long as a loading server says, up to 10 s.
    maxLoadingRetryTime: RECONNECT_MS,
  });
  return selectingSafely(redis);
}

/** Another connection, for questions that cannot be asked on `other`. */
export function connectionLike(other: Redis, connectionName: string, tls: Tls): Redis {
  const redis = other.duplicate({
    connectionName,
    ...(tls && { tls: tls() }),
    autoResubscribe: false,
    retryStrategy: () => {
      if (tls) redis.options.tls = tls();
      return RECONNECT_MS;
    },
  });
  return redis;
}

/**
 * When a connection comes back, ioredis selects the last database again and looks at no answer: a refusal, or a connection that is
 * lost at once, would end the process as an unhandled rejection. Each question names its database itself.
 */
function selectingSafely(redis: Redis): Redis {
  const select = redis.select.bind(redis);
  redis.select = ((db: number) => {
    const answer = select(db);
    answer.catch(() => {});
    return answer;
  }) as Redis['select'];
  return redis;
}
