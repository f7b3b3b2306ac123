// One run against one target: the rate, and the CPU that it cost the proxy and Redis. A figure stands only when every
// key has a TTL in the end: a target that did less work is no faster.
import { Redis } from 'ioredis';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import { cpuSeconds } from './cpu.js';
import {
  commandFor,
  keysOf,
  type LoadResult,
  load,
  loadTest,
  SMALL_BYTES,
  type Test,
} from './redis-benchmark.js';

export const CONNECTIONS = 50;
/** For each key, at random: nearly all of them are there then. */
const FILLS = 5;
const PIPELINED = 16;

/** What commands are sent to. */
export interface Loaded {
  readonly name: string;
  readonly port: number;
  /** Of the proxy; undefined: there is none. */
  readonly pid: number | undefined;
  /** Behind Spillway a rule gives the TTL, everywhere else the client. */
  readonly clientGivesTtl: boolean;
}

export interface Run {
  readonly test: Test;
  readonly pipeline: number;
  /** Of a value. */
  readonly bytes: number;
  readonly requests: number;
}

/** CPU in microseconds a command; undefined where it cannot be read, or where there is no proxy. */
export interface Measurement extends LoadResult {
  readonly proxyCpuUs: number | undefined;
  readonly redisCpuUs: number | undefined;
}

/** Measures targets that share one Redis. Call close() in the end. */
export class Meter {
  readonly #redis: RedisProcess;
  readonly #control: Redis;
  readonly #signal: AbortSignal | undefined;

  /** An aborted signal ends the run under way; its promise rejects. */
  constructor(redis: RedisProcess, signal?: AbortSignal) {
    this.#redis = redis;
    this.#control = new Redis({ host: redis.host, port: redis.port });
    this.#signal = signal;
  }

  /** Compilers and allocators settle before anything counts. */
  async warmUp(target: Loaded, requests: number): Promise<void> {
    const run = { pipeline: PIPELINED, bytes: SMALL_BYTES, requests };
    await loadTest('mixed', target.clientGivesTtl, SMALL_BYTES, this.#options(target.port, run));
  }

  /** For the runs of a round: gets and mixed tests find nearly all keys, sets none. */
  async prepare(test: Test, bytes = SMALL_BYTES): Promise<void> {
    await this.#control.flushall();
    if (test === 'set') return;
    const command = commandFor('set', true, bytes);
    const run = { pipeline: PIPELINED, bytes, requests: FILLS * keysOf(bytes) };
    await load({ ...this.#options(this.#redis.port, run), command });
  }

  async measure(target: Loaded, run: Run): Promise<Measurement> {
    const { test, bytes, requests } = run;
    if (test === 'set') await this.#control.flushall();
    const before = this.#cpu(target);
    const result = await loadTest(test, target.clientGivesTtl, bytes, this.#options(target.port, run));
    const after = this.#cpu(target);
    await this.#proveTtls(target);
    return {
      ...result,
      proxyCpuUs: perCommand(before.proxy, after.proxy, requests),
      redisCpuUs: perCommand(before.redis, after.redis, requests),
    };
  }

  close(): void {
    this.#control.disconnect();
  }

  #options(port: number, { pipeline, bytes, requests }: Omit<Run, 'test'>) {
    const keys = keysOf(bytes);
    return { port, pipeline, requests, keys, connections: CONNECTIONS, signal: this.#signal };
  }

  #cpu({ pid }: Loaded): { proxy: number | undefined; redis: number | undefined } {
    return { proxy: pid === undefined ? undefined : cpuSeconds(pid), redis: cpuSeconds(this.#redis.pid) };
  }

  async #proveTtls(target: Loaded): Promise<void> {
    const keyspace = await this.#control.info('keyspace');
    const [, keys = '0', expires = '0'] = /db0:keys=(\d+),expires=(\d+)/.exec(keyspace) ?? [];
    if (keys === '0' || keys !== expires) {
      throw new Error(`${target.name}: of ${keys} keys written, ${expires} have a TTL; expected all`);
    }
  }
}

function perCommand(
  start: number | undefined,
  end: number | undefined,
  commands: number,
): number | undefined {
  return start === undefined || end === undefined ? undefined : ((end - start) / commands) * 1e6;
}
