// Which replicas a Sentinel may promote, in its own order, and why it would not promote the others. Pure.
// sentinel.c, sentinelSelectSlave() and compareSlavesForPromotion(): lowest priority number first, then the most data as of
// Sentinel's last INFO, then the run id.
import type { NatMap } from './nat-map.js';
import { addressOf, fieldsOf } from './sentinel-words.js';
import { nameOf, type PrimaryAddress } from './whereabouts.js';

/** sentinel.c: five ping periods, three INFO periods. */
const PING_LIMIT_MS = 5000;
const INFO_LIMIT_MS = 30_000;

export interface FitReplica {
  readonly address: PrimaryAddress;
  readonly priority: number;
  readonly offset: number;
  readonly runId: string;
}

export interface FitReplicas {
  /** The one that this Sentinel would promote comes first. */
  readonly fit: readonly FitReplica[];
  readonly unfit: readonly { readonly address: string; readonly why: string }[];
}

/** `reply`: the one to SENTINEL REPLICAS. */
export function fitReplicasOf(reply: unknown, map: NatMap, downAfterMs: number): FitReplicas {
  const fit: FitReplica[] = [];
  const unfit: { address: string; why: string }[] = [];
  for (const replica of Array.isArray(reply) ? reply : []) {
    const fields = fieldsOf(replica);
    const address = addressOf(fields.get('ip'), fields.get('port'), map);
    if (address === undefined) continue;
    const why = whyUnfit(fields, downAfterMs);
    if (why !== undefined) {
      unfit.push({ address: nameOf(address), why });
      continue;
    }
    const [priority, offset] = ['slave-priority', 'slave-repl-offset'].map((name) => numberOf(fields, name));
    fit.push({
      ...{ address, priority: priority as number, offset: offset as number },
      runId: fields.get('runid') ?? '',
    });
  }
  return { fit: fit.sort(bySentinelsOrder), unfit };
}

/** The replicas of which a Sentinel may choose any: what it knows of their data is up to ten seconds old. */
export function firstOf({ fit }: FitReplicas): readonly FitReplica[] {
  return fit.filter(({ priority }) => priority === fit[0]?.priority);
}

function whyUnfit(fields: ReadonlyMap<string, string>, downAfterMs: number): string | undefined {
  const flags = new Set((fields.get('flags') ?? '').split(','));
  if (flags.has('s_down') || flags.has('o_down')) return 'the Sentinel takes it for down';
  if (flags.has('disconnected')) return 'the Sentinel has no connection to it';
  if (numberOf(fields, 'last-ok-ping-reply') > PING_LIMIT_MS)
    return 'it does not answer the Sentinel in time';
  if (numberOf(fields, 'slave-priority') === 0) return 'its replica-priority is 0';
  if (numberOf(fields, 'info-refresh') > INFO_LIMIT_MS) return 'it has not answered INFO for 30 s';
  if (numberOf(fields, 'master-link-down-time') > 10 * downAfterMs)
    return 'it has had no connection to the primary for too long';
  return undefined;
}

function bySentinelsOrder(a: FitReplica, b: FitReplica): number {
  if (a.priority !== b.priority) return a.priority - b.priority;
  if (a.offset !== b.offset) return b.offset - a.offset;
  if (a.runId === b.runId) return 0;
  // Without a run id comes last.
  if (a.runId === '') return 1;
  if (b.runId === '') return -1;
  return a.runId.toLowerCase() < b.runId.toLowerCase() ? -1 : 1;
}

function numberOf(fields: ReadonlyMap<string, string>, name: string): number {
  return Number(fields.get(name) ?? 0) || 0;
}
