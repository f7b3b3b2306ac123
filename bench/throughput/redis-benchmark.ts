// Runs redis-benchmark and reads its CSV. Owns its command lines, and nothing of the targets. A mixed test is two at once,
// as redis-benchmark knows one command a run.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findExecutable } from '../../src/cli/local-server/server-binary.js';

const TIMEOUT_MS = 300_000;
/** Of a value, where nothing else is said. */
export const SMALL_BYTES = 64;
const MOST_KEYS = 100_000;
/** All keys together take no more of Redis's memory. */
const DATA_BYTES = 256 * 2 ** 20;
/** Linux takes no argument of 128 KB or more: redis-benchmark reads such a value from its standard input, as the last one. */
const MOST_ARGUMENT_BYTES = 100 * 2 ** 10;

/** mixed: 80% GET, 20% SET. */
export const TESTS = ['set', 'get', 'mixed'] as const;
export type Test = (typeof TESTS)[number];

/** Of the connections and of the requests of a mixed test. */
const SETS_OF_MIXED = 0.2;

/** By TCP on this machine, or by a unix socket. */
export type LoadTarget = { readonly port: number } | { readonly socket: string };

export type LoadOptions = LoadTarget & {
  readonly connections: number;
  /** Commands in flight on each connection. */
  readonly pipeline: number;
  readonly requests: number;
  /** How many keys they are for, at random; all that there are of small values where nothing is said. */
  readonly keys?: number;
  readonly command: readonly string[];
  /** Ends it early; load() throws then. */
  readonly signal?: AbortSignal | undefined;
};

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What is measured. `ttl`: the client gives the TTL itself, as one without Spillway has to. */
export function commandFor(test: 'set' | 'get', ttl: boolean, bytes = SMALL_BYTES): string[] {
  const key = 'key:__rand_int__';
  if (test === 'get') return ['GET', key];
  const value = 'x'.repeat(bytes);
  if (ttl && bytes > MOST_ARGUMENT_BYTES) return ['SETEX', key, '3600', value];
  return ['SET', key, value, ...(ttl ? ['EX', '3600'] : [])];
}

/** How many keys with values of `bytes` there are. */
export function keysOf(bytes: number): number {
  return Math.max(1, Math.min(MOST_KEYS, Math.floor(DATA_BYTES / bytes)));
}

/** @throws Error when neither server's benchmark is installed. */
export async function findBenchmark(): Promise<string> {
  const binary = (await findExecutable('redis-benchmark')) ?? (await findExecutable('valkey-benchmark'));
  if (binary !== undefined) return binary;
  throw new Error('redis-benchmark is not installed; on Debian: sudo apt-get install redis-tools');
}

/** @throws Error when redis-benchmark is missing or fails. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { connections, pipeline, requests, keys = keysOf(SMALL_BYTES), command, signal } = options;
  const address =
    'port' in options ? ['-h', '127.0.0.1', '-p', String(options.port)] : ['-s', options.socket];
  const counts = { '-c': connections, '-P': pipeline, '-n': requests, '-r': keys };
  const args = Object.entries(counts).flatMap(([flag, value]) => [flag, String(value)]);
  const value = command.at(-1) ?? '';
  const isPiped = value.length > MOST_ARGUMENT_BYTES;
  const words = isPiped ? ['-x', ...command.slice(0, -1)] : command;
  const running = promisify(execFile)(await findBenchmark(), [...address, ...args, '--csv', ...words], {
    timeout: TIMEOUT_MS,
    maxBuffer: 16 << 20,
    signal,
  });
  // A benchmark that ends early says why by its exit.
  running.child.stdin?.on('error', () => {}).end(isPiped ? value : '');
  return parseCsv((await running).stdout);
}

/**
 * One test of all its connections. Of a mixed one: all requests by the time until both are done, since what is left
 * of one runs faster alone, and the worse of their latencies.
 */
export async function loadTest(
  test: Test,
  clientGivesTtl: boolean,
  bytes: number,
  options: LoadTarget & Omit<LoadOptions, 'command'>,
): Promise<LoadResult> {
  if (test !== 'mixed') return load({ ...options, command: commandFor(test, clientGivesTtl, bytes) });
  const sets = share(options, SETS_OF_MIXED);
  const gets = share(options, 1 - SETS_OF_MIXED);
  const [a, b] = await Promise.all([
    load({ ...options, ...sets, command: commandFor('set', clientGivesTtl, bytes) }),
    load({ ...options, ...gets, command: commandFor('get', clientGivesTtl, bytes) }),
  ]);
  const seconds = Math.max(sets.requests / a.requestsPerSecond, gets.requests / b.requestsPerSecond);
  return {
    requestsPerSecond: (sets.requests + gets.requests) / seconds,
    p50Ms: Math.max(a.p50Ms, b.p50Ms),
    p99Ms: Math.max(a.p99Ms, b.p99Ms),
  };
}

function share({ connections, requests }: Pick<LoadOptions, 'connections' | 'requests'>, part: number) {
  return { connections: Math.round(connections * part), requests: Math.round(requests * part) };
}

/** @throws Error on anything but the CSV of one test. */
export function parseCsv(csv: string): LoadResult {
  const rows = csv
    .split('\n')
    .filter((line) => line.startsWith('"'))
    .map((line) => line.slice(1).trimEnd().replace(/"$/, '').split('","'));
  const [head = [], last] = [rows[0], rows[rows.length - 1]];
  const read = (column: string): number => {
    const value = Number(last?.[head.indexOf(column)] ?? Number.NaN);
    if (Number.isNaN(value)) throw new Error(`no ${column} in the output of redis-benchmark:\n${csv}`);
    return value;
  };
  return { requestsPerSecond: read('rps'), p50Ms: read('p50_latency_ms'), p99Ms: read('p99_latency_ms') };
}
