// The snapshot of the code that follows a primary that may move. Field names are an API. Types only.

import type { PausesSnapshot } from '../stats/pause-times.js';

/** `here`: commands go to the address. `paused`: clients wait. `gone`: there is no primary, and the data port is closed. */
export type WhereaboutsState = 'here' | 'paused' | 'gone';

export const SENTINEL_STATES = ['agrees', 'differs', 'silent'] as const;

/** One Sentinel: it names the primary in use, or another one, or does not answer. */
export interface SentinelSnapshot {
  readonly host: string;
  readonly port: number;
  readonly state: (typeof SENTINEL_STATES)[number];
  /** Why it does not answer, or announces no failovers; null: it does both. */
  readonly error: string | null;
}

/** `waiting`: for the replicas; `switching`: Sentinel has been told to promote one. */
export const SWITCH_STATES = ['waiting', 'switching', 'done', 'failed'] as const;

/** A planned switch that goes on or has ended. In the answers of /api/failover. */
export interface PlannedSwitchSnapshot {
  readonly state: (typeof SWITCH_STATES)[number];
  /** host:port of the old primary. */
  readonly from: string;
  /** Of the new one; until `done`, the replica that Sentinel will probably choose. */
  readonly to: string;
  readonly startedAt: string;
  /** How long the replicas needed, after clients had paused, to get everything. */
  readonly replicaMs: number | null;
  /** How long clients waited, and how many did. */
  readonly pausedMs: number | null;
  readonly waited: number | null;
  /** Why it failed; null: it did not. */
  readonly error: string | null;
}

/** Why no planned switch can take place now; nothing has changed. */
export interface SwitchRefusal {
  readonly refused: string;
}

/** What a planned switch would do now. */
export interface SwitchPlanSnapshot {
  readonly primary: string;
  /** What the Sentinel answers to CKQUORUM. */
  readonly quorum: string;
  readonly replicas: readonly {
    readonly address: string;
    /** It would become the primary. */
    readonly chosen: boolean;
    readonly priority: number | null;
    readonly behindBytes: number | null;
    /** Why it cannot become the primary; null: it can. */
    readonly unfit: string | null;
  }[];
  /** How long the replicas just needed to get what the primary had. */
  readonly replicaMs: number;
  /** How long clients would wait, about. */
  readonly pauseMs: number;
}

export interface FollowedSnapshot {
  readonly state: WhereaboutsState;
  /** Sentinel's name for the primary. */
  readonly name: string;
  /** host:port; null: never known. */
  readonly address: string | null;
  /** Why clients wait, or why there is no primary; null: commands go to it. */
  readonly reason: string | null;
  /** Why a failover could be missed, or noticed too late; null: it could not. */
  readonly blind: string | null;
  readonly sentinels: readonly SentinelSnapshot[];
  /** Pauses that ended with another primary, with the same one, or without any. */
  readonly switched: number;
  readonly returned: number;
  readonly timedOut: number;
  /** How long clients have waited in all of them together, and in the last one. */
  readonly pausedMs: number;
  readonly lastPauseMs: number;
  /** How many pauses were how long. */
  readonly pauses: PausesSnapshot;
}

/** In GET /api/connections. */
export interface FailoverSnapshot extends FollowedSnapshot {
  /** Clients that wait now. */
  readonly waiting: number;
}
