// The compiled config that the rest of the program reads: numbers and bytes, no texts to parse. Types only. compile.ts makes
// the values, deeply frozen; a reload makes a new config.
import type { FamilyChoice } from '../core/policy/families.js';
import type { Rule } from '../core/policy/rule.js';
import type { DataAddress, ListenAddress } from './address.js';
import type { FailoverInput } from './failover-schema.js';
import type { ConfigInput } from './schema.js';
import type { SentinelAddress } from './sentinel-url.js';
import type { UpstreamAddress } from './upstream-url.js';

/** How Spillway follows the primary. */
export interface EffectiveFailover {
  readonly sentinels: SentinelAddress['sentinels'];
  /** The Sentinels' name for the primary. */
  readonly primary: string;
  /** The login for the Sentinels themselves. Never log or show the password. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly pauseMs: number;
  readonly resume: FailoverInput['resume'];
  readonly onMinority: FailoverInput['onMinority'];
  /** host:port as the Sentinels say it, to host:port as Spillway connects. */
  readonly natMap: Readonly<Record<string, string>>;
}

export interface EffectiveUpstream extends UpstreamAddress {
  /** undefined: no Sentinels. Otherwise host is '' and port 0 until they have named the primary. */
  readonly failover: EffectiveFailover | undefined;
  /** The host is a name that moves with the primary; undefined: it does not. */
  readonly followedName: { readonly pauseMs: number } | undefined;
  /** Paths of files, and a name; undefined: no TLS. */
  readonly tls: ConfigInput['upstream']['tls'];
  readonly expect: ConfigInput['upstream']['expect'];
  readonly pool: ConfigInput['upstream']['pool'];
  readonly sharedConnections: number;
  /** Lower case, each once. */
  readonly shareCommands: readonly string[];
  readonly connectTimeoutMs: number;
  readonly responseTimeoutMs: number;
}

/** Shares of the limit: nothing is shed below start, everything at full. null: never. */
export type Band = readonly [start: number, full: number] | null;

export interface EffectiveMemory {
  readonly pollIntervalMs: number;
  /** How many proxies write to the server; "auto": Spillway counts them. */
  readonly proxies: number | 'auto';
  readonly staleAfterMs: number;
  readonly onStale: ConfigInput['memory']['onStale'];
  /** Share of the limit, 0 … 0.5. */
  readonly hysteresis: number;
  /** undefined: only Redis's own maxmemory counts. */
  readonly limitBytes: number | undefined;
  readonly shedWhen: ConfigInput['memory']['shedWhen'];
  /** Lower-case SHA1s and names of functions, each once. */
  readonly passScripts: readonly string[];
  /** Room that is kept for higher priorities; `most`: share of the limit, 0: none. */
  readonly reserve: { readonly horizonMs: number; readonly most: number };
  /** Rules with `evict` make room from `start` down to `stop`, shares of the limit; `keysBytes`: memory for the known keys. */
  readonly evict: { readonly start: number; readonly stop: number; readonly keysBytes: number };
  /** By Priority: low, normal, high, critical. */
  readonly bands: readonly [Band, Band, Band, Band];
}

export interface EffectiveAdmin {
  readonly listen: ListenAddress | false;
  /** The file with the token, unless a variable gave the token. */
  readonly tokenFile: string | undefined;
  /** undefined: none, which is possible on loopback only. Never log or show it. */
  readonly token: string | undefined;
}

export interface EffectiveAlerts {
  /** The files with URL and header, unless a variable gave them. */
  readonly webhookFile: string | undefined;
  readonly authorizationFile: string | undefined;
  /** undefined: no alerts. Never log or show it. */
  readonly webhook: string | undefined;
  /** Never log or show it. */
  readonly authorization: string | undefined;
  /** 0: never. */
  readonly timeToFullMs: number;
  readonly holdMs: number;
  readonly timeoutMs: number;
}

export interface EffectiveSweep {
  /** 0: never. */
  readonly everyMs: number;
  /** Keys a second. */
  readonly maxRate: number;
  /** Share of the limit at which the sweep stops; undefined: the start of the lowest band; null: never. */
  readonly until: number | null | undefined;
}

/** The endpoint at which clients that are configured for Sentinel find this proxy. */
export interface EffectiveSentinelEndpoint {
  readonly listen: ListenAddress | false;
  /** The name by which clients ask; undefined: the Sentinels' name in the URL, or the usual one. */
  readonly primary: string | undefined;
  /** The data port as clients reach it; undefined: at the address by which they came. */
  readonly address: ListenAddress | undefined;
  /** The Sentinel endpoints of other proxies. */
  readonly others: readonly ListenAddress[];
  /** undefined: no login needed. Never log or show it. */
  readonly password: string | undefined;
}

export interface EffectiveLimits {
  readonly maxClients: number;
  readonly lookaheadBytes: number;
  readonly pendingReplies: number;
  /** 0: never. */
  readonly idleTimeoutMs: number;
  /** 0: never. */
  readonly tcpKeepAliveMs: number;
  readonly drainTimeoutMs: number;
}

export interface EffectiveConfig {
  readonly listen: DataAddress;
  /** File mode of a unix socket. */
  readonly listenMode: number;
  /** Paths of files; undefined: no TLS. */
  readonly listenTls: ConfigInput['listenTls'];
  /** Sources whose connections begin with a PROXY header. */
  readonly proxyFrom: readonly string[];
  readonly sentinelEndpoint: EffectiveSentinelEndpoint;
  readonly upstream: EffectiveUpstream;
  /** Processes that serve clients; 1: this process alone. */
  readonly workers: number;
  /** The global mode; each rule has its own, already resolved, in `observe`. */
  readonly mode: ConfigInput['mode'];
  readonly rules: readonly Rule[];
  readonly families: FamilyChoice;
  /** Built-in rules, after `rules`. */
  readonly familyRules: readonly Rule[];
  readonly memory: EffectiveMemory;
  readonly admin: EffectiveAdmin;
  /** Spillway itself answers PROXY. */
  readonly console: boolean;
  readonly limits: EffectiveLimits;
  readonly alerts: EffectiveAlerts;
  readonly sweep: EffectiveSweep;
  readonly log: ConfigInput['log'];
  readonly reload: ConfigInput['reload'];
}
