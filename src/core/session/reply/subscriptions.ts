// How many channels, patterns and shard channels a connection is subscribed to. Learnt from the confirmations alone: each
// carries the total, so a total that does not change means a channel that was subscribed already.
// Needed in RESP2 to tell messages from replies, and to know how many confirmations an UNSUBSCRIBE without channels gets.
import { LF, startsWith } from '../../resp/bytes.js';

export const Kind = { CHANNEL: 0, PATTERN: 1, SHARD: 2 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export const Confirmation = { NONE: 0, SUBSCRIBED: 1, UNSUBSCRIBED: 2, MESSAGE: 3 } as const;
export type Confirmation = (typeof Confirmation)[keyof typeof Confirmation];

export class Subscriptions {
  private readonly counts = [0, 0, 0];
  /** Whether there are any; a field, since it is read for each reply. */
  any = false;
  /** Set by read(): the kind of subscription that the item concerns. */
  kind: Kind = Kind.CHANNEL;

  count(kind: Kind): number {
    return this.counts[kind];
  }

  clear(): void {
    this.counts.fill(0);
    this.any = false;
  }

  /**
   * Recognizes an item by its first bytes (`>3\r\n$9\r\nsubscribe\r\n…`, `*` in RESP2), and sets `kind`. NONE: not pub/sub.
   */
  read(prefix: Uint8Array, length: number): Confirmation {
    const header = prefix.indexOf(LF);
    const word = prefix.indexOf(LF, header + 1) + 1;
    if (header < 0 || word === 0) return Confirmation.NONE;
    let at = word;
    this.kind = Kind.CHANNEL;
    if (
      startsWith(prefix, at, length, 'ps') ||
      startsWith(prefix, at, length, 'pu') ||
      startsWith(prefix, at, length, 'pm')
    ) {
      this.kind = Kind.PATTERN;
      at++;
    } else if (
      startsWith(prefix, at, length, 'ss') ||
      startsWith(prefix, at, length, 'sun') ||
      startsWith(prefix, at, length, 'sm')
    ) {
      this.kind = Kind.SHARD;
      at++;
    }
    if (startsWith(prefix, at, length, 'subscribe\r')) return Confirmation.SUBSCRIBED;
    if (startsWith(prefix, at, length, 'unsubscribe\r')) return Confirmation.UNSUBSCRIBED;
    return startsWith(prefix, at, length, 'message\r') ? Confirmation.MESSAGE : Confirmation.NONE;
  }

  /** A confirmation of `kind` came with this `total` as its last element. */
  confirm(total: number): void {
    // Channels and patterns share one total; shard channels have their own.
    const other =
      this.kind === Kind.SHARD ? 0 : this.counts[this.kind === Kind.CHANNEL ? Kind.PATTERN : Kind.CHANNEL];
    this.counts[this.kind] = Math.max(0, total - other);
    this.any = this.counts[0] + this.counts[1] + this.counts[2] > 0;
  }
}
