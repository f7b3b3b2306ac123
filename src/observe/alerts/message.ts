// The body of an alert: what has changed since the last delivered alert, the state now, and a sentence for hooks that show
// text (such as Slack). Field names are an API: docs/ALERTS.md. Pure.
// Invariant: it contains no key, no client and no secret, and has a few KB at most.

import { PRIORITY_NAMES, type PriorityName } from '../../core/policy/rule.js';
import { percentText } from '../../core/words.js';
import type { Level } from '../../memory/levels.js';
import type { LiveSnapshot } from '../snapshots/live.js';
import type { StateName } from '../state/service-state.js';
import { CALM, sameSituation } from './situation.js';
import type { AlertSituation } from './snapshot.js';

export type AlertChange =
  | {
      readonly event: 'level';
      readonly priority: PriorityName;
      readonly from: Level;
      readonly to: Level;
      /** The rules of the priority only observe: Spillway counts what it would refuse. */
      readonly observed: boolean;
    }
  | { readonly event: 'timeToFull'; readonly from: 'later' | 'soon'; readonly to: 'later' | 'soon' }
  | { readonly event: 'rehearsal'; readonly from: 'off' | 'on'; readonly to: 'off' | 'on' };

export interface AlertMessage {
  readonly version: 1;
  /** 1 and up since the start; of several with the same number, the last counts. */
  readonly number: number;
  /** "ok": all writes are admitted, and memory is not full before long. */
  readonly status: 'alert' | 'ok';
  readonly text: string;
  readonly instance: string;
  /** The state of the service, as GET /api/state says it. */
  readonly state: StateName;
  readonly stateText: string;
  /** ISO 8601. */
  readonly stateSince: string;
  /** ISO 8601. */
  readonly at: string;
  /** At least one. */
  readonly changes: readonly AlertChange[];
  readonly levels: AlertSituation['levels'];
  readonly observed: AlertSituation['observed'];
  readonly rehearsal: boolean;
  /** null: unknown. */
  readonly pressure: number | null;
  readonly usedBytes: number | null;
  readonly limitBytes: number | null;
  /** null: not at the growth of the last minutes. */
  readonly timeToFullSeconds: number | null;
  /** The rules with the fastest growth, by the estimate. */
  readonly topRules: readonly { readonly name: string; readonly growthBytesPerSecond: number }[];
}

export interface MessageParts {
  readonly number: number;
  readonly instance: string;
  /** ISO 8601. */
  readonly at: string;
  /** The last delivered state. */
  readonly from: AlertSituation;
  readonly to: AlertSituation;
  readonly live: Pick<LiveSnapshot, 'growth' | 'memory' | 'state'>;
}

const TOP_RULES = 3;

export function alertMessage({ number, instance, at, from, to, live }: MessageParts): AlertMessage {
  const { memory, growth, state } = live;
  const changes = changesBetween(from, to);
  const topRules = growth.rules
    .filter(({ growthBytesPerSecond }) => growthBytesPerSecond > 0)
    .sort((a, b) => b.growthBytesPerSecond - a.growthBytesPerSecond)
    .slice(0, TOP_RULES)
    .map(({ name, growthBytesPerSecond }) => ({ name, growthBytesPerSecond }));
  const facts = {
    pressure: memory.pressure,
    usedBytes: memory.usedBytes,
    limitBytes: memory.limitBytes,
    timeToFullSeconds: growth.timeToFullUnrefused?.seconds ?? null,
    topRules,
  };
  return {
    version: 1,
    number,
    status: sameSituation({ ...to, rehearsal: false }, CALM) ? 'ok' : 'alert',
    text: sentence(instance, changes, to, facts),
    instance,
    state: state.state,
    stateText: state.text,
    stateSince: state.since,
    at,
    changes,
    levels: to.levels,
    observed: to.observed,
    rehearsal: to.rehearsal,
    ...facts,
  };
}

function changesBetween(from: AlertSituation, to: AlertSituation): AlertChange[] {
  const levels = PRIORITY_NAMES.map((priority): AlertChange => {
    // With "open" nothing is observed any more: what was before counts.
    const { observed } = to.levels[priority] === 'open' ? from : to;
    return {
      ...{ event: 'level', priority, from: from.levels[priority], to: to.levels[priority] },
      observed: observed.includes(priority),
    };
  });
  const soon = (is: boolean) => (is ? 'soon' : 'later');
  const on = (is: boolean) => (is ? 'on' : 'off');
  const all: AlertChange[] = [
    ...levels,
    { event: 'timeToFull', from: soon(from.fullSoon), to: soon(to.fullSoon) },
    { event: 'rehearsal', from: on(from.rehearsal), to: on(to.rehearsal) },
  ];
  return all.filter(
    (change) =>
      change.from !== change.to ||
      (change.event === 'level' && change.observed !== from.observed.includes(change.priority)),
  );
}

type Facts = Pick<AlertMessage, 'pressure' | 'limitBytes' | 'timeToFullSeconds' | 'topRules'>;

function sentence(
  instance: string,
  changes: readonly AlertChange[],
  to: AlertSituation,
  facts: Facts,
): string {
  const what = changes.map((change) => wording(change, facts)).join('; ');
  const { pressure, topRules } = facts;
  const memory = pressure === null ? '' : `; memory is at ${percentText(pressure)} of its limit`;
  const names = topRules.map(({ name }) => name).join(', ');
  const growing = names === '' || sameSituation(to, CALM) ? '' : `; growing most: ${names}`;
  return `Spillway ${instance}: ${to.rehearsal ? 'REHEARSAL: ' : ''}${what}${unchanged(changes, to)}${memory}${growing}`;
}

/** What is still refused, so that good news about something else does not read as the all clear. */
function unchanged(changes: readonly AlertChange[], { levels, observed }: AlertSituation): string {
  const told = new Set(changes.map((change) => (change.event === 'level' ? change.priority : undefined)));
  const still = PRIORITY_NAMES.filter(
    (name) => levels[name] !== 'open' && !observed.includes(name) && !told.has(name),
  ).map((name) => `${name} (${levels[name] === 'full' ? 'all' : 'in part'})`);
  return still.length === 0 ? '' : `; still refused: ${still.join(', ')}`;
}

function wording(change: AlertChange, { timeToFullSeconds }: Facts): string {
  switch (change.event) {
    case 'level': {
      const done = { open: 'admitted again', partial: 'refused in part', full: 'all refused' }[change.to];
      return `writes of priority ${change.priority} ${change.observed ? 'would be' : 'are'} ${done}${change.observed ? ' (observe mode)' : ''}`;
    }
    case 'timeToFull':
      if (change.to === 'later') return 'memory is no longer about to be full';
      return timeToFullSeconds === null
        ? 'memory will be full soon'
        : `memory will be full in ${lasting(timeToFullSeconds)}`;
    case 'rehearsal':
      return change.to === 'on'
        ? 'a rehearsal has begun: Spillway acts as if memory were fuller'
        : 'the rehearsal has ended';
  }
}

function lasting(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
