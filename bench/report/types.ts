// What the benchmarks keep in bench/results, one file each, and docs/PERFORMANCE.md is made of. Durations in
// milliseconds, sizes in bytes, CPU in microseconds a command, rates a second, unless a name says otherwise.

export const TARGETS = [
  'direct',
  'command pooling',
  'session pooling',
  'twemproxy',
  'haproxy',
  'relay',
] as const;
export type Target = (typeof TARGETS)[number];

/** Where and when it was measured. */
export interface Circumstances {
  /** ISO day. */
  readonly date: string;
  /** Short hash; with `+` when the tree had changes. */
  readonly commit: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly kernel: string;
  };
  /** By name: node, redis-server, twemproxy, haproxy. */
  readonly versions: Readonly<Record<string, string>>;
  /** How often each was measured; figures are medians. */
  readonly rounds: number;
}

/** results/throughput.json */
export interface ThroughputResults extends Circumstances {
  readonly connections: number;
  readonly rows: readonly ThroughputRow[];
}

export interface ThroughputRow {
  /** mixed: 80% GET, 20% SET */
  readonly test: 'set' | 'get' | 'mixed';
  /** Of a value. */
  readonly bytes: number;
  readonly pipeline: number;
  readonly target: Target;
  readonly perSecond: number;
  /** Median over the rounds of the ratio to direct in the same round, and all of them. */
  readonly ratio: number;
  readonly ratios: readonly number[];
  readonly p99: number;
  readonly proxyCpu: number | null;
  readonly redisCpu: number | null;
}

/** results/latency.json: requests at a fixed rate, timed from when they were due. */
export interface LatencyResults extends Circumstances {
  readonly connections: number;
  /** Half of what direct can do with one request under way on each connection. */
  readonly ratePerSecond: number;
  readonly rows: readonly LatencyRow[];
}

export interface LatencyRow {
  readonly target: Target;
  readonly achievedPerSecond: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Each step has the settings of those before it. */
export const SETTINGS = [
  'TTL and priority',
  'families, limits, scripts and renew',
  'budgets too',
  'evict too',
] as const;
export type Settings = (typeof SETTINGS)[number];

/** results/costs.json: one thing varied at a time. */
export interface CostsResults extends Circumstances {
  /** SETs at pipeline 16 with so many rules, the one that matches last; of prefixes, and of globs that are none. */
  readonly rules: readonly {
    readonly rules: number;
    readonly kind: 'prefix' | 'glob';
    readonly perSecond: number;
  }[];
  /** SETs at pipeline 16 with four rules, by what these set. */
  readonly policy: readonly { readonly settings: Settings; readonly perSecond: number }[];
  /** SETs at pipeline 16 with the statistics counted, and not. */
  readonly statistics: { readonly onPerSecond: number; readonly offPerSecond: number };
  /** GETs at pipeline 1 by number of connections. */
  readonly connections: readonly {
    readonly connections: number;
    readonly target: Target;
    readonly perSecond: number;
  }[];
  /** SETs and GETs by size of the value. */
  readonly values: readonly {
    readonly bytes: number;
    readonly target: Target;
    readonly bytesPerSecond: number;
    /** By how much the proxy's resident memory grew at most; null: no proxy. */
    readonly residentGrowth: number | null;
  }[];
  /** Connections that do nothing. */
  readonly idle: {
    readonly connections: number;
    readonly target: Target;
    /** All that the proxy has resident. */
    readonly proxyResident: number;
    readonly redisResident: number;
  }[];
  /** 5,000 clients that work a little: what Redis sees of them. */
  readonly crowd: {
    readonly clients: number;
    readonly target: Target;
    readonly connectedClients: number;
    readonly redisClientMemory: number;
    readonly redisCpu: number;
    readonly perSecond: number;
  }[];
  /** SETs over TCP and unix sockets. */
  readonly unix: readonly {
    readonly target: Target;
    readonly client: SocketKind;
    /** null: no proxy. */
    readonly server: SocketKind | null;
    readonly pipeline: number;
    readonly perSecond: number;
    /** Median over the rounds of the ratio to direct Redis by TCP. */
    readonly ratio: number;
    readonly proxyCpu: number | null;
  }[];
}

export type SocketKind = 'tcp' | 'unix';

/** results/http.json: an HTTP application that talks to Redis, loaded by autocannon. */
export interface HttpResults extends Circumstances {
  readonly connections: number;
  readonly seconds: number;
  readonly rows: readonly HttpRow[];
}

export interface HttpRow {
  readonly route: string;
  /** The way from the application to Redis. */
  readonly target: Target;
  readonly perSecond: number;
  /** Median over the rounds of the ratio to direct in the same round. */
  readonly ratio: number;
  readonly p50: number;
  readonly p99: number;
}

export const MICRO_STEPS = ['scanner', 'identify', 'decide', 'sequencer', 'session', 'statistics'] as const;
export type MicroStep = (typeof MICRO_STEPS)[number];

/** results/micro.json: what each step of the hot path costs. */
export interface MicroResults extends Circumstances {
  readonly rows: readonly MicroRow[];
}

export interface MicroRow {
  readonly step: MicroStep;
  readonly what: string;
  /** For one command. */
  readonly nanoseconds: number;
}

/** results/scenario.json: whether shedding keeps its promises; see bench/scenario. */
export interface ScenarioResults extends Circumstances {
  readonly verdicts: readonly {
    /** Of the values, in words. */
    readonly sizes: string;
    readonly requirement: string;
    readonly pass: boolean;
    readonly measured: string;
  }[];
}
