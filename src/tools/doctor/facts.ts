// Gathers the facts about a server before the checks run: INFO, CONFIG if it is allowed, clients, slow log, latency, its
// process if it runs on this machine, and a sample of its keys. Reads only.
// Invariants: facts that could not be read are named with the reason, and never guessed. No argument of a command and no name
// or address of a client is kept.
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { isLoopback } from '../../config/address.js';
import type { RuleSet } from '../../core/policy/rule-set.js';
import { infoFields } from '../../memory/reading.js';
import type { ExpectedUpstream } from '../../memory/upstream-kind.js';
import type { Analysis } from '../analyze/analysis.js';
import type { Server } from '../keyspace/servers.js';
import { redisCliFlags, type TlsWays } from '../keyspace/shell.js';
import { type ClientMemory, clientMemory } from './clients.js';
import { containerLimit } from './container.js';
import type { Fields } from './fields.js';
import type { Shapes } from './shapes.js';

/** The settings that CONFIG GET asks for. Never `*`, which would also return passwords. */
const SETTINGS = [
  'activedefrag',
  'hash-max-listpack-entries',
  'hash-max-ziplist-entries',
  'hash-max-listpack-value',
  'hash-max-ziplist-value',
  'zset-max-listpack-entries',
  'zset-max-ziplist-entries',
  'zset-max-listpack-value',
  'zset-max-ziplist-value',
  'set-max-intset-entries',
  'set-max-listpack-entries',
  'set-max-listpack-value',
  'list-max-listpack-size',
  'list-max-ziplist-size',
  'client-output-buffer-limit',
  'maxmemory-clients',
  'replica-ignore-maxmemory',
  'lazyfree-lazy-eviction',
  'lazyfree-lazy-expire',
  'no-appendfsync-on-rewrite',
  'maxclients',
  'active-expire-effort',
  'save',
  'stop-writes-on-bgsave-error',
  'databases',
] as const;
export type Setting = (typeof SETTINGS)[number];

/** Facts from a sample of the keys; undefined: there is no sample. */
export interface KeyFacts {
  readonly keys: Analysis | undefined;
  readonly shapes: Shapes | undefined;
  readonly fields: Fields | undefined;
}

export interface Facts extends KeyFacts {
  /** host:port or the socket's path. */
  readonly server: string;
  /** Flags of redis-cli that lead there, quoted for a shell. */
  readonly cli: string;
  /** Whether redis-cli also needs the password, in REDISCLI_AUTH. */
  readonly needsPassword: boolean;
  /** INFO, all sections, by field. */
  readonly info: ReadonlyMap<string, string>;
  /** Those of SETTINGS that the server knows; undefined: CONFIG GET is not allowed. */
  readonly config: ReadonlyMap<Setting, string> | undefined;
  readonly slow: readonly SlowCommand[] | undefined;
  /** What LATENCY HISTORY has kept. */
  readonly latency: readonly LatencySpike[] | undefined;
  readonly clients: ClientMemory | undefined;
  /** For its process, if that is on this machine. */
  readonly process: ProcessFacts | undefined;
  /** The rules of the config; undefined: there is no config. */
  readonly rules: RuleSet | undefined;
  /** Its users, as rules name them (latin1); undefined: no rule names any, or ACL USERS is not allowed. */
  readonly users?: ReadonlySet<string> | undefined;
  /** upstream.expect of the config; undefined: there is no config. */
  readonly expect?: ExpectedUpstream | undefined;
  /** What could not be read: command and reason. */
  readonly unread: readonly string[];
  /** When it was read, seconds since 1970. */
  readonly at: number;
}

export interface SlowCommand {
  /** Seconds since 1970. */
  readonly at: number;
  readonly microseconds: number;
  /** The name alone. */
  readonly command: string;
}

export interface LatencySpike {
  readonly event: string;
  /** Seconds since 1970. */
  readonly at: number;
  readonly ms: number;
}

export interface ProcessFacts {
  readonly swapBytes: number;
  /** The limit of its container; undefined: none. */
  readonly limitBytes: number | undefined;
}

const SLOW_ENTRIES = 128;

export async function gather(
  server: Server,
  keys: KeyFacts,
  unread: string[],
  {
    tls,
    rules,
    expect,
  }: { readonly tls?: TlsWays | undefined } & Partial<Pick<Facts, 'rules' | 'expect'>> = {},
): Promise<Facts> {
  const { redis, name, endpoint } = server;
  const read = async <T>(command: string, ask: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await ask();
    } catch (error) {
      unread.push(`${command}: ${(error as Error).message.split('\n', 1)[0]}`);
      return undefined;
    }
  };
  const info = infoFields((await read('INFO', () => redis.info('all'))) ?? '');
  const { host, path } = endpoint;
  return {
    server: name,
    cli: redisCliFlags(endpoint, tls),
    needsPassword: endpoint.password !== undefined,
    info,
    config: await read('CONFIG GET', () => configOf(redis)),
    slow: await read('SLOWLOG GET', () => slowOf(redis)),
    latency: await read('LATENCY LATEST', () => latencyOf(redis)),
    clients: await read('CLIENT LIST', async () => clientMemory(String(await redis.client('LIST')))),
    process: path !== undefined || isLoopback(host) ? processOf(info.get('process_id')) : undefined,
    ...keys,
    rules,
    users: namesUsers(rules) ? await read('ACL USERS', () => usersOf(redis)) : undefined,
    ...(expect && { expect }),
    unread,
    at: Date.now() / 1000,
  };
}

/** Only then is the server asked for its users. */
function namesUsers(rules: RuleSet | undefined): boolean {
  return rules?.rules.some(({ users }) => users !== undefined) ?? false;
}

async function usersOf(redis: Redis): Promise<ReadonlySet<string>> {
  const names = (await redis.callBuffer('ACL', 'USERS')) as Buffer[];
  return new Set(names.map((name) => name.toString('latin1')));
}

/** One by one: several in one request need Redis 7.0. */
async function configOf(redis: Redis): Promise<ReadonlyMap<Setting, string>> {
  const config = new Map<Setting, string>();
  await Promise.all(
    SETTINGS.map(async (setting) => {
      const reply = (await redis.call('CONFIG', 'GET', setting)) as string[] | Record<string, string>;
      const value = Array.isArray(reply) ? reply[1] : reply[setting];
      if (value !== undefined) config.set(setting, value);
    }),
  );
  return config;
}

async function slowOf(redis: Redis): Promise<SlowCommand[]> {
  const entries = (await redis.slowlog('GET', SLOW_ENTRIES)) as [number, number, number, string[]][];
  return entries.map(([, at, microseconds, [command = '']]) => ({
    at: Number(at),
    microseconds: Number(microseconds),
    command: command.slice(0, 40).toUpperCase(),
  }));
}

async function latencyOf(redis: Redis): Promise<LatencySpike[]> {
  const events = (await redis.call('LATENCY', 'LATEST')) as [string, number, number, number][];
  // LATEST gives the time of the last event and the duration of the longest, which may be months old.
  const histories = events.map(async ([event]) => {
    const spikes = (await redis.call('LATENCY', 'HISTORY', event)) as [number, number][];
    return spikes.map(([at, ms]) => ({ event, at: Number(at), ms: Number(ms) }));
  });
  return (await Promise.all(histories)).flat();
}

/** undefined: the server runs on another machine, or its process cannot be read. */
function processOf(pid: string | undefined): ProcessFacts | undefined {
  if (pid === undefined || process.platform !== 'linux') return undefined;
  try {
    const status = readText(`/proc/${pid}/status`);
    // Another process has this pid on this machine.
    if (!/^Name:\s*(redis|valkey)/m.test(status)) return undefined;
    const groups = readText(`/proc/${pid}/cgroup`);
    const swap = /^VmSwap:\s*(\d+) kB/m.exec(status)?.[1];
    return { swapBytes: Number(swap ?? 0) * 1024, limitBytes: containerLimit(groups, readText) };
  } catch {
    return undefined;
  }
}

function readText(file: string): string {
  return readFileSync(file, 'utf8');
}
