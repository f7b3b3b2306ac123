// The snapshot of the code that follows a primary that may move. Field names are an API. Types only.

/** `here`: commands go to the address. `paused`: clients wait. `gone`: there is no primary, and the data port is closed. */
export type WhereaboutsState = 'here' | 'paused' | 'gone';

export const SENTINEL_STATES = ['agrees', 'differs', 'silent'] as const;

/** One Sentinel: it names the primary in use, or another one, or does not answer. */
export interface SentinelSnapshot {
  readonly host: string;
  readonly port: number;
  readonly state: (typeof SENTINEL_STATES)[number];
  /** Why it does not answer; null: it does. */
  readonly error: string | null;
}

export interface FollowedSnapshot {
  readonly state: WhereaboutsState;
  /** Sentinel's name for the primary. */
  readonly name: string;
  /** host:port; null: never known. */
  readonly address: string | null;
  /** Why clients wait, or why there is no primary; null: commands go to it. */
  readonly reason: string | null;
  /** Why a failover could be missed; null: enough Sentinels answer. */
  readonly blind: string | null;
  readonly sentinels: readonly SentinelSnapshot[];
  /** Pauses that ended with another primary, with the same one, or without any. */
  readonly switched: number;
  readonly returned: number;
  readonly timedOut: number;
  /** How long clients have waited in all of them together, and in the last one. */
  readonly pausedMs: number;
  readonly lastPauseMs: number;
}

/** In GET /api/connections. */
export interface FailoverSnapshot extends FollowedSnapshot {
  /** Clients that wait now. */
  readonly waiting: number;
}
