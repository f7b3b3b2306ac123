// Runs redis-benchmark once and reads its CSV. Owns its command line and nothing of the targets.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findExecutable } from '../../src/demo/server-binary.js';

const TIMEOUT_MS = 300_000;
export const KEYS = 100_000;
const VALUE = 'x'.repeat(64);

export interface LoadOptions {
  readonly port: number;
  readonly connections: number;
  /** Commands in flight on each connection. */
  readonly pipeline: number;
  readonly requests: number;
  readonly command: readonly string[];
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What is measured. `ttl`: the client gives the TTL itself, as one without Spillway has to. */
export function commandFor(test: 'set' | 'get', ttl: boolean): string[] {
  const key = 'key:__rand_int__';
  if (test === 'get') return ['GET', key];
  return ['SET', key, VALUE, ...(ttl ? ['EX', '3600'] : [])];
}

/** @throws Error when redis-benchmark is missing or fails. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const binary = (await findExecutable('redis-benchmark')) ?? (await findExecutable('valkey-benchmark'));
  if (binary === undefined) {
    throw new Error('redis-benchmark is not installed; on Debian: sudo apt-get install redis-tools');
  }
  const { port, connections, pipeline, requests, command } = options;
  const counts = { '-p': port, '-c': connections, '-P': pipeline, '-n': requests, '-r': KEYS };
  const args = Object.entries(counts).flatMap(([flag, value]) => [flag, String(value)]);
  const { stdout } = await promisify(execFile)(binary, ['-h', '127.0.0.1', ...args, '--csv', ...command], {
    timeout: TIMEOUT_MS,
    maxBuffer: 16 << 20,
  });
  return parseCsv(stdout);
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
