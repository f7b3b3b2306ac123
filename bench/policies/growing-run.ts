// One run of the second question: who is refused first when not only a cache grows. Logs, orders and jobs grow steadily in lists
// that nothing can evict, beside a cache at full speed. It ends when jobs are refused, or with the time.
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { command, connectRaw } from '../../test/support/raw-client.js';
import { readFigures } from '../scenario/server-figures.js';
import { CacheWriter } from './cache-writer.js';
import { type SetupOptions, withSetup } from './setup.js';
import type { Way } from './ways.js';

/** Lists of durable keys, the least important first. */
export const GROWING = ['logs', 'orders', 'jobs'] as const;
export type Growing = (typeof GROWING)[number];

const KEYS: Readonly<Record<Growing, string>> = { logs: 'log:app', orders: 'order:all', jobs: 'queue:mail' };
const STEP_MS = 100;
const LOOK_MS = 2000;
const WRITES_A_STEP = 50;
/** Beside the value each element takes some bytes; together about 1 KB. */
const VALUE = 'g'.repeat(1000);
/** What follows the first refusal of jobs, to see whether it lasts. */
const AFTER_MS = 2000;
const OOM = '-OOM ';

export interface GrowingOptions extends SetupOptions {
  readonly seconds: number;
  readonly rate: number;
  readonly valueBytes: number;
  readonly ttl: boolean;
  /** Of the sizes of caches, which are lognormal; 0: all alike. */
  readonly sigma: number;
}

export interface FirstRefusal {
  /** Seconds since the start. */
  readonly at: number;
  /** The memory that nothing can evict, then, as a share of the limit. */
  readonly committed: number;
}

export interface GrowingFigures {
  readonly first: Readonly<Record<Growing | 'caches', FirstRefusal | undefined>>;
  readonly accepted: Readonly<Record<Growing | 'caches', number>>;
  readonly refused: Readonly<Record<Growing | 'caches', number>>;
  /** What the proxy said of the time left, each two seconds; none without a proxy. */
  readonly looks: readonly Look[];
  /** Refused by Redis itself. */
  readonly ownOom: number;
  readonly seconds: number;
  readonly fault: string | undefined;
}

/** Seconds; null: never, as far as it can tell. */
export interface Look {
  /** Since the start. */
  readonly at: number;
  /** Until the limit, with what is refused on the way. */
  readonly full: number | null;
  /** Until the first write of logs is refused, and of orders. */
  readonly logs: number | null;
  readonly orders: number | null;
}

/** Of the looks from a third of the way to `end` on: how many are within half to one and a half of the truth, and of how many. */
export function rightLooks(
  looks: readonly Look[],
  what: 'full' | 'logs' | 'orders',
  end: number | undefined,
): readonly [right: number, of: number] {
  if (end === undefined) return [0, 0];
  const counted = looks.filter(({ at }) => at >= end / 3 && at < end);
  const right = counted.filter((look) => {
    const [told, left] = [look[what], end - look.at];
    return told !== null && told >= left / 2 && told <= left * 1.5;
  });
  return [right.length, counted.length];
}

/** What /api/growth says. */
interface Forecast {
  readonly timeToFull: { readonly seconds: number | null } | null;
  readonly marks: readonly { readonly name: string; readonly seconds: number | null }[];
}

export function runGrowing(way: Way, options: GrowingOptions): Promise<GrowingFigures> {
  return withSetup(way, options, async ({ port, control, limitBytes, proxy }) => {
    const empty = await usedMemory(control);
    const begun = performance.now();
    const first: Partial<Record<Growing | 'caches', FirstRefusal>> = {};
    const accepted = { caches: 0, logs: 0, orders: 0, jobs: 0 };
    const refused = { caches: 0, logs: 0, orders: 0, jobs: 0 };
    const note = async (who: Growing | 'caches', at: number): Promise<void> => {
      first[who] = { at, committed: Number.NaN };
      first[who] = { at, committed: (empty + (await durableBytes(control))) / limitBytes };
    };
    const looks: Look[] = [];
    const look = async (at: number): Promise<void> => {
      const forecast = (await proxy?.admin('/api/growth')) as Forecast | undefined;
      if (forecast === undefined) return;
      const mark = (name: string) => forecast.marks.find((one) => one.name === name)?.seconds ?? null;
      const [logs, orders] = [mark('low begins'), mark('high begins')];
      looks.push({ at, full: forecast.timeToFull?.seconds ?? null, logs, orders });
    };
    let fault: string | undefined;
    const cache = await CacheWriter.start({ port, ...options });
    const clients = await Promise.all(
      GROWING.map(async (name) => [name, await connectRaw(port, 60_000)] as const),
    );
    const end = begun + options.seconds * 1000;
    for (let due = begun; performance.now() < end; due += STEP_MS) {
      await delay(Math.max(0, due - performance.now()));
      if ((due - begun) % LOOK_MS < STEP_MS) await look((performance.now() - begun) / 1000);
      for (const [name, client] of clients) {
        const push = command('RPUSH', KEYS[name], VALUE);
        void client.write(Buffer.concat(Array.from({ length: WRITES_A_STEP }, () => push)));
        const replies = (await client.readReplies(WRITES_A_STEP)).map(String);
        const oom = replies.filter((reply) => reply.startsWith(OOM)).length;
        fault ??= replies.find((reply) => reply.startsWith('-') && !reply.startsWith(OOM));
        accepted[name] += replies.length - oom;
        refused[name] += oom;
        if (oom > 0 && first[name] === undefined) await note(name, (performance.now() - begun) / 1000);
      }
      if (cache.firstRefusedMs !== undefined && first.caches === undefined) {
        await note('caches', cache.firstRefusedMs / 1000);
      }
      if (first.jobs !== undefined && performance.now() - begun > first.jobs.at * 1000 + AFTER_MS) break;
    }
    for (const [, client] of clients) client.destroy();
    accepted.caches = cache.written;
    refused.caches = cache.refused;
    await cache.stop();
    const { oomErrors } = await readFigures(control);
    const { caches, logs, orders, jobs } = first;
    return {
      ...{ first: { caches, logs, orders, jobs }, accepted, refused, looks, ownOom: oomErrors },
      ...{ seconds: (performance.now() - begun) / 1000, fault: fault ?? cache.fault },
    };
  });
}

async function durableBytes(redis: Redis): Promise<number> {
  const sizes = await Promise.all(
    GROWING.map((name) => redis.call('MEMORY', 'USAGE', KEYS[name], 'SAMPLES', '0')),
  );
  return sizes.reduce((sum: number, bytes) => sum + Number(bytes ?? 0), 0);
}

async function usedMemory(redis: Redis): Promise<number> {
  return (await readFigures(redis)).usedMemory;
}
