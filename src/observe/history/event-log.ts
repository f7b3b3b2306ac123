// The latest events in words, for operators who look afterwards: changes of a level, a server lost and back.
// Owns the list. Invariants: it keeps only the newest EVENTS; a long text is cut; `number` counts all events since the start,
// with repetitions.

const EVENTS = 200;
const TEXT_LENGTH = 300;
/**
 * An event that equals one of the last few counts as a repetition: an outage repeats its events, and must not push out the
 * others.
 */
const LOOK_BACK = 8;

export type EventKind =
  | 'level'
  | 'refusal'
  | 'upstream'
  | 'worker'
  | 'config'
  | 'family'
  | 'advice'
  | 'rehearsal'
  | 'sweep'
  | 'proxy';

export interface LoggedEvent {
  /** 1 and up; of a repeated event, the number of its last time. */
  number: number;
  /** ISO 8601: when it happened last. */
  at: string;
  /** How often it has happened, and when first; absent: once. */
  times?: number;
  firstAt?: string;
  kind: EventKind;
  text: string;
}

export class EventLog {
  private readonly events: LoggedEvent[] = [];
  private count = 0;

  /** `now`: epoch milliseconds. */
  constructor(private readonly now: () => number) {}

  record(kind: EventKind, text: string): void {
    const at = new Date(this.now()).toISOString();
    const short = text.length > TEXT_LENGTH ? `${text.slice(0, TEXT_LENGTH - 1)}…` : text;
    const number = ++this.count;
    const from = Math.max(0, this.events.length - LOOK_BACK);
    const same = this.events.findIndex(
      (event, i) => i >= from && event.kind === kind && event.text === short,
    );
    if (same < 0) this.events.push({ number, at, kind, text: short });
    else {
      const [{ times = 1, firstAt, at: before }] = this.events.splice(same, 1) as [LoggedEvent];
      this.events.push({ number, at, times: times + 1, firstAt: firstAt ?? before, kind, text: short });
    }
    if (this.events.length > EVENTS) this.events.shift();
  }

  /** Newest first. */
  list(limit = EVENTS): LoggedEvent[] {
    return this.events.slice(-limit).reverse();
  }
}
