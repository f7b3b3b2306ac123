// The part that serves clients in one process: the sessions' context, the policy with its gate, the counters, the connections.
// Wiring only. Its gate decides, and is set from outside by the part that knows the memory readings.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { EffectiveConfig } from '../config/effective.js';
import type { CommandTable } from '../core/commands/table.js';
import { KeyMemory } from '../core/policy/key-memory.js';
import type { TrafficObserver } from '../core/policy/observer.js';
import { Policy } from '../core/policy/policy.js';
import { Quotas } from '../core/policy/quota.js';
import { Scripts } from '../core/policy/scripts.js';
import { ShedGate } from '../core/policy/shed.js';
import { noPoolingYet, type PoolingCounters, type SessionContext } from '../core/session/session-context.js';
import type { ConsoleQuestion } from '../core/session/state/console-question.js';
import type { Candidates } from '../evict/candidates.js';
import { RingKeeper } from '../evict/ring-keeper.js';
import type { RenewalSnapshot } from '../files/renewal.js';
import { ServerClock } from '../memory/server-clock.js';
import type { ServerFacts } from '../memory/server-facts.js';
import { TrafficStats } from '../observe/stats/counters.js';
import { Way } from '../wire/added-latency.js';
import type { ClientsSnapshot } from '../wire/client/client-figures.js';
import { Clients } from '../wire/client/clients.js';
import type { EntranceOptions } from '../wire/client/entrance.js';
import { slabs } from '../wire/slabs.js';
import type { ServerAddress } from '../wire/upstream/server-address.js';
import { ClientTroubles } from './client-troubles.js';
import { followUpFormOf, hasPointsInTime, LIKELY_FORM } from './follow-up-form.js';
import { allRules, commandTableOf, ruleSetOf, sameCommands, sameGlobs, scriptsOf } from './rules.js';
import { entranceOptions } from './tls.js';
import { type UpstreamNews, upstreamNewsClock } from './upstream.js';

export interface DataPlaneEvents {
  /** A connection to the server could not be made. */
  upstreamFailed(error: Error): void;
  /** The server has answered a write with READONLY. Only if the primary may move later. */
  upstreamReadonly(): void;
  clientClosed(): void;
  /** A client's PROXY command: always resolves with complete replies, and soon. */
  asked(question: ConsoleQuestion): Promise<Uint8Array>;
}

export interface DataPlaneSnapshot extends Omit<ClientsSnapshot, 'pool'> {
  readonly commands: number;
  readonly stalls: number;
  readonly rawSessions: number;
  readonly followUpsUnsupported: boolean;
  /** Keys that count as matched by no rule because the search reached its bound. */
  readonly keysGivenUp: number;
  /** Certificate files for clients; null: clients use no TLS. */
  readonly tls: RenewalSnapshot | null;
  /** Certificate files for the server; null: it uses no TLS. */
  readonly upstreamTls: RenewalSnapshot | null;
  /** null: session pooling. */
  readonly pool: (NonNullable<ClientsSnapshot['pool']> & PoolingCounters) | null;
}

/** The statistics' clock is refreshed this often. How late a refresh comes measures the event loop's delay. */
const STAMP_INTERVAL_MS = 50;
/** A reload waits this long for certificates, then counts as done without them. */
const RENEWAL_LIMIT_MS = 1000;

export class DataPlane {
  readonly gate = new ShedGate();
  readonly quotas: Quotas;
  readonly serverClock = new ServerClock(() => performance.now(), Date.now);
  readonly stats: TrafficStats;
  readonly clients: Clients;
  /** The commands known without the server; later, what the server has said about itself. */
  private table: CommandTable;
  private server: ServerFacts | undefined;
  private readonly context: SessionContext;
  readonly scripts: Scripts;
  readonly keys: KeyMemory;
  private readonly ring: RingKeeper;
  private readonly pooling = noPoolingYet();
  /** Counted under the rules of earlier configs. */
  private keysGivenUp = 0;
  private readonly stamping: NodeJS.Timeout;
  private readonly entrance: EntranceOptions;
  private readonly troubles: ClientTroubles;

  /** `observe`: the observer of the traffic, in place of the statistics. */
  constructor(
    private config: EffectiveConfig,
    private readonly log: Logger,
    private readonly upstream: ServerAddress,
    events: DataPlaneEvents,
    /** How many connections, clients' and upstream ones, this process may have. */
    connections: number,
    observe: (stats: TrafficStats) => TrafficObserver = (stats) => stats,
  ) {
    this.quotas = new Quotas(config.workers, config.rules);
    let stampedMs = Date.now();
    let tickedAt = performance.now();
    this.stamping = setInterval(() => {
      stampedMs = Date.now();
      const now = performance.now();
      this.quotas.refill(now);
      this.gate.brief.pass(now);
      this.stats.ownTimes.eventLoopDelay.record(Math.max(0, now - tickedAt - STAMP_INTERVAL_MS));
      tickedAt = now;
    }, STAMP_INTERVAL_MS);
    this.stamping.unref();
    this.stats = new TrafficStats(allRules(config), () => stampedMs);
    this.table = commandTableOf(config);
    this.scripts = new Scripts(scriptsOf(config, this.table));
    this.keys = new KeyMemory(() => tickedAt);
    this.ring = new RingKeeper(() => tickedAt);
    this.context = {
      table: this.table,
      policy: new Policy({
        rules: ruleSetOf(config),
        gate: this.gate,
        observer: observe(this.stats),
        now: this.serverClock.now,
        nowKnown: () => this.serverClock.known,
        random: Math.random,
        keys: this.keys,
        quotas: this.quotas,
        scripts: this.scripts,
        evictable: this.ring.adopt(ruleSetOf(config), config.memory.evict.keysBytes),
      }),
      ...LIKELY_FORM,
      lookaheadBytes: config.limits.lookaheadBytes,
      pendingRuns: config.limits.pendingReplies,
      memory: slabs,
      clock: () => performance.now(),
      counters: { commands: 0, stalls: 0, raw: 0 },
      pooling: this.pooling,
      readonlySeen: upstream.following ? events.upstreamReadonly : undefined,
    };
    this.troubles = new ClientTroubles(log, upstream.following !== undefined);
    this.entrance = entranceOptions(config, log, () => this.clients.renewCertificate());
    this.clients = this.makeClients(connections, events);
  }

  /** The keys of rules with evict that were written lately. */
  get evictable(): Candidates {
    return this.ring.candidates;
  }

  /** What the server says about itself: its commands, and its version, which decides the form of follow-ups. */
  adoptServer(server: ServerFacts): void {
    this.server = server;
    this.context.table = this.table.overlaidBy(server.commands);
    this.scripts.adopt({ commands: this.context.table });
    Object.assign(this.context, followUpFormOf(server));
    this.context.policy.ttl.pointsInTime = hasPointsInTime(server);
  }

  /** The primary has moved: cuts all connections to the old address. */
  moved(address: { readonly host: string; readonly port: number }): void {
    if (this.upstream.following === undefined) return;
    this.upstream.moved(address);
    this.clients.moved();
  }

  /** As the primary process says. */
  follow({ state, address, at }: UpstreamNews): void {
    if (address !== undefined && !this.upstream.is(address)) this.moved(address);
    if (state === 'here') this.clients.resume();
    else this.clients.pause(upstreamNewsClock() - at);
    if (state === 'gone') this.clients.primaryLost();
  }

  /**
   * Uses another config from now on. What was decided under the old one is completed under it. Resolves when certificates are
   * renewed too, or after RENEWAL_LIMIT_MS.
   */
  async reload(config: EffectiveConfig): Promise<void> {
    const before = this.config;
    this.config = config;
    const { context, clients, stats } = this;
    stats.adopt(allRules(config));
    if (!sameGlobs(before, config)) stats.forgetPatterns();
    this.keysGivenUp += context.policy.rules.keysGivenUp;
    context.policy.rules = ruleSetOf(config);
    this.quotas.adopt(config.rules);
    context.policy.evictable = this.ring.adopt(context.policy.rules, config.memory.evict.keysBytes);
    this.keysGivenUp -= context.policy.rules.keysGivenUp;
    if (!sameCommands(before, config)) {
      this.table = commandTableOf(config);
      context.table = this.server === undefined ? this.table : this.table.overlaidBy(this.server.commands);
    }
    this.scripts.adopt(scriptsOf(config, context.table));
    const { lookaheadBytes, pendingReplies, idleTimeoutMs } = config.limits;
    context.lookaheadBytes = lookaheadBytes;
    context.pendingRuns = pendingReplies;
    if (idleTimeoutMs !== before.limits.idleTimeoutMs) clients.setIdleTimeout(idleTimeoutMs);
    const renewals = [this.upstream.tls, this.entrance.tls].map((tls) => tls?.renewal.reload());
    await Promise.race([Promise.all(renewals), delay(RENEWAL_LIMIT_MS, undefined, { ref: false })]);
  }

  snapshot(): DataPlaneSnapshot {
    const { counters, followUps } = this.context;
    const { pool, ...clients } = this.clients.snapshot();
    return {
      ...clients,
      pool: pool && { ...pool, ...this.pooling },
      commands: counters.commands,
      stalls: counters.stalls,
      rawSessions: counters.raw,
      followUpsUnsupported: !followUps,
      keysGivenUp: this.keysGivenUp + this.context.policy.rules.keysGivenUp,
      tls: this.entrance.tls?.renewal.snapshot() ?? null,
      upstreamTls: this.upstream.tls?.renewal.snapshot() ?? null,
    };
  }

  /** Lets clients finish for up to `graceMs`, then ends them; returns how many it had to end. */
  async close(graceMs: number): Promise<number> {
    const ended = await this.clients.close(graceMs);
    clearInterval(this.stamping);
    this.entrance.tls?.renewal.close();
    return ended;
  }

  private makeClients(connections: number, events: DataPlaneEvents): Clients {
    const { config } = this;
    return new Clients({
      upstream: this.upstream,
      entrance: this.entrance,
      onTurnedAway: (source, error) => this.troubles.turnedAway(source, error),
      onFault: ({ address }, fault) => this.troubles.fault(address, fault),
      connections,
      sharedConnections: config.upstream.pool === 'command' ? config.upstream.sharedConnections : 0,
      responseTimeoutMs: config.upstream.responseTimeoutMs,
      idleTimeoutMs: config.limits.idleTimeoutMs,
      context: this.context,
      onUpstreamFailed: (error) => {
        this.troubles.unreachable(error);
        events.upstreamFailed(error);
      },
      onUpstreamGone: events.upstreamFailed,
      onSilent: () =>
        this.log.warn(
          'closed a shared connection: the server did not answer on it, but answered on another one',
        ),
      onAdded: (way, milliseconds) => {
        const { requests, replies } = this.stats.ownTimes;
        (way === Way.REQUEST ? requests : replies).record(milliseconds);
      },
      onClosed: events.clientClosed,
      onAsked: events.asked,
    });
  }
}
