// The clients of this process. Gives each a link to its upstream, and drains them on close. Owns the set of links, and carries
// out what concerns all of them: drain, pause, move, resume, end. Never looks into bytes.
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { errorReply } from '../../core/resp/client-errors.js';
import type { SessionContext } from '../../core/session/session-context.js';
import { AddedLatency, type Way } from '../added-latency.js';
import { BulkTurns } from '../bulk-turns.js';
import { slabs } from '../slabs.js';
import { Turn } from '../turn.js';
import type { Following } from '../upstream/following.js';
import { SharedRoom } from '../upstream/shared-room.js';
import { UnreadReplies } from '../upstream/unread-replies.js';
import { UpstreamHealth } from '../upstream/upstream-health.js';
import { UpstreamPool } from '../upstream/upstream-pool.js';
import { asOne } from '../upstream/upstream-socket.js';
import { type ClientsSnapshot, figuresOf, largestOf } from './client-figures.js';
import { ClientLink } from './client-link.js';
import { type Arrival, Entrance, type EntranceOptions } from './entrance.js';
import { GoneClients } from './gone-clients.js';
import type { ClientTraffic, LinkCounters, LinkEvents, LinkOptions } from './link-options.js';

/** How often buffers that were not needed lately are freed. */
const TRIM_MS = 1000;
/**
 * What began before a pause may continue for this time: an open transaction up to its EXEC, and replies that are due. Sentinel
 * promotes some 120 ms after it begins to choose a replica, and 55 ms after it has chosen.
 */
const BEGUN_MS = 50;
/** Between two looks whether anything is still under way. */
const SETTLED_LOOK_MS = 3;
const NO_PRIMARY_ERROR = errorReply('NO_PRIMARY');

export interface ClientsOptions
  extends Omit<LinkOptions<ClientLink>, 'bulkTurns' | 'turn' | 'added' | 'unread' | 'counters'> {
  /** Shared upstream connections for each user, database and protocol; 0: each client has one of its own. */
  readonly sharedConnections: number;
  /** Connections of clients and to the server that this process may have. */
  readonly connections: number;
  /** A shared connection that owes replies and is silent for this time gets no further commands. */
  readonly responseTimeoutMs: number;
  readonly context: SessionContext;
  readonly entrance: EntranceOptions;
  /** A client's TLS handshake has failed, or the client did not send the PROXY header that it must send. */
  readonly onTurnedAway: (source: string, error: Error) => void;
  /** A bug in Spillway has ended a client. */
  readonly onFault: (client: ClientTraffic, fault: unknown) => void;
  /** An upstream connection could not be made. */
  readonly onUpstreamFailed: (error: Error) => void;
  /** A shared connection was closed: the server was silent on it, and answered on another one. */
  readonly onSilent: () => void;
  /** The server has closed a connection, and Spillway could not open another one. */
  readonly onUpstreamGone: (error: Error) => void;
  /** How long this process delayed a command or a reply; measured for a sample. */
  readonly onAdded: (way: Way, milliseconds: number) => void;
  /** A client's connection has ended. */
  readonly onClosed: () => void;
}

export class Clients {
  private linkOptions: LinkOptions<ClientLink>;
  private readonly pool: UpstreamPool | undefined;
  private readonly room: SharedRoom;
  private readonly trimming: NodeJS.Timeout;
  private readonly links = new Set<ClientLink>();
  private readonly gone: GoneClients<ClientLink>;
  private readonly counters: LinkCounters = {
    clientsTimedOut: 0,
    clientsTooSlow: 0,
    clientsGivenUp: 0,
    clientsFailed: 0,
    upstreamFailures: 0,
    bytesFromClients: 0,
    bytesToClients: 0,
    bytesToUpstream: 0,
    bytesFromUpstream: 0,
  };
  private readonly linkEvents: LinkEvents<ClientLink>;
  private readonly entrance: Entrance;
  private readonly health: UpstreamHealth;
  private handshakesFailed = 0;
  private proxyHeadersRefused = 0;
  private whenEmpty: (() => void) | undefined;
  private stopping: NodeJS.Timeout | undefined;

  constructor(private readonly options: ClientsOptions) {
    const { upstream, idleTimeoutMs, sharedConnections, onAsked } = options;
    this.health = new UpstreamHealth(upstream, { failed: options.onUpstreamGone });
    const onUpstreamFailed = (error: Error): void => options.onUpstreamFailed(asOne(error));
    this.entrance = new Entrance(options.entrance, {
      admitted: (arrival) => this.admit(arrival),
      turnedAway: options.onClosed,
      handshakeFailed: (source, error) => {
        this.handshakesFailed++;
        options.onTurnedAway(source, error);
      },
      headerRefused: (source, error) => {
        this.proxyHeadersRefused++;
        options.onTurnedAway(source, error);
      },
    });
    const turn = new Turn();
    const added = new AddedLatency(options.onAdded);
    const unread = new UnreadReplies<ClientLink>();
    const { counters } = this;
    this.linkOptions = {
      ...{ upstream, idleTimeoutMs, onAsked, turn, added, unread, counters },
      bulkTurns: new BulkTurns(),
    };
    this.linkEvents = {
      upstreamFailed: onUpstreamFailed,
      failed: (link, fault) => options.onFault(link.describe(), fault),
      clientEnded: (link) => this.gone.add(link),
      upstreamEnded: (then) => this.health.afterwards(then),
      closed: (link) => this.forget(link),
    };
    this.gone = new GoneClients(options.responseTimeoutMs, (link) => {
      counters.clientsGivenUp++;
      link.close(true);
    });
    this.trimming = setInterval(() => slabs.trim(), TRIM_MS).unref();
    this.room = new SharedRoom(options.connections, sharedConnections, () => this.size);
    if (sharedConnections > 0) {
      this.pool = new UpstreamPool({
        upstream,
        room: this.room,
        size: sharedConnections,
        responseTimeoutMs: options.responseTimeoutMs,
        turn,
        added,
        counters,
        onFailed: onUpstreamFailed,
        // Its members stay: if the server refuses connections, they learn it then.
        onLost: () => this.health.afterwards(() => {}),
        onSilent: options.onSilent,
      });
    }
  }

  /** Connections that are still in the entrance count, too. */
  get size(): number {
    return this.links.size + this.entrance.size;
  }

  /** The most clients that can be served. The more connections they share, the fewer. */
  get most(): number {
    return this.room.mostClients;
  }

  /** Takes over an accepted client that has not been read yet. */
  accept(client: Socket): void {
    this.entrance.enter(client);
  }

  /** Applies from now on, to connected clients as well. */
  setIdleTimeout(idleTimeoutMs: number): void {
    this.linkOptions = { ...this.linkOptions, idleTimeoutMs };
    for (const link of this.links) link.setIdleTimeout(idleTimeoutMs);
  }

  /** The listener's certificate files were renewed: clients that connect from now on get the new certificate. */
  renewCertificate(): void {
    this.entrance.renew();
  }

  /** How long ago the server answered one of Spillway's own questions. */
  serverAnswered(ageMs: number): void {
    this.gone.serverAnswered(ageMs);
  }

  /** The server refuses connections: clients with nothing under way end. */
  serverGone(): void {
    for (const link of this.links) link.serverGone();
  }

  /**
   * The primary may be about to change: no new command goes up, replies still come, new clients wait. Only with
   * `upstream.following`. May be called again. `ageMs`: how long ago this process should have known.
   */
  pause(ageMs = 0): void {
    const { following } = this.options.upstream;
    if (following === undefined || following.isPaused) return;
    following.isPaused = true;
    const leftMs = BEGUN_MS - ageMs;
    if (leftMs <= 0) {
      this.deafen(following);
      return;
    }
    for (const link of this.links) link.pause(false);
    this.stopping = setTimeout(() => this.deafen(following), leftMs).unref();
  }

  private deafen(following: Following): void {
    following.isDeaf = true;
    for (const link of this.links) link.pause(true);
  }

  /** Resolves when nothing that began before the pause is under way, or may go on any longer. */
  async settled(): Promise<void> {
    const { following } = this.options.upstream;
    while (following?.isPaused && !following.isDeaf && this.hasBegun) await delay(SETTLED_LOOK_MS);
  }

  /** `upstream` has moved: cuts all connections to the old address. */
  moved(): void {
    this.pool?.moved();
    for (const link of this.links) link.moved();
  }

  /** Commands go up again. */
  resume(): void {
    const { following } = this.options.upstream;
    if (following?.isPaused !== true) return;
    clearTimeout(this.stopping);
    following.isPaused = false;
    following.isDeaf = false;
    following.isGone = false;
    this.pool?.goOn();
    for (const link of this.links) link.resume();
  }

  /** During a pause: no primary will come, so nobody waits longer. All clients end, and the pause stays. */
  primaryLost(): void {
    const { following } = this.options.upstream;
    if (following?.isPaused !== true) return;
    following.isGone = true;
    for (const link of this.links) link.serverLost(NO_PRIMARY_ERROR);
  }

  private get hasBegun(): boolean {
    for (const { session } of this.links) if (!session.idle || session.owes) return true;
    return false;
  }

  /** During a pause: the clients that have something to send. */
  get waiting(): number {
    let waiting = 0;
    for (const { isHeldUp } of this.links) if (isHeldUp) waiting++;
    return waiting;
  }

  snapshot(): ClientsSnapshot {
    return {
      clients: this.size,
      handshakesFailed: this.handshakesFailed,
      proxyHeadersRefused: this.proxyHeadersRefused,
      ...this.counters,
      ...figuresOf(this.links, this.pool),
    };
  }

  /** The `n` clients that have sent the most bytes, the largest first. */
  top(n: number): ClientTraffic[] {
    return largestOf(this.links, n);
  }

  /**
   * Lets what is under way on each connection finish for up to `graceMs`, then ends the rest. Returns how many it had to end.
   */
  async close(graceMs: number): Promise<number> {
    this.entrance.close();
    for (const link of this.links) link.drain();
    if (this.links.size > 0 && graceMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.whenEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const left = this.links.size;
    for (const link of this.links) link.close();
    this.pool?.close();
    this.health.close();
    clearInterval(this.trimming);
    clearTimeout(this.stopping);
    return left;
  }

  private admit(arrival: Arrival): void {
    const { context, upstream } = this.options;
    const link = new ClientLink(arrival, this.linkOptions, context, this.linkEvents, this.pool);
    this.links.add(link);
    if (upstream.following?.isGone) link.serverLost(NO_PRIMARY_ERROR);
  }

  private forget(link: ClientLink): void {
    this.links.delete(link);
    this.gone.forget(link);
    if (this.size === 0) this.whenEmpty?.();
    this.options.onClosed();
  }
}
