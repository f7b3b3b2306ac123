// Where the primary is: the one interface between the code that decides this (this folder) and the code that acts on it
// (runtime, wire, memory). Types only. With a fixed address there are no whereabouts, and no cost.
// Invariants, for every implementation:
// - `paused` comes before the address changes, and is called within the turn in which the sign came;
// - `resumed` names a server that has said, on a fresh connection, that it is primary;
// - there is one address at a time, and only `resumed` changes it.
import type { Reading } from '../memory/reading.js';
import type { FollowedSnapshot, WhereaboutsState } from '../observe/snapshots/failover.js';

export interface PrimaryAddress {
  readonly host: string;
  readonly port: number;
}

/** What the data path saw of the server at `address` that suggests that it is not the primary. */
export type Sign = 'refused' | 'lost' | 'replica' | 'readonly';

export interface Resumption {
  readonly address: PrimaryAddress;
  /** The address has changed: connections to the old one must end. */
  readonly moved: boolean;
  /** INFO memory of the primary, from the answer in which it said that it is one. */
  readonly reading: Reading;
  /** 0 after `gone`: nobody waited. */
  readonly pausedMs: number;
}

export interface WhereaboutsEvents {
  /** From this call on no new command may go to the server. `reason`: the end of "paused: …". */
  paused(reason: string): void;
  /** Commands may go to `address` from now on. */
  resumed(resumption: Resumption): void;
  /** The pause ended without a primary, or none was found at the start. The search continues. */
  gone(reason: string): void;
  /** Why a failover may be missed, or noticed too late. null: it would be seen again. */
  blind(reason: string | null): void;
}

export interface Whereabouts {
  /** undefined: unknown yet; the state is then `gone`. */
  readonly address: PrimaryAddress | undefined;
  readonly state: WhereaboutsState;
  /** Looks for the primary. Resolves when it is `here`, or when the first search brought nothing (`gone`); never rejects. */
  start(events: WhereaboutsEvents): Promise<void>;
  /** The data path has seen a sign that the server in use is not the primary. Cheap: may be called for each connection. */
  suspect(sign: Sign): void;
  snapshot(): FollowedSnapshot;
  close(): void;
}

export function sameAddress(a: PrimaryAddress | undefined, b: PrimaryAddress | undefined): boolean {
  return a !== undefined && b !== undefined && a.port === b.port && a.host === b.host;
}

/** host:port. */
export function nameOf({ host, port }: PrimaryAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
