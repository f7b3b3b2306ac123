// Cuts the time of a request into stages, by what its sender and the traced Spillway noted. Pure.

/** What the hook notes, in this order. */
const READ = 0;
const SENT_UP = 1;
const REPLY = 2;
const DELIVERED = 3;

export const STAGES = [
  'until Spillway reads it',
  'until all of it is read',
  'until it is sent up',
  'until a reply is read',
  'until all replies are read',
  'until they are sent down',
  'until the client has them',
] as const;

/** Some commands in one write, and the time until all their replies had come. Milliseconds. */
export interface Request {
  readonly port: number;
  readonly sentAt: number;
  readonly doneAt: number;
}

/** Of one client: kind, time, kind, time … in order of time. */
export type Events = readonly number[];

export interface Staged {
  readonly total: number;
  /** One for each of STAGES; they add up to the total. */
  readonly stages: readonly number[];
}

/** undefined: it was not traced from end to end. `from` is where in `events` to begin to look. */
export function stagesOf({ sentAt, doneAt }: Request, events: Events, from = 0): Staged | undefined {
  const first = [Number.NaN, Number.NaN, Number.NaN, Number.NaN];
  const last = [Number.NaN, Number.NaN, Number.NaN, Number.NaN];
  for (let i = from; i < events.length && events[i + 1] <= doneAt; i += 2) {
    if (events[i + 1] < sentAt) continue;
    const kind = events[i];
    if (Number.isNaN(first[kind])) first[kind] = events[i + 1];
    last[kind] = events[i + 1];
  }
  const marks = [
    sentAt,
    first[READ],
    last[READ],
    last[SENT_UP],
    Math.max(first[REPLY], last[SENT_UP]),
    last[REPLY],
    last[DELIVERED],
    doneAt,
  ];
  if (marks.some(Number.isNaN)) return undefined;
  return { total: doneAt - sentAt, stages: marks.slice(1).map((mark, i) => mark - marks[i]) };
}

/** The mean of each stage, over those between two shares of all, by their totals: 0.99, 1 for the slowest hundredth. */
export function meanStages(staged: readonly Staged[], from: number, to: number): Staged {
  const sorted = [...staged].sort((a, b) => a.total - b.total);
  const begin = Math.min(Math.floor(from * sorted.length), sorted.length - 1);
  const some = sorted.slice(begin, Math.max(Math.ceil(to * sorted.length), begin + 1));
  const mean = (of: (one: Staged) => number): number =>
    some.reduce((sum, one) => sum + of(one), 0) / some.length;
  return { total: mean(({ total }) => total), stages: STAGES.map((_, i) => mean(({ stages }) => stages[i])) };
}
