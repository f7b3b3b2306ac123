// All shared upstream connections, by identity (user, database, protocol): for each identity a few, some for commands that the
// server may delay and some for the rest (shared-connection-set.ts). Closes them when nobody has used them for a while. Owns
// the sets and their clock. Never looks into bytes; never lends a connection to a client of another identity.
import type { Identity } from '../../core/session/pooling/identity.js';
import type { Applicant } from './applicants.js';
import { LoginCheck, loginKey } from './login-check.js';
import type { SharedConnection } from './shared-connection.js';
import {
  type PoolTotals,
  SharedConnectionSet,
  type SharedConnectionSetOptions,
} from './shared-connection-set.js';
import { LEAST_SHARED } from './shared-room.js';

/** A connection without members is kept for this time. */
const UNSHARED_MS = 10_000;
/** The most identities without clients that keep connections: one client can log in as many users, one after the other. */
const MOST_UNSHARED = 8;
/** How often Spillway checks whether servers answer: at least TICKS times in upstream.responseTimeout. */
const TICK_MS = 250;
const TICKS = 4;

export interface UpstreamPoolSnapshot {
  /** Shared connections that stand, all that ever stood, and how many of these were lost. */
  readonly sharedConnections: number;
  readonly sharedConnectionsTotal: number;
  readonly sharedConnectionsLost: number;
  /** Of those lost: closed because the server was silent on them and answered on others. */
  readonly sharedConnectionsSilent: number;
  /** Clients that wait for a shared connection. */
  readonly clientsWaiting: number;
}

export interface UpstreamPoolOptions
  extends Omit<SharedConnectionSetOptions, 'size' | 'pausable' | 'ticks' | 'onDoubt'> {
  /** Connections for each key. */
  readonly size: number;
  readonly responseTimeoutMs: number;
}

interface Share {
  /** By whether the server may delay the commands on them. */
  readonly sets: readonly [SharedConnectionSet, SharedConnectionSet];
  unshared: NodeJS.Timeout | undefined;
}

export class UpstreamPool {
  private readonly shares = new Map<string, Share>();
  /** Connections that nobody shares, the one unused for longest first. */
  private readonly unshared = new Map<string, Share>();
  /** Vouches for clients before they share. */
  readonly logins: LoginCheck;
  private readonly totals: PoolTotals = { made: 0, lost: 0, silent: 0 };
  private readonly clock: NodeJS.Timeout;
  private readonly ticks: number;

  constructor(private readonly options: UpstreamPoolOptions) {
    this.logins = new LoginCheck(options.upstream, undefined, options.onFailed);
    const { responseTimeoutMs } = options;
    const tickMs = Math.min(TICK_MS, responseTimeoutMs / TICKS);
    this.ticks = Math.round(responseTimeoutMs / tickMs);
    this.clock = setInterval(() => this.tick(), tickMs).unref();
  }

  /** Bytes on shared connections that the kernel has not taken yet. */
  get heldBytes(): number {
    let bytes = 0;
    for (const { sets } of this.shares.values()) for (const set of sets) bytes += set.heldBytes;
    return bytes;
  }

  snapshot(): UpstreamPoolSnapshot {
    let sharedConnections = 0;
    let clientsWaiting = this.logins.applicants;
    for (const { sets } of this.shares.values()) {
      for (const set of sets) {
        sharedConnections += set.ready;
        clientsWaiting += set.waiting;
      }
    }
    const { made, lost, silent } = this.totals;
    return {
      sharedConnections,
      sharedConnectionsTotal: made,
      sharedConnectionsLost: lost,
      sharedConnectionsSilent: silent,
      clientsWaiting,
    };
  }

  /**
   * A connection for a client of this identity: the one with the fewest members that accepts commands; undefined: `applicant`,
   * if given, will be called. `pausable`: for commands that the server may delay.
   */
  acquire(identity: Identity, pausable: boolean, applicant?: Applicant): SharedConnection | undefined {
    const key = shareKey(identity);
    let share = this.shares.get(key);
    if (share === undefined) {
      const reads: SharedConnectionSet = this.connectionsFor(identity, false, () => writes.least);
      const writes: SharedConnectionSet = this.connectionsFor(identity, true, () => reads.least);
      share = { sets: [reads, writes], unshared: undefined };
      this.shares.set(key, share);
    }
    clearTimeout(share.unshared);
    share.unshared = undefined;
    this.unshared.delete(key);
    if (!this.options.room.isThere) for (const [other, unused] of this.unshared) this.end(other, unused);
    return share.sets[Number(pausable)].acquire(applicant);
  }

  /** The pause is over: connections may be made again. */
  goOn(): void {
    this.logins.goOn();
    for (const { sets } of this.shares.values()) for (const set of sets) set.goOn();
  }

  /** The primary has moved: cuts all connections to the old address. */
  moved(): void {
    this.logins.moved();
    for (const { sets } of [...this.shares.values()]) for (const set of sets) set.moved();
  }

  /** The applicant no longer waits. */
  withdraw(applicant: Applicant): void {
    for (const { sets } of this.shares.values()) for (const set of sets) set.withdraw(applicant);
  }

  /** A client has left `shared`. If it was the last one with this key, the connections end after a while. */
  left(shared: SharedConnection): void {
    for (const [key, share] of this.shares) {
      if (!share.sets.some((set) => set.has(shared)) || share.unshared !== undefined) continue;
      if (!share.sets.some((set) => set.inUse)) this.endSoon(key, share);
      return;
    }
  }

  /** Nobody shares it: it ends after a while, or now if there are too many of these. */
  private endSoon(key: string, share: Share): void {
    share.unshared = setTimeout(() => this.end(key, share), UNSHARED_MS).unref();
    this.unshared.set(key, share);
    for (const [oldest, unused] of this.unshared) {
      if (this.unshared.size <= MOST_UNSHARED) break;
      this.end(oldest, unused);
    }
  }

  private end(key: string, share: Share): void {
    for (const set of share.sets) set.close();
    clearTimeout(share.unshared);
    this.shares.delete(key);
    this.unshared.delete(key);
  }

  close(): void {
    this.logins.close();
    clearInterval(this.clock);
    for (const { sets, unshared } of this.shares.values()) {
      clearTimeout(unshared);
      for (const set of sets) set.close();
    }
    this.shares.clear();
  }

  private connectionsFor(
    identity: Identity,
    pausable: boolean,
    other: () => SharedConnection | undefined,
  ): SharedConnectionSet {
    const size = pausable ? 1 : Math.max(this.options.size, LEAST_SHARED) - 1;
    const { options, ticks, totals } = this;
    const onDoubt = (): void => {
      for (const { sets } of this.shares.values()) for (const set of sets) set.suspect();
    };
    return new SharedConnectionSet(identity, { ...options, size, pausable, ticks, onDoubt }, totals, other);
  }

  private tick(): void {
    // While the primary may be about to change, its silence says nothing.
    if (this.options.upstream.following?.isPaused) return;
    this.logins.tick();
    for (const [key, share] of this.shares) {
      for (const set of share.sets) set.tick();
      // The client that it was made for may have left meanwhile.
      if (share.unshared === undefined && !share.sets.some((set) => set.inUse)) this.endSoon(key, share);
    }
  }
}

/** The same for all identities whose clients may share connections. */
function shareKey({ resp, credential, db }: Identity): string {
  return `${resp} ${db} ${loginKey(credential)}`;
}
