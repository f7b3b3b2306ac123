// The latest events in words, for operators who look afterwards: changes of a level, a server lost and back.
// Owns the list. Invariants: it keeps only the newest EVENTS; a long text is cut; `number` counts all events since the start.

const EVENTS = 200;
const TEXT_LENGTH = 300;

export type EventKind =
  | 'level'
  | 'refusal'
  | 'upstream'
  | 'worker'
  | 'config'
  | 'family'
  | 'rehearsal'
  | 'sweep'
  | 'proxy';

export interface LoggedEvent {
  /** 1 and up. */
  number: number;
  /** ISO 8601. */
  at: string;
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
    this.events.push({ number: ++this.count, at, kind, text: short });
    if (this.events.length > EVENTS) this.events.shift();
  }

  /** Newest first. */
  list(limit = EVENTS): LoggedEvent[] {
    return this.events.slice(-limit).reverse();
  }
}
