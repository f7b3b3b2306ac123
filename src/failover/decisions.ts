// The inputs and outputs of the view of the Sentinels.
import type { PrimaryAddress, Sign } from './whereabouts.js';

/** What a Sentinel publishes about its primary, reduced to what matters. `address`: the primary's future address. */
export type SentinelEvent =
  | {
      readonly type: 'promoting' | 'switched';
      readonly from: PrimaryAddress;
      readonly address: PrimaryAddress;
    }
  /** It fails over away from `from`. */
  | { readonly type: 'begun'; readonly from: PrimaryAddress }
  | { readonly type: 'aborted' };

export type Decision =
  | { readonly type: 'pause'; readonly reason: string }
  | {
      readonly type: 'resume';
      readonly address: PrimaryAddress;
      readonly moved: boolean;
      readonly pausedMs: number;
    }
  | { readonly type: 'gone'; readonly reason: string }
  | { readonly type: 'blind'; readonly reason: string | null }
  /** Ask all Sentinels now. */
  | { readonly type: 'ask' };

export interface ViewOptions {
  /** How many Sentinels there are. */
  readonly sentinels: number;
  readonly pauseMs: number;
  readonly resume: 'agreed' | 'promoted';
  readonly onMinority: 'admit' | 'pause';
  /** Whose word it is, with its verb: "the Sentinels name". */
  readonly says?: string;
}

/** How a server answered the question whether it is primary. */
export interface FenceResult {
  readonly address: PrimaryAddress;
  readonly askedAt: number;
  /** undefined: it is primary. */
  readonly trouble: string | undefined;
}

export const SIGNS: Readonly<Record<Sign, string>> = {
  refused: 'the server refuses connections',
  lost: 'the server ended a connection',
  replica: 'the server says that it is a replica',
  readonly: 'the server refused a write as a replica does',
};
