// Turns the effective config back into the file's form, for `spillway check`, logs and the admin API.
// Never shows a secret: a password becomes ***.
// Invariant: the description of a config without a password loads to the same effective config.
import { familyNamed } from '../core/policy/families.js';
import { PRIORITY_NAMES, type Rule, type RuleBudget, type RuleLimit } from '../core/policy/rule.js';
import { formatListenAddress } from './address.js';
import type {
  Band,
  EffectiveAlerts,
  EffectiveConfig,
  EffectiveMemory,
  EffectiveUpstream,
} from './effective.js';
import { type FailoverInput, failoverSchema } from './failover-schema.js';
import type { RuleInput } from './rule-schema.js';
import type { ConfigInput } from './schema.js';
import { formatRedactedSentinelUrl } from './sentinel-url.js';
import { formatCountRate, formatDuration, formatPercent, formatSize, formatSizeRate } from './units.js';
import { formatRedactedUrl, type UpstreamAddress } from './upstream-url.js';

/** Every setting, including defaults, as JSON. */
export function describeConfig(config: EffectiveConfig): Omit<ConfigInput, '$schema'> {
  return {
    listen: formatListenAddress(config.listen),
    listenMode: `0${config.listenMode.toString(8).padStart(3, '0')}`,
    ...(config.listenTls && { listenTls: config.listenTls }),
    proxyProtocol: { from: [...config.proxyFrom] },
    ...describeSentinelEndpoint(config.sentinelEndpoint),
    upstream: {
      url: urlOf(config.upstream),
      ...(config.upstream.tls && { tls: config.upstream.tls }),
      expect: config.upstream.expect,
      pool: config.upstream.pool,
      sharedConnections: config.upstream.sharedConnections,
      shareCommands: config.upstream.shareCommands.map((name) => name.toUpperCase()),
      connectTimeout: formatDuration(config.upstream.connectTimeoutMs),
      responseTimeout: formatDuration(config.upstream.responseTimeoutMs),
      ...(config.upstream.failover && { failover: describeFailover(config.upstream.failover) }),
      ...(config.upstream.followedName && { failover: describeFollowedName(config.upstream.followedName) }),
    },
    workers: config.workers,
    mode: config.mode,
    rules: config.rules.map((rule) => describeRule(rule, config.mode)),
    families: typeof config.families === 'string' ? config.families : [...config.families],
    memory: describeMemory(config.memory),
    admin: {
      listen: config.admin.listen === false ? false : formatListenAddress(config.admin.listen),
      ...(config.admin.tokenFile !== undefined && { tokenFile: config.admin.tokenFile }),
    },
    console: config.console,
    limits: {
      maxClients: config.limits.maxClients,
      lookahead: formatSize(config.limits.lookaheadBytes),
      pendingReplies: config.limits.pendingReplies,
      idleTimeout: formatDuration(config.limits.idleTimeoutMs),
      tcpKeepAlive: formatDuration(config.limits.tcpKeepAliveMs),
      drainTimeout: formatDuration(config.limits.drainTimeoutMs),
    },
    alerts: describeAlerts(config.alerts),
    sweep: {
      every: formatDuration(config.sweep.everyMs),
      maxRate: config.sweep.maxRate,
      ...(config.sweep.until !== undefined && {
        until: config.sweep.until === null ? 'never' : formatPercent(config.sweep.until),
      }),
    },
    log: { level: config.log.level, format: config.log.format },
    reload: { onChange: config.reload.onChange },
  };
}

/** `upstream.url` as in the file, with *** for a password. */
export function urlOf(
  upstream: UpstreamAddress & { readonly failover?: EffectiveUpstream['failover'] },
): string {
  const { failover } = upstream;
  return failover === undefined
    ? formatRedactedUrl(upstream)
    : formatRedactedSentinelUrl({
        sentinels: failover.sentinels,
        primary: failover.primary,
        server: upstream,
      });
}

function describeSentinelEndpoint({
  listen,
  primary,
  address,
  others,
}: EffectiveConfig['sentinelEndpoint']): Pick<ConfigInput, 'sentinelListen' | 'sentinelAnnounce'> {
  return {
    sentinelListen: listen === false ? false : formatListenAddress(listen),
    sentinelAnnounce: {
      ...(primary !== undefined && { primary }),
      ...(address !== undefined && { address: formatListenAddress(address) }),
      sentinels: others.map(formatListenAddress),
    },
  };
}

function describeFailover({
  pauseMs,
  resume,
  onMinority,
  user,
  natMap,
}: NonNullable<EffectiveUpstream['failover']>): FailoverInput {
  return {
    ...{ mode: 'sentinel', pause: formatDuration(pauseMs), resume, onMinority },
    ...(user !== undefined && { user }),
    natMap: { ...natMap },
  };
}

function describeFollowedName({ pauseMs }: NonNullable<EffectiveUpstream['followedName']>): FailoverInput {
  return failoverSchema.parse({ mode: 'name', pause: formatDuration(pauseMs) });
}

/** One rule without the fields that are not set, and without `mode` if it is the global one; a built-in one with its patterns. */
export function describeRule(rule: Rule, globalMode: ConfigInput['mode']): RuleInput & { builtIn?: true } {
  const ofFamily = rule.family === undefined || rule.builtIn ? 0 : familyNamed(rule.family).globs.length;
  const globs = rule.globs
    .slice(0, rule.globs.length - ofFamily)
    .map((glob) => Buffer.from(glob).toString('utf8'));
  const mode = rule.observe ? 'observe' : 'enforce';
  return {
    name: rule.name,
    ...(globs.length > 0 && { match: oneOrAll(globs) }),
    ...(rule.family !== undefined && { family: rule.family }),
    ...(rule.databases !== undefined && { db: oneOrAll(rule.databases) }),
    ...(rule.users !== undefined && {
      user: oneOrAll(rule.users.map((name) => Buffer.from(name, 'latin1').toString('utf8'))),
    }),
    ...(rule.ttlMs > 0 && { ttl: formatDuration(rule.ttlMs) }),
    ...(rule.maxTtlMs > 0 && { maxTtl: formatDuration(rule.maxTtlMs) }),
    ...(rule.jitter > 0 && { jitter: formatPercent(rule.jitter) }),
    ...(rule.durable && { durable: true }),
    priority: PRIORITY_NAMES[rule.priority],
    applyTo: rule.applyToAll ? 'all' : 'strings',
    ...(givesCollectionsTtl(rule) && { renew: rule.renew }),
    ...(rule.evict && { evict: true }),
    ...(rule.limit && { limit: describeLimit(rule.limit) }),
    scripts: rule.refusesScripts ? 'refuse' : 'pass',
    scriptTtl: rule.scriptTtl,
    ...(rule.budget && { budget: describeBudget(rule.budget) }),
    ...(mode !== globalMode && { mode }),
    ...(rule.builtIn && { builtIn: true }),
  };
}

/** It matters whether such a TTL is renewed: the commands that write to these keys keep it. */
function givesCollectionsTtl({ renew, applyToAll, ttlMs }: Rule): boolean {
  return renew || (applyToAll && ttlMs > 0);
}

function oneOrAll<T>(values: readonly T[]): T | T[] {
  return values.length === 1 ? (values[0] as T) : [...values];
}

function describeLimit({
  writesPerSecond,
  bytesPerSecond,
  valueBytes,
  error,
}: RuleLimit): RuleInput['limit'] {
  return {
    ...(writesPerSecond > 0 && { writes: formatCountRate(writesPerSecond) }),
    ...(bytesPerSecond > 0 && { bytes: formatSizeRate(bytesPerSecond) }),
    ...(valueBytes > 0 && { value: formatSize(valueBytes) }),
    ...(error !== undefined && { error }),
  };
}

function describeBudget(budget: RuleBudget): string {
  return 'share' in budget ? formatPercent(budget.share) : formatSize(budget.bytes);
}

function describeMemory(memory: EffectiveMemory): ConfigInput['memory'] {
  const [low, normal, high, critical] = memory.bands;
  return {
    pollInterval: formatDuration(memory.pollIntervalMs),
    proxies: memory.proxies,
    staleAfter: formatDuration(memory.staleAfterMs),
    onStale: memory.onStale,
    hysteresis: formatPercent(memory.hysteresis),
    ...(memory.limitBytes !== undefined && { limit: formatSize(memory.limitBytes) }),
    shedWhen: memory.shedWhen,
    passScripts: [...memory.passScripts],
    shed: {
      low: describeBand(low),
      normal: describeBand(normal),
      high: describeBand(high),
      critical: describeBand(critical),
    },
    reserve: describeReserve(memory.reserve),
    evict: {
      start: formatPercent(memory.evict.start),
      stop: formatPercent(memory.evict.stop),
      keys: formatSize(memory.evict.keysBytes),
    },
  };
}

function describeReserve({ horizonMs, most }: EffectiveMemory['reserve']): ConfigInput['memory']['reserve'] {
  return most === 0 ? 'off' : { horizon: formatDuration(horizonMs), most: formatPercent(most) };
}

function describeAlerts(alerts: EffectiveAlerts): ConfigInput['alerts'] {
  const { webhookFile, authorizationFile } = alerts;
  return {
    ...(webhookFile !== undefined && { webhookFile }),
    ...(authorizationFile !== undefined && { authorizationFile }),
    timeToFull: formatDuration(alerts.timeToFullMs),
    hold: formatDuration(alerts.holdMs),
    timeout: formatDuration(alerts.timeoutMs),
  };
}

function describeBand(band: Band): ConfigInput['memory']['shed']['low'] {
  return band === null ? 'never' : [formatPercent(band[0]), formatPercent(band[1])];
}
