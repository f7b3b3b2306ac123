// The state of the service in one word, with a sentence and since when. The page, the API, the probes, the metrics, the console
// and the command line show it in the same words. Several conditions may hold at once: the first of CONDITIONS that holds is
// the state, and the others follow it.
// Pure; the clock comes with each call (milliseconds since 1970).
// Invariants: there is exactly one state; only with `ok` there is nothing to do or to know.
import type { PriorityName } from '../../core/policy/rule.js';
import { refusedShares, roundPercent } from '../../memory/shedding-words.js';
import type { MemorySnapshot } from '../../memory/snapshot.js';

/** The worst first. Names are an API. */
export const CONDITIONS = [
  'closing',
  'down',
  'failover',
  'blind',
  'oom',
  'rehearsing',
  'shedding',
  'limited',
  'config-error',
  'observing',
] as const;
export const STATES = [...CONDITIONS, 'ok'] as const;
export type Condition = (typeof CONDITIONS)[number];
export type StateName = (typeof STATES)[number];

/** Which parts of a configuration enforce, and which only observe. */
export interface RulesInForce {
  /** The mode of keys that no rule matches, and of rules without one of their own. */
  readonly mode: 'enforce' | 'observe';
  /** Every rule only observes. */
  readonly allObserve: boolean;
  /** Priorities of which writes are really refused: a rule of that priority enforces, or keys without a rule have it. */
  readonly refusing: ReadonlySet<PriorityName>;
  /** Priorities of which Spillway only counts what it would refuse, lowest first: their rules observe, and none enforces. */
  readonly observed: readonly PriorityName[];
}

export interface StateFacts {
  readonly closing: boolean;
  /** As in /readyz: whether clients can be served, and what is missing. */
  readonly ready: boolean;
  readonly reasons: readonly string[];
  /** Why clients wait for a primary; null: they do not. */
  readonly failover: string | null;
  readonly memory: Pick<
    MemorySnapshot,
    'readingAgeMs' | 'stale' | 'rehearsal' | 'level' | 'active' | 'reason' | 'pressure'
  >;
  /** The server itself has just answered OOM to a client. */
  readonly serverOom: boolean;
  readonly rules: RulesInForce;
  /** Why the config file could not be applied; null: it was. */
  readonly configError: string | null;
}

/** `bad` ones affect clients, or leave memory unwatched; an operator should know of `warn` ones. */
const SEVERITY: Readonly<Record<StateName, 'ok' | 'warn' | 'bad'>> = {
  closing: 'bad',
  down: 'bad',
  failover: 'bad',
  blind: 'bad',
  oom: 'bad',
  rehearsing: 'warn',
  shedding: 'bad',
  limited: 'warn',
  'config-error': 'warn',
  observing: 'warn',
  ok: 'ok',
};

/** One condition that holds. */
export interface StateSnapshot {
  readonly state: StateName;
  readonly severity: 'ok' | 'warn' | 'bad';
  /** ISO 8601. */
  readonly since: string;
  readonly text: string;
}

/** GET /api/state. */
export interface ServiceStateSnapshot extends StateSnapshot {
  /** What else holds, in the order of importance. */
  readonly also: readonly StateSnapshot[];
  /** Priorities of which Spillway only counts what it would refuse, lowest first: their rules observe, and none enforces. */
  readonly observed: RulesInForce['observed'];
}

export class ServiceState {
  private since = new Map<StateName, number>();

  /** The state by these facts. A condition that held at the last call keeps its `since`. */
  see(facts: StateFacts, now: number): ServiceStateSnapshot {
    const texts = conditionsOf(facts);
    const holding = CONDITIONS.filter((name) => texts[name] !== undefined);
    const names: readonly StateName[] = holding.length === 0 ? ['ok'] : holding;
    const before = this.since;
    this.since = new Map(names.map((name) => [name, before.get(name) ?? now]));
    const [state, ...also] = names.map((name): StateSnapshot => {
      const since = new Date(this.since.get(name) ?? now).toISOString();
      return {
        state: name,
        severity: SEVERITY[name],
        since,
        text: name === 'ok' ? okText(facts) : (texts[name] ?? ''),
      };
    }) as [StateSnapshot, ...StateSnapshot[]];
    return { ...state, also, observed: facts.rules.observed };
  }
}

/** A sentence for each condition that holds. */
function conditionsOf(facts: StateFacts): Partial<Record<Condition, string>> {
  const { closing, ready, reasons, failover, memory, serverOom, rules, configError } = facts;
  const { rehearsal, stale, readingAgeMs } = memory;
  const blind = readingAgeMs === null || stale;
  const why = reasons.join('; ');
  const observing = rules.mode === 'observe' || rules.allObserve;
  const refused = refusedShares(memory, (name) => rules.refusing.has(name)).join(', ');
  const holds: Partial<Record<Condition, string | false>> = {
    closing: closing && 'the proxy is closing; it accepts no more clients',
    down: !closing && !ready && why,
    failover: ready && failover !== null && `clients wait for a primary: ${failover}`,
    blind: ready && blind && (why === '' ? 'there is no memory reading' : why),
    oom:
      serverOom &&
      `the server itself refuses writes with OOM${observing ? '; observing, Spillway prevents nothing' : ''}`,
    limited: ready && !blind && why,
    rehearsing:
      rehearsal !== null &&
      `a rehearsal: Spillway acts as if memory were ${roundPercent(rehearsal.pressure)} full, until ${rehearsal.endsAt}`,
    shedding: refused !== '' && `refusing growing writes of priority ${refused}`,
    'config-error':
      configError !== null && `the config file has an error, so the old one stays in use: ${configError}`,
    observing: observing && observingText(rules, memory),
  };
  return Object.fromEntries(Object.entries(holds).filter(([, text]) => text)) as Partial<
    Record<Condition, string>
  >;
}

function okText({ memory: { active, reason } }: StateFacts): string {
  return active ? 'all writes are admitted' : `all writes are admitted; shedding is ${reason}`;
}

function observingText({ mode, allObserve, observed }: RulesInForce, memory: StateFacts['memory']): string {
  const what =
    mode === 'enforce'
      ? 'every rule only observes; keys without a rule may be refused'
      : allObserve
        ? 'nothing is changed or refused'
        : 'only rules with mode enforce change or refuse anything';
  const would = refusedShares(memory, (name) => observed.includes(name)).join(', ');
  return would === '' ? what : `${what}; growing writes of priority ${would} would be refused`;
}
