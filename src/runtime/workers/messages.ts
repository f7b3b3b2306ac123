// What the primary process and its workers say to each other. Types only: plain data, cloned on the way.
// All figures are sums since the worker's start, so that of several messages of one type only the last one matters;
// but what a report says was counted since the one before.
import type { EffectiveConfig } from '../../config/effective.js';
import type { ConsoleQuestion } from '../../core/session/state/console-question.js';
import type { PressureState } from '../../memory/pressure-state.js';
import type { ServerFacts } from '../../memory/server-facts.js';
import type { StatsPart } from '../../observe/stats/counters.js';
import type { ClientTraffic } from '../../wire/client/link-options.js';
import type { Capacity } from '../capacity.js';
import type { DataPlaneSnapshot } from '../data-plane.js';
import type { Usage } from '../own-usage.js';

/** What a worker has let through, bytes. */
export interface Growth {
  readonly admitted: number;
  /** Part of it that a reading contains for certain. */
  readonly answered: number;
  /** What is still to come of large writes that have begun. */
  readonly promised: number;
  /** Commands that may free memory or change its limit: gone up, and answered. */
  readonly reliefs: number;
  readonly reliefsAnswered: number;
  /** How often a reply has come behind which memory may be less, those of reliefs and of DEL and the like. */
  readonly eased: number;
}

/** What the primary knows of that when it writes to a worker. */
export interface GrowthKnown {
  /** What all others have let through, bytes since the start. */
  readonly elsewhere: number;
  /** What the worker itself has said that it let through. */
  readonly own: number;
  /** What all others have promised, and how many commands of all others may have freed memory. */
  readonly promisedElsewhere: number;
  readonly reliefsElsewhere: number;
}

export interface Report {
  readonly stats: StatsPart;
  readonly snapshot: DataPlaneSnapshot;
  readonly usage: Usage;
  /** Those that have sent most, most first. */
  readonly topClients: readonly ClientTraffic[];
}

export type ToWorker =
  /** Comes first. */
  | {
      readonly type: 'start';
      /** 1 and up; a worker that takes the place of another has its number. */
      readonly worker: number;
      readonly workers: number;
      readonly config: EffectiveConfig;
      readonly server: ServerFacts | undefined;
    }
  /** Comes with a socket. The next one comes when this one is known to have been taken. */
  | { readonly type: 'client' }
  | { readonly type: 'pressure'; readonly state: PressureState; readonly known: GrowthKnown }
  | { readonly type: 'growth'; readonly known: GrowthKnown }
  /** The next one comes when this one was confirmed. Never overtaken by a client. */
  | { readonly type: 'reload'; readonly config: EffectiveConfig }
  | { readonly type: 'server'; readonly server: ServerFacts }
  /** The server's clock, milliseconds since the epoch. */
  | { readonly type: 'serverTime'; readonly epochMs: number }
  | { readonly type: 'serverGone' }
  | { readonly type: 'askGrowth'; readonly question: number }
  /** Asked again only when it was answered. */
  | { readonly type: 'askReport' }
  /** To the first ones of the clients' questions number `question`. */
  | { readonly type: 'answer'; readonly question: number; readonly replies: readonly Uint8Array[] }
  /** Ends the worker. */
  | { readonly type: 'drain'; readonly graceMs: number };

export type FromWorker =
  | { readonly type: 'ready'; readonly snapshot: DataPlaneSnapshot; readonly capacity: Capacity }
  /** `most`: so many it can serve as things are. */
  | { readonly type: 'clients'; readonly taken: number; readonly closed: number; readonly most: number }
  /** `question`: the last one that this answers. */
  | { readonly type: 'growth'; readonly growth: Growth; readonly question: number }
  | { readonly type: 'report'; readonly report: Report }
  /** What a report says from now on was counted since. */
  | { readonly type: 'reloaded' }
  | { readonly type: 'upstreamFailed'; readonly message: string; readonly code: string | undefined }
  | { readonly type: 'upstreamOom' }
  /** Clients' questions to Spillway; the next ones come when these were answered, or given up. */
  | { readonly type: 'asked'; readonly question: number; readonly asked: readonly ConsoleQuestion[] }
  /** The last words. */
  | { readonly type: 'drained'; readonly ended: number; readonly report: Report };
