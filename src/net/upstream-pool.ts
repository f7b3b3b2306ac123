// The upstream connections that clients share, by what their clients have in common (user, database, protocol): a few
// for each, made when first asked for, made again with back-off when lost, closed when nobody has shared them for
// a while. Owns them and their timers. Never looks into bytes, never lends a connection to a client of another key.

import type { Identity } from '../session/identity.js';
import type { AddedLatency } from './added-latency.js';
import { LoginCheck, loginKey } from './login-check.js';
import { type ByteCounters, SharedUpstream } from './shared-upstream.js';
import type { Turn } from './turn.js';
import type { UpstreamAddress } from './upstream-socket.js';

/** Before the next attempt for a key whose last one failed, doubled from the first to the last. */
const BACK_OFF_MS = { first: 20, last: 1000 } as const;
/** A connection that nobody shares any more is kept for so long. */
const UNSHARED_MS = 10_000;
/** So many identities that nobody has any more keep their connections: one client can log in as many, one by one. */
const MOST_UNSHARED = 8;

/** Waits for a shared connection. */
export interface Applicant {
  granted(shared: SharedUpstream): void;
  /** It can't be had now. */
  refused(error: Error): void;
}

export interface UpstreamPoolSnapshot {
  /** Shared connections that stand, and those that ever did; how many of these were lost. */
  readonly sharedConnections: number;
  readonly sharedConnectionsTotal: number;
  readonly sharedConnectionsLost: number;
  /** Clients that wait for a shared connection. */
  readonly clientsWaiting: number;
}

export interface UpstreamPoolOptions {
  readonly upstream: UpstreamAddress;
  /** Connections for each key. */
  readonly size: number;
  readonly turn: Turn;
  readonly added: AddedLatency;
  readonly counters: ByteCounters;
  /** A connection could not be made. */
  readonly onFailed: (error: Error) => void;
  /** One that was of use has ended. */
  readonly onLost: () => void;
}

interface Share {
  readonly identity: Identity;
  readonly connections: Set<SharedUpstream>;
  readonly applicants: Set<Applicant>;
  backOffMs: number;
  retry: NodeJS.Timeout | undefined;
  unshared: NodeJS.Timeout | undefined;
}

export class UpstreamPool {
  private readonly shares = new Map<string, Share>();
  /** Those that nobody shares, the one that has been so for longest first. */
  private readonly unshared = new Map<string, Share>();
  private closed = false;
  private made = 0;
  private lost = 0;

  /** Vouches for clients before they share. */
  readonly logins: LoginCheck;

  constructor(private readonly options: UpstreamPoolOptions) {
    this.logins = new LoginCheck(options.upstream);
  }

  /** What waits on shared connections for the kernel to take it. */
  get heldBytes(): number {
    let bytes = 0;
    for (const { connections } of this.shares.values())
      for (const { batch } of connections) bytes += batch.waiting;
    return bytes;
  }

  snapshot(): UpstreamPoolSnapshot {
    let sharedConnections = 0;
    let clientsWaiting = this.logins.applicants;
    for (const { connections, applicants } of this.shares.values()) {
      for (const { isReady } of connections) if (isReady) sharedConnections++;
      clientsWaiting += applicants.size;
    }
    return {
      sharedConnections,
      sharedConnectionsTotal: this.made,
      sharedConnectionsLost: this.lost,
      clientsWaiting,
    };
  }

  /** A connection for a client of this identity, the least shared one; undefined: `applicant` will be told. */
  acquire(identity: Identity, applicant: Applicant): SharedUpstream | undefined {
    const key = shareKey(identity);
    let share = this.shares.get(key);
    if (share === undefined) {
      share = {
        identity,
        connections: new Set(),
        applicants: new Set(),
        backOffMs: 0,
        retry: undefined,
        unshared: undefined,
      };
      this.shares.set(key, share);
    }
    clearTimeout(share.unshared);
    share.unshared = undefined;
    this.unshared.delete(key);
    const least = leastShared(share.connections);
    // Another one as soon as every one is shared, up to the size of the pool.
    if (least === undefined || (least.members.size > 0 && share.connections.size < this.options.size)) {
      this.connect(key, share);
    }
    if (least === undefined) share.applicants.add(applicant);
    return least;
  }

  /** The applicant does not wait any more. */
  withdraw(applicant: Applicant): void {
    for (const { applicants } of this.shares.values()) applicants.delete(applicant);
  }

  /** A client has left `shared`: if it was the last one of all with its key, they end after a while. */
  left(shared: SharedUpstream): void {
    for (const [key, share] of this.shares) {
      if (!share.connections.has(shared) || share.unshared !== undefined) continue;
      if ([...share.connections].some(({ members }) => members.size > 0) || share.applicants.size > 0) return;
      share.unshared = setTimeout(() => this.end(key, share), UNSHARED_MS).unref();
      this.unshared.set(key, share);
      for (const [oldest, unused] of this.unshared) {
        if (this.unshared.size <= MOST_UNSHARED) break;
        this.end(oldest, unused);
      }
      return;
    }
  }

  private end(key: string, share: Share): void {
    for (const connection of share.connections) connection.close();
    clearTimeout(share.retry);
    clearTimeout(share.unshared);
    this.shares.delete(key);
    this.unshared.delete(key);
  }

  close(): void {
    this.closed = true;
    this.logins.close();
    for (const share of this.shares.values()) {
      clearTimeout(share.retry);
      clearTimeout(share.unshared);
      for (const connection of share.connections) connection.close();
    }
    this.shares.clear();
  }

  private connect(key: string, share: Share): void {
    if (share.retry !== undefined || [...share.connections].some(({ isReady }) => !isReady)) return;
    const { upstream, turn, added, counters, onFailed, onLost } = this.options;
    const connection = new SharedUpstream(upstream, share.identity, turn, added, counters, {
      ready: () => {
        this.made++;
        share.backOffMs = 0;
        const applicants = [...share.applicants];
        share.applicants.clear();
        for (const applicant of applicants) applicant.granted(connection);
      },
      ended: (_, wasReady, error) => {
        share.connections.delete(connection);
        if (this.closed || this.shares.get(key) !== share) return;
        if (wasReady) {
          this.lost++;
          onLost();
          if (share.applicants.size > 0 && leastShared(share.connections) === undefined)
            this.connect(key, share);
          return;
        }
        const reason = error ?? new Error('the server ended the connection');
        onFailed(reason);
        share.backOffMs = Math.min(Math.max(BACK_OFF_MS.first, share.backOffMs * 2), BACK_OFF_MS.last);
        share.retry = setTimeout(() => {
          share.retry = undefined;
          if (share.applicants.size > 0) this.connect(key, share);
        }, share.backOffMs).unref();
        const applicants = [...share.applicants];
        share.applicants.clear();
        for (const applicant of applicants) applicant.refused(reason);
      },
    });
    share.connections.add(connection);
  }
}

function leastShared(connections: Iterable<SharedUpstream>): SharedUpstream | undefined {
  let least: SharedUpstream | undefined;
  for (const connection of connections) {
    if (connection.isReady && (least === undefined || connection.members.size < least.members.size))
      least = connection;
  }
  return least;
}

/** The same for all identities whose clients may share connections. */
function shareKey({ resp, credential, db }: Identity): string {
  return `${resp} ${db} ${loginKey(credential)}`;
}
