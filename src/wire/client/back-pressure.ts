// Stops reading one side while the other side is slow. Spillway does not read a client while its upstream is slow, or while the
// client does not read its replies. It does not read an own upstream connection while its client is slow, and a shared one only
// for as long as the other clients can bear (lag-brake.ts). Sees no bytes. Owns nothing; it updates its client's part of the
// process's sum of unread replies (unread-replies.ts).
import type { Session } from '../../core/session/session.js';
import { HIGH_WATER_BYTES } from '../node/socket-reads.js';
import type { ClientUpstream } from '../upstream/client-upstream.js';
import type { UnreadReplies } from '../upstream/unread-replies.js';
import type { ClientSocket } from './client-socket.js';

/** A client with more unread bytes stops sharing: on a connection of its own, Redis can keep the replies. */
const UNREAD_SHARED_BYTES = 1024 * 1024;
/** A client with more unread bytes delays the shared connection. */
const UNREAD_HOLD_BYTES = 4 * 1024 * 1024;
/** The most unread bytes of a client that sends everything before it reads. */
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

  /** Reads the client or stops reading it, as the state now demands. */
  settle(): void {
    if (this.mayReadClient) this.client.resume();
    else this.client.pause();
  }

  /** One reason has gone: reads the client again if no other reason stands. */
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
    // Only what is still to come can be delayed.
    const owed = !session.hasOwnUpstream && !session.idle;
    if (!owed) seat.release();
    else if (client.waiting >= UNREAD_HOLD_BYTES) seat.hold();
    if (!this.options.unread.set(this.link, client.waiting)) this.endSlowest();
  }

  /** The client is gone. */
  close(): void {
    this.options.unread.set(this.link, 0);
  }

  /** Too many bytes wait for all clients together. */
  private endSlowest(): void {
    const slowest = this.options.unread.most();
    if (slowest === undefined) return;
    this.options.counters.clientsTooSlow++;
    slowest.close(true);
  }

  /** A stalled client is still read for a while: otherwise Spillway would not notice that it ends. */
  private get mayReadClient(): boolean {
    const { session } = this;
    return (
      this.client.mayRead &&
      (!session.stalled || session.heldBytes < HIGH_WATER_BYTES) &&
      !this.upstream.needsDrain
    );
  }

  /**
   * The client waits for its server's answer, and meanwhile sends more than may wait here. If it reads only after it has sent
   * everything, it would wait for ever unless its server were read.
   */
  private get isStuck(): boolean {
    const { stalled, heldBytes } = this.session;
    return stalled && heldBytes >= HIGH_WATER_BYTES && this.client.waiting < UNREAD_STUCK_BYTES;
  }
}
