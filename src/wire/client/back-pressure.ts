// Stops reading a side while the other side is slow. A client is not read while its upstream is slow, or while it does not
// read its own replies. An own upstream connection is not read while its client is slow; a shared one only for as long as
// the other clients can bear (lag-brake.ts). Sees no bytes. Owns nothing; it keeps its client's share of the process's sum
// of unread replies up to date (unread-replies.ts).
import type { Session } from '../../core/session/session.js';
import { HIGH_WATER_BYTES } from '../node/socket-reads.js';
import type { ClientUpstream } from '../upstream/client-upstream.js';
import type { UnreadReplies } from '../upstream/unread-replies.js';
import type { ClientSocket } from './client-socket.js';

/** A client with more bytes unread stops sharing: Redis can keep the replies on a connection of its own. */
const UNREAD_SHARED_BYTES = 1024 * 1024;
/** A client with more bytes unread holds the shared connection up. */
const UNREAD_HOLD_BYTES = 4 * 1024 * 1024;
/** Unread bytes of a client that sends all before it reads, at most. */
const UNREAD_STUCK_BYTES = 64 * 1024 * 1024;

export interface BackPressureOptions<Link> {
  readonly unread: UnreadReplies<Link>;
  readonly counters: { clientsTooSlow: number };
}

export class BackPressure<Link extends { close(reset: boolean): void }> {
  constructor(
    private readonly link: Link,
    private readonly client: ClientSocket,
    private readonly session: Session,
    private readonly upstream: ClientUpstream,
    private readonly options: BackPressureOptions<Link>,
  ) {}

  /** Reads the client, or does not, as things are now. */
  settle(): void {
    if (this.mayReadClient) this.client.resume();
    else this.client.pause();
  }

  /** Something has got better: reads the client again if nothing else speaks against it. */
  readClient(): void {
    if (this.client.isPaused && this.mayReadClient) this.client.resume();
  }

  /** The client takes replies again. */
  clientDrained(): void {
    this.upstream.clientDrained();
    this.options.unread.set(this.link, 0);
    this.readClient();
  }

  /** The client does not read as fast as the server answers. */
  clientLags(): void {
    const { client, session, upstream } = this;
    const { own, seat } = upstream;
    if (own?.isGreeted) {
      if (this.isStuck) own.resume();
      else own.pause();
    }
    if (seat?.isMember !== true || client.waiting < UNREAD_SHARED_BYTES) return;
    session.stopSharing();
    // Only what is still to come can be held up.
    const owed = !session.hasOwnUpstream && !session.idle;
    if (!owed) seat.release();
    else if (client.waiting >= UNREAD_HOLD_BYTES) seat.hold();
    if (!this.options.unread.set(this.link, client.waiting)) this.endSlowest();
  }

  /** The client is gone. */
  close(): void {
    this.options.unread.set(this.link, 0);
  }

  /** Too much waits for all clients together. */
  private endSlowest(): void {
    const slowest = this.options.unread.most();
    if (slowest === undefined) return;
    this.options.counters.clientsTooSlow++;
    slowest.close(true);
  }

  /** A stalled client is still read, for a while: its end would not be seen otherwise. */
  private get mayReadClient(): boolean {
    const { session } = this;
    return (
      this.client.mayRead &&
      (!session.stalled || session.heldBytes < HIGH_WATER_BYTES) &&
      !this.upstream.needsDrain
    );
  }

  /**
   * It waits for what its server answers, and sends more than may wait meanwhile. One that reads only when it has sent all
   * would wait for ever if its server were not read.
   */
  private get isStuck(): boolean {
    const { stalled, heldBytes } = this.session;
    return stalled && heldBytes >= HIGH_WATER_BYTES && this.client.waiting < UNREAD_STUCK_BYTES;
  }
}
