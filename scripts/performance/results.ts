// Reads what the benchmarks left in bench/results and checks its shape. A file that is not there is left out; one of
// another shape throws, naming the place. Never fills in a figure.
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  type CostsResults,
  type HttpResults,
  type LatencyResults,
  MICRO_STEPS,
  type MicroResults,
  type ScenarioResults,
  SETTINGS,
  TARGETS,
  type ThroughputResults,
} from '../../bench/report/types.js';

export interface Results {
  readonly throughput?: ThroughputResults;
  readonly latency?: LatencyResults;
  readonly costs?: CostsResults;
  readonly http?: HttpResults;
  readonly scenario?: ScenarioResults;
  readonly micro?: MicroResults;
}

const figure = z.number().nonnegative();
const target = z.enum(TARGETS);

const circumstances = z.object({
  date: z.iso.date(),
  commit: z.string(),
  machine: z.object({ cpu: z.string(), cores: figure, memoryGiB: figure, kernel: z.string() }),
  versions: z.record(z.string(), z.string()),
  rounds: figure,
});

const throughput = circumstances.extend({
  connections: figure,
  rows: z.array(
    z.object({
      test: z.enum(['set', 'get', 'mixed']),
      bytes: figure,
      pipeline: figure,
      target,
      perSecond: figure,
      ratio: figure,
      ratios: z.array(figure),
      p99: figure,
      proxyCpu: figure.nullable(),
      redisCpu: figure.nullable(),
    }),
  ),
}) satisfies z.ZodType<ThroughputResults>;

const latency = circumstances.extend({
  connections: figure,
  ratePerSecond: figure,
  rows: z.array(
    z.object({
      target,
      achievedPerSecond: figure,
      p50: figure,
      p90: figure,
      p99: figure,
      p999: figure,
      max: figure,
    }),
  ),
}) satisfies z.ZodType<LatencyResults>;

const costs = circumstances.extend({
  rules: z.array(z.object({ rules: figure, kind: z.enum(['prefix', 'glob']), perSecond: figure })),
  policy: z.array(z.object({ settings: z.enum(SETTINGS), perSecond: figure })),
  statistics: z.object({ onPerSecond: figure, offPerSecond: figure }),
  connections: z.array(z.object({ connections: figure, target, perSecond: figure })),
  values: z.array(
    z.object({ bytes: figure, target, bytesPerSecond: figure, residentGrowth: z.number().nullable() }),
  ),
  idle: z.array(z.object({ connections: figure, target, proxyResident: figure, redisResident: figure })),
  crowd: z.array(
    z.object({
      clients: figure,
      target,
      connectedClients: figure,
      redisClientMemory: figure,
      redisCpu: figure,
      perSecond: figure,
    }),
  ),
  unix: z.array(
    z.object({
      target,
      client: z.enum(['tcp', 'unix']),
      server: z.enum(['tcp', 'unix']).nullable(),
      pipeline: figure,
      perSecond: figure,
      ratio: figure,
      proxyCpu: figure.nullable(),
    }),
  ),
}) satisfies z.ZodType<CostsResults>;

const http = circumstances.extend({
  connections: figure,
  seconds: figure,
  rows: z.array(
    z.object({ route: z.string(), target, perSecond: figure, ratio: figure, p50: figure, p99: figure }),
  ),
}) satisfies z.ZodType<HttpResults>;

const scenario = circumstances.extend({
  verdicts: z.array(
    z.object({ sizes: z.string(), requirement: z.string(), pass: z.boolean(), measured: z.string() }),
  ),
}) satisfies z.ZodType<ScenarioResults>;

const micro = circumstances.extend({
  rows: z.array(z.object({ step: z.enum(MICRO_STEPS), what: z.string(), nanoseconds: figure })),
}) satisfies z.ZodType<MicroResults>;

/** What stands in `folder`, whose address ends with a slash. */
export function readResults(folder: URL): Results {
  function read<T>(name: string, shape: z.ZodType<T>): Record<string, T> {
    const url = new URL(`${name}.json`, folder);
    if (!existsSync(url)) return {};
    const parsed = shape.safeParse(JSON.parse(readFileSync(url, 'utf8')));
    if (!parsed.success) throw new Error(`${name}.json: ${z.prettifyError(parsed.error)}`);
    return { [name]: parsed.data };
  }
  return {
    ...read('throughput', throughput),
    ...read('latency', latency),
    ...read('costs', costs),
    ...read('http', http),
    ...read('scenario', scenario),
    ...read('micro', micro),
  };
}
