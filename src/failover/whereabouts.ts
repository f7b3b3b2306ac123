// Where the primary is: the one interface between what decides that (this folder) and what acts on it (runtime, wire, memory).
// Types only. Whoever has a fixed address has no whereabouts, and pays nothing.
// Invariants, for every implementation:
// - `paused` comes before the address changes, and is called within the turn in which the sign came;
// - `resumed` names a server that has said, on a fresh connection, that it is primary;
// - there is one address at a time, and it changes in `resumed` alone.
import type { Reading } from '../memory/reading.js';
import type { FollowedSnapshot, WhereaboutsState } from '../observe/snapshots/failover.js';

export interface PrimaryAddress {
  readonly host: string;
  readonly port: number;
}

/** What the data path saw of the server at `address` that speaks against its being primary. */
export type Sign = 'refused' | 'lost' | 'replica' | 'readonly';

export interface Resumption {
  readonly address: PrimaryAddress;
  /** It is another address than before: connections to the old one must end. */
  readonly moved: boolean;
  /** INFO memory of the primary, asked when it said that it is one. */
  readonly reading: Reading;
  /** 0 after `gone`: nobody waited. */
  readonly pausedMs: number;
}

export interface WhereaboutsEvents {
  /** From this call on no new command may go to the server. `reason`: the end of "paused: …". */
  paused(reason: string): void;
  /** Commands may go to `address` from now on. */
  resumed(resumption: Resumption): void;
  /** The pause ran out without a primary, or none was found at the start. It is looked for on. */
  gone(reason: string): void;
  /** Fewer than a majority of the Sentinels answer: a failover may pass unseen. null: enough answer again. */
  blind(reason: string | null): void;
}

export interface Whereabouts {
  /** undefined: not known yet; the state is then `gone`. */
  readonly address: PrimaryAddress | undefined;
  readonly state: WhereaboutsState;
  /** Looks for the primary. Resolves when it is `here`, or `gone` since the first look brought nothing; never rejects. */
  start(events: WhereaboutsEvents): Promise<void>;
  /** The data path has seen a sign against the server in use. Cheap, and may be called for each connection. */
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
