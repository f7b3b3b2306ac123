// The messages between the primary process and its workers. Types only: plain data, cloned on the way.
// Figures are sums since the worker's start, so only the last message of each type matters. The exception is a report's
// statistics, which cover the time since the previous report.
import type { EffectiveConfig } from '../../config/effective.js';
import type { ConsoleQuestion } from '../../core/session/state/console-question.js';
import type { EvictAnswer, EvictAsk } from '../../evict/messages.js';
import type { PressureState } from '../../memory/pressure-state.js';
import type { ServerFacts } from '../../memory/server-facts.js';
import type { StatsPart } from '../../observe/stats/counters.js';
import type { ClientTraffic } from '../../wire/client/link-options.js';
import type { Capacity } from '../capacity.js';
import type { DataPlaneSnapshot } from '../data-plane.js';
import type { Usage } from '../own-usage.js';
import type { UpstreamNews } from '../upstream.js';

/** The growth that a worker has admitted, in bytes. */
export interface Growth {
  readonly admitted: number;
  /** The same by Priority. */
  readonly admittedBy: readonly number[];
  /** The part that a reading certainly contains. */
  readonly answered: number;
  /** What is still to come of streaming writes. */
  readonly promised: number;
  /** Commands that may free memory or change the limit: sent, and answered. */
  readonly reliefs: number;
  readonly reliefsAnswered: number;
  /** How many replies have come after which memory may be less: to reliefs, and to DEL and similar commands. */
  readonly eased: number;
  /** The standing memory of the small, short-lived writes that were spared, and the memory of all that ever were. */
  readonly briefStanding: number;
  readonly briefSpared: number;
}

/** The growth that the primary knows of when it writes to a worker. */
export interface GrowthKnown {
  /** Growth that all other workers have admitted, in bytes since the start. */
  readonly elsewhere: number;
  /** The worker's own growth, as it last reported it. */
  readonly own: number;
  /** `promised` and `reliefs` of all other workers. */
  readonly promisedElsewhere: number;
  readonly reliefsElsewhere: number;
  /** `briefStanding` of all other workers, and `briefSpared` as the worker last reported it. */
  readonly briefElsewhere: number;
  readonly briefSpared: number;
}

/** What a worker took from the rates of rules since its last report; only for rules from which it took any. */
export type QuotaTakes = readonly (readonly [slot: number, writes: number, bytes: number])[];

/** What a worker did to one key of a rule with a budget, in this order. */
export interface KeyTouch {
  readonly key: Uint8Array;
  readonly hash: number;
  readonly ended: boolean;
  /** Bytes of the string that it is now; -1: no such write. */
  readonly replaced: number;
  readonly grown: number;
  readonly changed: boolean;
  /** As in HeldKeys. */
  readonly lifetime: number;
}

/** What a worker did to the keys of a rule with a budget since its last report. */
export interface HoldingsTold {
  readonly slot: number;
  /** All keys were deleted, before what `touches` says. */
  readonly cleared: boolean;
  /** Writes to keys for which `touches` has no place. */
  readonly missed: number;
  /** Estimated bytes of all writes. */
  readonly written: number;
  /** Of keys in the sample, and of keys that may be large. */
  readonly touches: readonly KeyTouch[];
}

/** What a worker must know about a rule with a budget. */
export interface HoldingsNews {
  readonly slot: number;
  readonly budgetBytes: number;
  readonly held: number;
  /** The share of the recently written bytes by which `held` has grown. */
  readonly stays: number;
  /** The scope of the sample: see SampleScope. */
  readonly below: number;
  readonly largeBytes: number;
}

/** What a worker reports about rules with a limit or a budget. */
export interface QuotaReport {
  readonly takes: QuotaTakes;
  readonly holdings: readonly HoldingsTold[];
}

/** The primary's answer. */
export interface QuotaNews {
  /** What all others took since the last answer. */
  readonly taken: QuotaTakes;
  readonly holdings: readonly HoldingsNews[];
}

export interface Report {
  readonly stats: StatsPart;
  readonly snapshot: DataPlaneSnapshot;
  readonly usage: Usage;
  /** The clients that have sent the most bytes, the largest first. */
  readonly topClients: readonly ClientTraffic[];
}

export type ToWorker =
  /** Comes first. */
  | {
      readonly type: 'start';
      /** 1 and up; a replacement has the number of the worker that ended. */
      readonly worker: number;
      readonly workers: number;
      readonly config: EffectiveConfig;
      readonly server: ServerFacts | undefined;
      readonly upstream: UpstreamNews | undefined;
    }
  /** Comes with a socket. The next one is sent when the worker has confirmed this one. */
  | { readonly type: 'client' }
  /** How many clients were sent before this: one of them that has not come is lost. */
  | { readonly type: 'handed'; readonly clients: number }
  | { readonly type: 'pressure'; readonly state: PressureState; readonly known: GrowthKnown }
  | { readonly type: 'growth'; readonly known: GrowthKnown }
  /** The next one is sent when the worker has confirmed this one. No client overtakes it. */
  | { readonly type: 'reload'; readonly config: EffectiveConfig }
  /** No client overtakes it. It is sent again until the worker has confirmed its epoch. */
  | {
      readonly type: 'upstream';
      readonly news: UpstreamNews;
      /** Comes with the end of a pause: from the first write on, it decides. */
      readonly pressure: { readonly state: PressureState; readonly known: GrowthKnown } | undefined;
    }
  | { readonly type: 'server'; readonly server: ServerFacts }
  /** The server's clock, milliseconds since the epoch. */
  | { readonly type: 'serverTime'; readonly epochMs: number }
  | { readonly type: 'serverGone' }
  /** Slots of the rules that do not grow. */
  | { readonly type: 'steady'; readonly slots: readonly number[] }
  | { readonly type: 'askGrowth'; readonly question: number }
  /** The next one is sent when this one is answered. */
  | { readonly type: 'askReport' }
  /** The answer to `quotas`. */
  | { readonly type: 'quotas'; readonly news: QuotaNews }
  /** The next one is sent when this one is answered. */
  | { readonly type: 'evict'; readonly ask: EvictAsk }
  /** Answers to the first questions of round `question`. */
  | { readonly type: 'answer'; readonly question: number; readonly replies: readonly Uint8Array[] }
  /** Ends the worker. */
  | { readonly type: 'drain'; readonly graceMs: number };

export type FromWorker =
  | { readonly type: 'ready'; readonly snapshot: DataPlaneSnapshot; readonly capacity: Capacity }
  /** `most`: how many clients it can serve now. */
  | { readonly type: 'clients'; readonly taken: number; readonly closed: number; readonly most: number }
  /** `question`: the last `askGrowth` that this answers. */
  | { readonly type: 'growth'; readonly growth: Growth; readonly question: number }
  /** The next one is sent when this one is answered. */
  | { readonly type: 'quotas'; readonly report: QuotaReport }
  | { readonly type: 'evict'; readonly answer: EvictAnswer }
  | { readonly type: 'report'; readonly report: Report }
  /** The new config applies; reports from now on count by it. */
  | { readonly type: 'reloaded' }
  | { readonly type: 'upstreamFailed'; readonly message: string; readonly code: string | undefined }
  | { readonly type: 'upstreamOom' }
  | { readonly type: 'upstreamReadonly' }
  /** The worker has applied the news of this epoch. `waiting`: its clients that have something to send. */
  | { readonly type: 'upstreamHeard'; readonly epoch: number; readonly waiting: number }
  /** The pause of this epoch has come so far that nothing more is acknowledged to its clients. */
  | { readonly type: 'upstreamSettled'; readonly epoch: number }
  /** A round of PROXY questions. The next one is sent when this one is answered or given up. */
  | { readonly type: 'asked'; readonly question: number; readonly asked: readonly ConsoleQuestion[] }
  /** The last message. */
  | { readonly type: 'drained'; readonly ended: number; readonly report: Report };
