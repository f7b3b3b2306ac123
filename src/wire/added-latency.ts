// How long bytes stay in this process: from the read that brought them until the result is handed to the other side's
// socket, or answered. One read in EVERY is timed; the others only count up.
// One measurement runs at a time. Not included: waiting for something else (an earlier reply, a connection), and time in
// the kernel.
//
//   read() ─▶ by a link ─┬─▶ sent(): measured
//                        └─▶ pass(): to the shared connection, or from it to a client ─▶ sent()
//
// Invariant: a measurement that never ends (its link has closed) is dropped after GIVEN_UP_MS.

/** A prime, so that it falls into step neither with turns nor with commands and replies that come in pairs. */
const EVERY = 61;
const GIVEN_UP_MS = 1000;

export const Way = { REQUEST: 0, REPLY: 1 } as const;
export type Way = (typeof Way)[keyof typeof Way];

export class AddedLatency {
  private reads = 0;
  private by: object | undefined;
  private way: Way = Way.REQUEST;
  private since = 0;

  constructor(
    private readonly record: (way: Way, milliseconds: number) => void,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /** `by` has read something. While one read is timed, others are not: otherwise a full turn would hide its start. */
  read(way: Way, by: object): void {
    if (++this.reads >= EVERY) this.begin(way, by);
  }

  /** Whether anything is to be passed or sent. Asked at each flush, so it must be cheap. */
  get timing(): boolean {
    return this.by !== undefined;
  }

  /** What `from` has read will be sent by `to`. */
  pass(way: Way, from: object, to: object): void {
    if (this.by === from && this.way === way) this.by = to;
  }

  /** `by` has sent everything that it had to send in this direction. */
  sent(way: Way, by: object): void {
    if (this.by !== by || this.way !== way) return;
    this.by = undefined;
    this.record(way, this.clock() - this.since);
  }

  private begin(way: Way, by: object): void {
    this.reads = 0;
    const now = this.clock();
    if (this.by !== undefined && now - this.since < GIVEN_UP_MS) return;
    this.by = by;
    this.way = way;
    this.since = now;
  }
}
