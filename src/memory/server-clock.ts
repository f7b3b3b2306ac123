// The server's clock, as far as it is known. EXAT and PXAT are in the server's time, and this machine's clock may differ
// greatly. It continues by the monotonic clock from the server's last answer, so a step of this machine's clock does not
// move it. Until the server has answered, this machine's clock is used, and `known` is false. The monotonic clock stands
// still while a machine is suspended, and only its wall clock tells: when the two have parted, `known` is false until the
// server's next answer.

/** The two clocks of a machine part by less than this between two answers of the server. */
const PARTED_MS = 1000;

export class ServerClock {
  /** The difference from the monotonic clock. */
  private offset: number | undefined;
  /** How far this machine's two clocks were apart when the server answered. */
  private apart = 0;

  /** Both in milliseconds; `wall` is this machine's time, since the epoch. */
  constructor(
    private readonly monotonic: () => number,
    private readonly wall: () => number,
  ) {}

  /** The server says that it is `epochMs` now. */
  adopt(epochMs: number): void {
    this.offset = epochMs - this.monotonic();
    this.apart = this.wall() - this.monotonic();
  }

  get known(): boolean {
    if (this.offset === undefined) return false;
    return Math.abs(this.wall() - this.monotonic() - this.apart) < PARTED_MS;
  }

  /** Milliseconds since the epoch. */
  readonly now = (): number => (this.offset === undefined ? this.wall() : this.offset + this.monotonic());
}
