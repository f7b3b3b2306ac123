// Compiles a checked config: texts become numbers and bytes, and everything is frozen.
// Checks nothing, because configSchema has, and adds no defaults: these are in the schema.
import { availableParallelism } from 'node:os';
import { chosenFamilies, familyGlobs } from '../core/policy/families.js';
import { familyRules } from '../core/policy/family-rules.js';
import {
  PRIORITY_NAMES,
  type Priority,
  type Rule,
  type RuleBudget,
  type RuleLimit,
} from '../core/policy/rule.js';
import { parseDataAddress, parseListenAddress } from './address.js';
import type {
  Band,
  EffectiveConfig,
  EffectiveFailover,
  EffectiveMemory,
  EffectiveSentinelEndpoint,
  EffectiveSweep,
} from './effective.js';
import { failoverSchema } from './failover-schema.js';
import type { RuleInput } from './rule-schema.js';
import { namedIn, patternsOf } from './rule-scope.js';
import type { ConfigInput } from './schema.js';
import { parseAnyUrl } from './sentinel-url.js';
import { parseCountRate, parseDuration, parsePercent, parseSize, parseSizeRate } from './units.js';

const SHA1 = /^[0-9A-Fa-f]{40}$/;

/** Secrets from outside the file. */
export interface Secrets {
  /** Replaces a password in `upstream.url`. */
  readonly upstreamPassword?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  readonly sentinelListenPassword?: string | undefined;
  readonly adminToken?: string | undefined;
  readonly alertsWebhook?: string | undefined;
  readonly alertsAuthorization?: string | undefined;
}

/**
 * Compiles the output of configSchema. Deeply frozen, except the globs' bytes, which JavaScript cannot freeze.
 */
export function compileConfig(parsed: ConfigInput, secrets: Secrets = {}): EffectiveConfig {
  const { sentinel: _, ...upstream } = parseAnyUrl(parsed.upstream.url);
  return deepFreeze({
    listen: parseDataAddress(parsed.listen),
    listenMode: Number.parseInt(parsed.listenMode, 8),
    listenTls: parsed.listenTls,
    proxyFrom: parsed.proxyProtocol.from,
    sentinelEndpoint: compileSentinelEndpoint(parsed, secrets.sentinelListenPassword),
    upstream: {
      ...upstream,
      password: secrets.upstreamPassword ?? upstream.password,
      tls: upstream.secure ? { ...parsed.upstream.tls } : undefined,
      expect: parsed.upstream.expect,
      pool: parsed.upstream.pool,
      sharedConnections: parsed.upstream.sharedConnections,
      shareCommands: [...new Set(parsed.upstream.shareCommands.map((name) => name.toLowerCase()))],
      connectTimeoutMs: parseDuration(parsed.upstream.connectTimeout),
      responseTimeoutMs: parseDuration(parsed.upstream.responseTimeout),
      failover: compileFailover(parsed.upstream, secrets.sentinelPassword),
      followedName:
        parsed.upstream.failover?.mode === 'name'
          ? { pauseMs: parseDuration(parsed.upstream.failover.pause) }
          : undefined,
    },
    workers: parsed.workers === 'auto' ? availableParallelism() : parsed.workers,
    mode: parsed.mode,
    rules: parsed.rules.map((rule, index) => compileRule(rule, index + 1, parsed.mode)),
    families: parsed.families,
    familyRules: familyRules(
      chosenFamilies(parsed.families),
      parsed.rules.length + 1,
      parsed.mode === 'observe',
    ),
    memory: compileMemory(parsed.memory),
    admin: {
      listen: parsed.admin.listen === false ? false : parseListenAddress(parsed.admin.listen),
      tokenFile: parsed.admin.tokenFile,
      token: secrets.adminToken,
    },
    console: parsed.console,
    limits: {
      maxClients: parsed.limits.maxClients,
      lookaheadBytes: parseSize(parsed.limits.lookahead),
      pendingReplies: parsed.limits.pendingReplies,
      idleTimeoutMs: parseDuration(parsed.limits.idleTimeout),
      tcpKeepAliveMs: parseDuration(parsed.limits.tcpKeepAlive),
      drainTimeoutMs: parseDuration(parsed.limits.drainTimeout),
    },
    alerts: {
      webhookFile: parsed.alerts.webhookFile,
      authorizationFile: parsed.alerts.authorizationFile,
      webhook: secrets.alertsWebhook,
      authorization: secrets.alertsAuthorization,
      timeToFullMs: parseDuration(parsed.alerts.timeToFull),
      holdMs: parseDuration(parsed.alerts.hold),
      timeoutMs: parseDuration(parsed.alerts.timeout),
    },
    sweep: compileSweep(parsed),
    log: parsed.log,
    reload: { onChange: parsed.reload.onChange },
  });
}

function compileSentinelEndpoint(
  { sentinelListen, sentinelAnnounce }: ConfigInput,
  password: string | undefined,
): EffectiveSentinelEndpoint {
  const { primary, address, sentinels } = sentinelAnnounce;
  return {
    listen: sentinelListen === false ? false : parseListenAddress(sentinelListen),
    primary,
    address: address === undefined ? undefined : parseListenAddress(address),
    others: sentinels.map(parseListenAddress),
    password,
  };
}

function compileFailover(
  { url, failover }: ConfigInput['upstream'],
  password: string | undefined,
): EffectiveFailover | undefined {
  const { sentinel } = parseAnyUrl(url);
  if (sentinel === undefined) return undefined;
  const { pause, resume, onMinority, user, natMap } = failover ?? failoverSchema.parse({});
  const { sentinels, primary } = sentinel;
  return { sentinels, primary, user, password, pauseMs: parseDuration(pause), resume, onMinority, natMap };
}

function compileRule(rule: RuleInput, slot: number, globalMode: ConfigInput['mode']): Rule {
  return {
    name: rule.name,
    slot,
    globs: [
      ...patternsOf(rule).map((glob) => Buffer.from(glob, 'utf8')),
      ...(rule.family === undefined ? [] : familyGlobs(rule.family)),
    ],
    ...(rule.db !== undefined && { databases: namedIn(rule.db) }),
    ...(rule.user !== undefined && {
      users: namedIn(rule.user)?.map((name) => Buffer.from(name, 'utf8').toString('latin1')),
    }),
    ttlMs: rule.ttl === undefined ? 0 : parseDuration(rule.ttl),
    maxTtlMs: rule.maxTtl === undefined ? 0 : parseDuration(rule.maxTtl),
    jitter: rule.jitter === undefined ? 0 : parsePercent(rule.jitter),
    durable: rule.durable ?? rule.family !== undefined,
    priority: PRIORITY_NAMES.indexOf(
      rule.priority ?? (rule.family === undefined ? 'normal' : 'critical'),
    ) as Priority,
    observe: (rule.mode ?? globalMode) === 'observe',
    applyToAll: rule.applyTo === 'all',
    refusesScripts: rule.scripts === 'refuse',
    scriptTtl: rule.scriptTtl,
    renew: rule.renew ?? false,
    evict: rule.evict ?? false,
    ...(rule.family !== undefined && { family: rule.family }),
    limit: rule.limit && compileLimit(rule.limit),
    budget: rule.budget === undefined ? undefined : compileBudget(rule.budget),
  };
}

function compileLimit({ writes, bytes, value, error }: NonNullable<RuleInput['limit']>): RuleLimit {
  return {
    writesPerSecond: writes === undefined ? 0 : parseCountRate(writes),
    bytesPerSecond: bytes === undefined ? 0 : parseSizeRate(bytes),
    valueBytes: value === undefined ? 0 : parseSize(value),
    error,
  };
}

function compileBudget(budget: NonNullable<RuleInput['budget']>): RuleBudget {
  if (typeof budget === 'string' && budget.endsWith('%')) return { share: parsePercent(budget) };
  return { bytes: parseSize(budget) };
}

function compileSweep({ sweep: { every, maxRate, until } }: ConfigInput): EffectiveSweep {
  return {
    everyMs: parseDuration(every),
    maxRate,
    until: until === 'never' ? null : until === undefined ? undefined : parsePercent(until),
  };
}

function compileMemory(memory: ConfigInput['memory']): EffectiveMemory {
  const { low, normal, high, critical } = memory.shed;
  return {
    pollIntervalMs: parseDuration(memory.pollInterval),
    proxies: memory.proxies,
    staleAfterMs: parseDuration(memory.staleAfter),
    onStale: memory.onStale,
    hysteresis: parsePercent(memory.hysteresis),
    limitBytes: memory.limit === undefined ? undefined : parseSize(memory.limit),
    shedWhen: memory.shedWhen,
    passScripts: [
      ...new Set(memory.passScripts.map((name) => (SHA1.test(name) ? name.toLowerCase() : name))),
    ],
    reserve: compileReserve(memory.reserve),
    evict: {
      start: parsePercent(memory.evict.start),
      stop: parsePercent(memory.evict.stop),
      keysBytes: parseSize(memory.evict.keys),
    },
    bands: [compileBand(low), compileBand(normal), compileBand(high), compileBand(critical)],
  };
}

function compileReserve(reserve: ConfigInput['memory']['reserve']): EffectiveMemory['reserve'] {
  const most = reserve === 'off' ? 0 : parsePercent(reserve.most);
  return { horizonMs: reserve === 'off' || most === 0 ? 0 : parseDuration(reserve.horizon), most };
}

function compileBand(band: ConfigInput['memory']['shed']['low']): Band {
  return band === 'never' ? null : [parsePercent(band[0]), parsePercent(band[1])];
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
