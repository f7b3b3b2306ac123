// Reports what the rules did in the last minutes or hours, and what observing rules would have done, so that operators know
// what "enforce" would mean before they set it. It only receives the counters.
// Invariants: memory is bounded (14 marks of five minutes and 25 of an hour, each with eleven numbers for each rule that ever
// existed, whose names the caller bounds, and twenty for one that refused something); a removed rule keeps its figures; times are monotonic.

import { bytesText } from '../../core/words.js';

/** Refusals by reason, only those that occurred. */
type Refusals = Record<string, number>;

/** Counters of a rule since the start, from the statistics. */
export interface RuleCounts {
  readonly name: string;
  readonly writes: number;
  readonly withoutTtl: number;
  readonly ttlInjected: number;
  readonly ttlClamped: number;
  readonly followUpsSet: number;
  readonly wouldInject: number;
  readonly wouldClamp: number;
  readonly shed: number;
  readonly wouldShed: number;
  readonly spared: number;
  readonly evicted: number;
  readonly evictedBytes: number;
  readonly wouldEvict: number;
  readonly wouldEvictBytes: number;
  readonly shedBy: Readonly<Partial<Refusals>>;
  readonly wouldShedBy: Readonly<Partial<Refusals>>;
}

export interface ReportFigures {
  writes: number;
  /** Writes that left their key without a TTL. */
  withoutTtl: number;
  /** TTLs given or cut, and TTLs that observing rules would have given or cut. */
  ttls: number;
  wouldTtls: number;
  /** Commands refused, and commands that observing rules would have refused. */
  shed: number;
  wouldShed: number;
  /** Commands that passed although their key was among those refused, because they left it no larger. */
  spared: number;
  /** Keys that Spillway evicted, and the memory that other writes got by that; the same for observing rules. */
  evicted: number;
  evictedBytes: number;
  wouldEvict: number;
  wouldEvictBytes: number;
  /** The refused ones by reason. */
  shedBy: Refusals;
  wouldShedBy: Refusals;
}

export interface RuleReport extends ReportFigures {
  name: string;
  /** The present mode; null: the rule is gone. */
  mode: 'enforce' | 'observe' | null;
}

/** GET /api/report. */
export interface Report {
  /** The report covers the time between these two, ISO 8601. */
  since: string;
  until: string;
  /** The totals in a sentence. */
  text: string;
  total: ReportFigures;
  /** In the order of the config, then keys that no rule matches, then removed rules that did something. */
  rules: RuleReport[];
}

interface Mark {
  readonly at: number;
  /** By rule: a number for each of FIELDS, and where something was refused two for each reason. */
  readonly counts: ReadonlyMap<string, Float64Array>;
}

const FIELDS = [
  'writes',
  'withoutTtl',
  'ttls',
  'wouldTtls',
  'shed',
  'wouldShed',
  'spared',
  'evicted',
  'evictedBytes',
  'wouldEvict',
  'wouldEvictBytes',
] as const;
type Counted = Record<(typeof FIELDS)[number], number>;
const NOTHING = Object.fromEntries(FIELDS.map((field) => [field, 0])) as Counted;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Marks are kept long enough for the widest window of their kind, plus a step. */
const STEPS = [
  { stepMs: 5 * MINUTE_MS, marks: 14, widestMs: HOUR_MS },
  { stepMs: HOUR_MS, marks: 25, widestMs: Number.POSITIVE_INFINITY },
] as const;

export class RuleHistory {
  private readonly now = new Map<string, Float64Array>();
  private readonly marks: readonly Mark[][] = STEPS.map(() => []);

  /** `reasons`: the names of the reasons for a refusal. */
  constructor(private readonly reasons: readonly string[]) {}

  /** `at`: monotonic milliseconds. `counts` never go down for a name. The first call marks the start. */
  take(at: number, counts: readonly RuleCounts[]): void {
    if (this.marks[0].length === 0) for (const kind of this.marks) kind.push({ at, counts: new Map() });
    for (const rule of counts) {
      const refused = rule.shed + rule.wouldShed > 0;
      const width = FIELDS.length + (refused ? 2 * this.reasons.length : 0);
      let cells = this.now.get(rule.name);
      if (cells === undefined || cells.length < width) {
        cells = new Float64Array(width);
        this.now.set(rule.name, cells);
      }
      cells[0] = rule.writes;
      cells[1] = rule.withoutTtl + rule.wouldInject;
      cells[2] = rule.ttlInjected + rule.ttlClamped + rule.followUpsSet;
      cells[3] = rule.wouldInject + rule.wouldClamp;
      cells[4] = rule.shed;
      cells[5] = rule.wouldShed;
      cells[6] = rule.spared;
      cells[7] = rule.evicted;
      cells[8] = rule.evictedBytes;
      cells[9] = rule.wouldEvict;
      cells[10] = rule.wouldEvictBytes;
      // If nothing was refused there are no cells for these, and they count as 0.
      for (const [i, reason] of this.reasons.entries()) {
        cells[this.reasonAt(i, 0)] = rule.shedBy[reason] ?? 0;
        cells[this.reasonAt(i, 1)] = rule.wouldShedBy[reason] ?? 0;
      }
    }
    for (const [i, { stepMs, marks: most }] of STEPS.entries()) {
      const marks = this.marks[i];
      if (at - (marks.at(-1) as Mark).at < stepMs) continue;
      marks.push({ at, counts: new Map([...this.now].map(([name, cells]) => [name, cells.slice()])) });
      if (marks.length > most) marks.shift();
    }
  }

  /**
   * The report of the last `windowMs`, or up to one step more: it begins at the last mark before that, or at the start.
   * `modes`: the modes of the present rules, in their order. `at` and `wallAt`: the same moment, monotonic and epoch.
   */
  report(
    windowMs: number,
    modes: ReadonlyMap<string, 'enforce' | 'observe'>,
    at: number,
    wallAt: number,
  ): Report {
    const marks = this.marks[STEPS.findIndex(({ widestMs }) => windowMs <= widestMs)];
    const mark = marks.findLast((each) => each.at <= at - windowMs) ?? marks[0] ?? { at, counts: new Map() };
    const gone = [...this.now.keys()].filter((name) => !modes.has(name));
    const rules = [...modes.keys(), ...gone]
      .map((name): RuleReport => ({ name, mode: modes.get(name) ?? null, ...this.figures(name, mark) }))
      .filter((rule) => rule.mode !== null || FIELDS.some((field) => rule[field] > 0));
    const total: ReportFigures = { ...NOTHING, shedBy: {}, wouldShedBy: {} };
    for (const rule of rules) {
      for (const field of FIELDS) total[field] += rule[field];
      addTo(total.shedBy, rule.shedBy);
      addTo(total.wouldShedBy, rule.wouldShedBy);
    }
    const observing = rules.some(({ mode }) => mode === 'observe');
    return {
      since: new Date(wallAt - (at - mark.at)).toISOString(),
      until: new Date(wallAt).toISOString(),
      text: sentence(at - mark.at, total, observing),
      total,
      rules,
    };
  }

  private figures(name: string, { counts }: Mark): ReportFigures {
    const [cells, before] = [this.now.get(name), counts.get(name)];
    const since = (i: number) => (cells?.[i] ?? 0) - (before?.[i] ?? 0);
    const figures = Object.fromEntries(FIELDS.map((field, i) => [field, since(i)])) as Counted;
    const by = (kind: 0 | 1): Refusals =>
      Object.fromEntries(
        this.reasons
          .map((reason, i) => [reason, since(this.reasonAt(i, kind))] as const)
          .filter(([, count]) => count > 0),
      );
    return { ...figures, shedBy: by(0), wouldShedBy: by(1) };
  }

  /** The cell of reason `i`: for refused commands, or for those that would have been refused. */
  private reasonAt(i: number, kind: 0 | 1): number {
    return FIELDS.length + kind * this.reasons.length + i;
  }
}

function addTo(total: Refusals, counts: Refusals): void {
  for (const [reason, count] of Object.entries(counts)) total[reason] = (total[reason] ?? 0) + count;
}

function sentence(ms: number, figures: ReportFigures, observing: boolean): string {
  const { ttls, wouldTtls, shed, wouldShed, evicted, evictedBytes, wouldEvict, wouldEvictBytes } = figures;
  const room = evicted > 0 ? `, ${evictedText(evicted, evictedBytes)}` : '';
  const done = `in the last ${lasting(ms)}: ${counted(ttls, 'TTL')} given, ${counted(shed, 'write')} refused${room}`;
  if (!observing && wouldTtls + wouldShed + wouldEvict === 0) return done;
  const would = `rules in observe mode would have given ${counted(wouldTtls, 'TTL')} and refused ${counted(wouldShed, 'write')}`;
  const wouldRoom = wouldEvict > 0 ? `, with ${evictedText(wouldEvict, wouldEvictBytes)}` : '';
  return `${done}; ${would}${wouldRoom}`;
}

function evictedText(keys: number, bytes: number): string {
  return `${counted(keys, 'key')} evicted, which makes ${bytesText(bytes)} of room for other writes`;
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
}

function lasting(ms: number): string {
  if (ms < 2 * MINUTE_MS) return counted(Math.max(1, Math.round(ms / 1000)), 'second');
  if (ms < 2 * HOUR_MS) return counted(Math.round(ms / MINUTE_MS), 'minute');
  return counted(Math.round(ms / HOUR_MS), 'hour');
}
