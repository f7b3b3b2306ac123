// What is known of the server: its version, kind and keys, what a TTL costs there, how fast it evicts. The monitor asks and hands
// in the answers; this tells what is new. Nothing is forgotten when the connection is lost: the server may be the same.
import type { Logger } from 'pino';
import { EvictionRates } from './eviction-rates.js';
import { type KeyspaceReading, parseKeyspace, parseServerTime, parseStats } from './reading.js';
import type { Introduction, ServerFacts } from './server-facts.js';
import type { TtlCost } from './ttl-cost.js';
import { sameKind, UNKNOWN_KIND, type UpstreamKind, upstreamKind } from './upstream-kind.js';

export interface ServerEvents {
  /** Called now and then with the server's clock, milliseconds since the epoch. */
  readonly onServerTime: (epochMs: number) => void;
  /** Called on each connect with the server's facts. */
  readonly onServer: (server: ServerFacts) => void;
  /** Called when the server's kind has changed: for example, a failover has made it a replica. */
  readonly onKind: (kind: UpstreamKind) => void;
}

export class KnownServer {
  version: string | null = null;
  /** The memory that TTLs take on this server; undefined: not asked yet. */
  ttlCost: TtlCost | undefined;
  /** The server's kind, as it last said. */
  kind = UNKNOWN_KIND;
  /** How many keys there are, as last read; undefined: unknown yet. */
  keyspace: KeyspaceReading | undefined;
  /** How fast the server evicts. */
  readonly evictions = new EvictionRates();
  private replication = '';

  constructor(
    private readonly events: ServerEvents,
    private readonly log: Logger,
  ) {}

  /** A connection stands, and the server has said what it is. */
  met({ version, commands, ttlCost, commandsError, epochMs }: Introduction): void {
    const { events, log } = this;
    if (commandsError !== undefined) {
      log.warn(
        { err: commandsError.message },
        'cannot run COMMAND, so Spillway uses its built-in command table; give its user the right to COMMAND',
      );
    }
    if (epochMs !== undefined) events.onServerTime(epochMs);
    this.version = version;
    this.ttlCost = ttlCost;
    events.onServer({ version, commands });
  }

  /** Takes INFO replication, server and stats. @throws BadReading */
  take(replication: string, server: string, stats: string, now: number): void {
    const epochMs = parseServerTime(server);
    if (epochMs !== undefined) this.events.onServerTime(epochMs);
    this.replication = replication;
    this.evictions.take(parseStats(stats), now);
    const kind = upstreamKind(server, replication);
    if (sameKind(kind, this.kind)) return;
    this.kind = kind;
    this.events.onKind(kind);
  }

  /** Takes INFO keyspace. @throws BadReading */
  takeKeyspace(text: string): void {
    this.keyspace = parseKeyspace(text, this.replication);
  }
}
