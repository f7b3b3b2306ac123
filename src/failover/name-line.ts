// A name as the one voice on where the primary is: an operator of managed servers makes it mean another address. Has the form of
// a Sentinel's line (sentinel-line.ts), and answers with one of the name's addresses.
// Invariants: one lookup at a time; each question is answered within ANSWER_MS, with the last address if the resolver does not
// answer or fails: the pause and the fence still hold, and a server must not be lost because a resolver is.
import dns from 'node:dns';
import type { Answer } from './votes.js';
import { type PrimaryAddress, sameAddress } from './whereabouts.js';

const ANSWER_MS = 1000;
/** Nobody takes a server for down by this: clients pause by their own signs. */
const DOWN_AFTER_MS = 30_000;

export interface NameLineOptions {
  readonly name: PrimaryAddress;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly onAnswer: (answer: Answer) => void;
  /** The name has never had an address. */
  readonly onSilent: (reason: string) => void;
  /** Why the name cannot be resolved now; null: it can. */
  readonly onTrouble: (reason: string | null) => void;
}

export class NameLine {
  private last: PrimaryAddress | undefined;
  /** The resolver has not answered yet. */
  private pending = false;
  private closed = false;

  constructor(private readonly options: NameLineOptions) {}

  start(): void {
    this.ask();
  }

  /** Asks now, if the resolver has answered the last question. */
  ask(): void {
    if (this.pending || this.closed) return;
    const { name, clock } = this.options;
    const askedAt = clock();
    this.pending = true;
    const late = setInterval(() => this.failed('the resolver does not answer', clock()), ANSWER_MS);
    late.unref();
    // By its property, as net.connect() does.
    dns.lookup(name.host, { all: true }, (error, found) => {
      clearInterval(late);
      this.pending = false;
      if (this.closed) return;
      const addresses = (found ?? []).map(({ address }) => ({ host: address, port: name.port }));
      if (error !== null || addresses.length === 0) {
        this.failed(error?.code ?? error?.message ?? 'it has no address', askedAt);
        return;
      }
      this.options.onTrouble(null);
      // A name may have several addresses, in any order.
      if (!addresses.some((address) => sameAddress(address, this.last))) this.last = addresses[0];
      this.answer(askedAt);
    });
  }

  close(): void {
    this.closed = true;
  }

  private failed(reason: string, askedAt: number): void {
    if (this.closed) return;
    this.options.onTrouble(reason);
    if (this.last === undefined) this.options.onSilent(reason);
    else this.answer(askedAt);
  }

  private answer(askedAt: number): void {
    const address = this.last as PrimaryAddress;
    this.options.onAnswer({ address, askedAt, epoch: 0, leaves: undefined, downAfterMs: DOWN_AFTER_MS });
  }
}
