// Whether a connection vouches for the rights of one client, so that the client may share connections (command pooling). One
// that vouches has stood since the client got its rights: the client's own connection, once it has shown that the client may
// run commands, or a shared one that the client joined while another connection vouched for it. If none does, Spillway asks on
// a fresh connection (login-check.ts), and the client has the rights that its login has now.
//
//   comes ─▶ asks ─▶ vouched for ─┬─ the last connection that vouches is lost ─▶ asks before the next command
//                        ▲────────┴─ another connection has taken over before that (SharedSeat.takesOver)
//
// Owns no connection. Invariant: one question at a time.
import { type Identity, isShareable } from '../../core/session/pooling/identity.js';
import type { Session } from '../../core/session/session.js';
import { loginWanted } from './greet.js';
import type { LoginCheck, Newcomer, VouchApplicant } from './login-check.js';

/** What the voucher needs of its client's link. */
export interface VouchedLink {
  readonly session: Session;
  /** Bytes that the client has sent. */
  readonly bytes: number;
  /** Sends what there is to send, and gives the session the connection that it wants. */
  flush(): void;
  /** There is no connection for the client's next command. */
  turnAway(error: Error): void;
}

export class RightsVoucher implements VouchApplicant, Newcomer {
  /** The client's own connection stands, and has shown that the client may run commands. */
  private byOwn = false;
  /** A shared connection, or the answer to the last question, vouches for a client of this identity. */
  private byOther: Identity | undefined;
  /** The identity for which the question is asked. */
  private asksFor: Identity | undefined;
  private isClosed = false;

  constructor(
    private readonly logins: LoginCheck,
    private readonly link: VouchedLink,
    /** The client has no connection: it may join a shared one, so that the loss of that one reaches it. */
    private readonly mayJoin: () => void,
  ) {}

  /** The client has connected: Spillway asks what it may do, at once or after it has been silent for a while. */
  come(): void {
    if (this.logins.admit(this)) this.ask();
  }

  /** Whether a connection vouches for the client as it is now. */
  get isThere(): boolean {
    const { session } = this.link;
    if (session.isNew) return false;
    return this.byOwn || (this.byOther !== undefined && isShareable(this.byOther, session.identity));
  }

  /** The client's own connection has shown that the client may run commands. */
  ownLetIn(): void {
    this.byOwn = true;
  }

  ownEnded(): void {
    this.byOwn = false;
  }

  /** The client has joined a shared connection. */
  joined(): void {
    this.byOther = this.link.session.identity;
  }

  /** The client is no longer a member of any shared connection. */
  left(): void {
    this.byOther = undefined;
  }

  ask(): void {
    if (this.asksFor !== undefined) return;
    this.asksFor = this.link.session.identity;
    this.logins.ask(this.asksFor.credential, this);
  }

  /** The client is gone. */
  close(): void {
    this.isClosed = true;
    this.logins.withdraw(this);
  }

  isStillSilent(): void {
    if (this.link.bytes === 0 && !this.isClosed) this.ask();
  }

  vouched(open: boolean): void {
    const { asksFor, link } = this;
    const { session } = link;
    this.asksFor = undefined;
    if (!this.needsNoAnswer && asksFor?.credential === session.identity.credential) {
      if (session.isNew) session.vouched(open);
      else if (!open && !session.hasOwnUpstream) {
        link.turnAway(loginWanted());
        return;
      }
      this.byOther = open ? session.identity : undefined;
      if (open && !session.hasOwnUpstream) this.mayJoin();
    }
    link.flush();
  }

  notVouched(error: Error): void {
    const { asksFor, link } = this;
    const { session } = link;
    this.asksFor = undefined;
    if (this.needsNoAnswer || session.hasOwnUpstream || asksFor !== session.identity) link.flush();
    else link.turnAway(error);
  }

  /** An own connection has answered the question meanwhile; the client may even wait for a reply on a shared one. */
  private get needsNoAnswer(): boolean {
    return this.isClosed || this.isThere || !this.link.session.idle;
  }
}
