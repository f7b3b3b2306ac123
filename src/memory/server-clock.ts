// The server's clock, as far as it is known. EXAT and PXAT are in the server's time, and this machine's clock may differ
// greatly. It continues by the monotonic clock from the server's last answer, so a step of this machine's clock changes
// nothing. Until the server has answered, this machine's clock is used, and `known` is false.

export class ServerClock {
  /** The difference from the monotonic clock. */
  private offset: number | undefined;

  /** Both in milliseconds; `wall` is this machine's time, since the epoch. */
  constructor(
    private readonly monotonic: () => number,
    private readonly wall: () => number,
  ) {}

  /** The server says that it is `epochMs` now. */
  adopt(epochMs: number): void {
    this.offset = epochMs - this.monotonic();
  }

  get known(): boolean {
    return this.offset !== undefined;
  }

  /** Milliseconds since the epoch. */
  readonly now = (): number => (this.offset === undefined ? this.wall() : this.offset + this.monotonic());
}
