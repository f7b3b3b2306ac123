// One client socket, its upstream and the session between them: moves bytes, pauses readers for slow writers, and
// passes ends and errors on so that each side sees what it would see without a proxy. Never looks into bytes.
// The upstream is a connection of its own (session pooling), or what the session wants (command pooling): a
// connection that others share, or for a while one of its own, which is parked when it is not needed and ended when
// that lasts. Invariants: once closed, its own sockets are destroyed and the session is told, once; only a session
// that is owed nothing changes its upstream.
//
//   client FIN   ─▶ upstream FIN once all is forwarded    upstream FIN   ─▶ client closed once all is delivered
//   client error ─▶ upstream destroyed at once            upstream error ─▶ the same; reset if nothing waits
//   client idle  ─▶ closed, where limits.idleTimeout is   upstream unreachable ─▶ client reset
//   drain        ─▶ client FIN once all owed is delivered; what it sends later is read and dropped
import type { Socket } from 'node:net';
import { type Identity, ownGreeting } from '../../core/session/pooling/identity.js';
import { Place, Session, type SessionContext } from '../../core/session/session.js';
import type { ConsoleQuestion } from '../../core/session/state/console-question.js';
import { type AddedLatency, Way } from '../added-latency.js';
import type { BulkTurns } from '../bulk-turns.js';
import { HIGH_WATER_BYTES, readAccepted, resetSocket } from '../node/socket-reads.js';
import type { Turn, TurnEnder } from '../turn.js';
import { greet, loginWanted, Refused } from '../upstream/greet.js';
import type { Newcomer, VouchApplicant } from '../upstream/login-check.js';
import type { Member, SharedConnection } from '../upstream/shared-connection.js';
import type { Applicant } from '../upstream/shared-connection-set.js';
import type { UnreadReplies } from '../upstream/unread-replies.js';
import type { UpstreamPool } from '../upstream/upstream-pool.js';
import { connectUpstream, type UpstreamAddress, type UpstreamSocket } from '../upstream/upstream-socket.js';
import { WriteBatch } from '../write-batch.js';
import type { Arrival } from './entrance.js';

/** What one client has sent, for a list of those that send most. */
export interface ClientTraffic {
  /** host:port, or "unix". */
  readonly address: string;
  /** What it calls itself (CLIENT SETNAME, HELLO … SETNAME); '' if it doesn't. */
  readonly name: string;
  readonly bytes: number;
}

/** Bytes in this process's memory: the kernel has not taken them, or they may not go yet. */
export interface HeldBytes {
  readonly replies: number;
  readonly commands: number;
  readonly stalled: number;
}

/** Counted over all links. */
export interface LinkCounters {
  clientsTimedOut: number;
  /** Closed, since more waited for them than may (command pooling). */
  clientsTooSlow: number;
  /** Ended by a fault of Spillway's own. */
  clientsFailed: number;
  upstreamFailures: number;
  bytesFromClients: number;
  bytesToClients: number;
  bytesToUpstream: number;
  bytesFromUpstream: number;
}

export interface LinkEvents {
  /** The upstream could not be reached. */
  upstreamFailed(error: Error): void;
  /** A fault of Spillway's own ends a client. */
  failed(link: ClientLink, fault: unknown): void;
  /** The upstream has ended a connection, or broken it, unasked: the client is told of it by `then`. */
  upstreamEnded(then: () => void): void;
  closed(link: ClientLink): void;
}

/**
 * What may wait for a client that sends and does not read. Redis's replies stop at the high-water mark, since
 * Redis can keep them; Spillway's own can only be stopped by not reading the client, which one that sends all
 * before it reads would not survive: so that comes late.
 */
const UNREAD_REPLIES_BYTES = 16 * 1024 * 1024;
/** A client with so much unread stops sharing: Redis can keep the replies on a connection of its own. */
const UNREAD_SHARED_BYTES = 1024 * 1024;
/** With so much unread it holds the shared connection up, as far as the others can bear (lag-brake.ts). */
const UNREAD_HOLD_BYTES = 4 * 1024 * 1024;
/** A client that sends all before it reads may have so much unread. */
const UNREAD_STUCK_BYTES = 64 * 1024 * 1024;
/** What so much leads to is sent at once. */
const AT_ONCE_BYTES = 16 * 1024;
/** A connection of its own that a client has not needed for so long is ended. */
const PARKED_MS = 1000;
/** A client that takes nothing of what waits for it for so long, with its server gone, is given up. */
const FAREWELL_MS = 30_000;
/** So much of a client's name is shown. */
const SHOWN_NAME = 64;
/** After our end, so long a client may take to end, too: a close with bytes unread would reset what it has to read. */
const LINGER_MS = 500;

export interface LinkOptions {
  readonly upstream: UpstreamAddress;
  /** A client with nothing under way for so long is closed, milliseconds; 0: never. As Redis's `timeout`. */
  readonly idleTimeoutMs: number;
  readonly bulkTurns: BulkTurns;
  readonly turn: Turn;
  /** Answers a client's question to Spillway: resolves with complete replies, in any case and before long. */
  readonly onAsked: (question: ConsoleQuestion) => Promise<Uint8Array>;
  readonly added: AddedLatency;
  readonly unread: UnreadReplies<ClientLink>;
}

/** An upstream connection of the client's own. */
interface OwnUpstream {
  readonly socket: UpstreamSocket;
  readonly batch: WriteBatch;
  connected: boolean;
  /** Its greeting was answered: commands may go up. */
  greeted: boolean;
  /** The server has ended it. */
  ended: boolean;
}

export class ClientLink implements Member, Applicant, VouchApplicant, Newcomer, TurnEnder {
  /** Where the client comes from: its address, or what a PROXY header says. */
  readonly source: string;
  /** Bytes that the client has sent. */
  bytes = 0;
  private readonly client: Socket;
  /** Below TLS. */
  private readonly raw: Socket;
  private readonly session: Session;
  private readonly toClient: WriteBatch;
  private own: OwnUpstream | undefined;
  private parked: NodeJS.Timeout | undefined;
  /** Runs while it has a connection of its own for no more than the size of its replies. */
  private resting: NodeJS.Timeout | undefined;
  /** The shared connection that its commands go up, or went up last. */
  private shared: SharedConnection | undefined;
  /** Those that it is a member of: for what the server may put off, and for the rest. */
  private writesTo: SharedConnection | undefined;
  private readsFrom: SharedConnection | undefined;
  /** Whose identity the shared connections have, and that an applicant waits for one. */
  private sharedIdentity: Identity | undefined;
  private applying = false;
  private appliedFor: Identity | undefined;
  /**
   * Some connection has told what the client may do, and has stood ever since: one of its own, or a shared one that it is
   * a member of. Else a fresh one is asked (login-check.ts) before it shares: so its rights are never older than it is,
   * and end with the connection that it would have had.
   */
  private isVouched = false;
  private seeksVoucherFor: Identity | undefined;
  /** What was read last is still to be worked off. */
  private awaitsTurn = false;
  /** What it has to send goes at the end of the turn. */
  private endsTurn = false;
  /** It is in the list of those that got replies this time. */
  private isTouched = false;
  /** The server's replies have come since the last flush, and what was waiting for the client with the last of them. */
  private repliesToFlush = false;
  private unreadReplies = 0;
  private clientEnded = false;
  private isClosed = false;
  /** The server has said its last: only what is on its way to the client still counts. */
  private upstreamEnded = false;
  private draining = false;
  /** All that was owed is delivered, and our end sent. */
  private isDrained = false;
  /** The drain waits for the server to take what was sent without a reply being owed, and to end in turn. */
  private endsOwn = false;

  /** `pool`: command pooling; without it the client gets its own upstream connection at once. */
  constructor(
    { socket, raw, source }: Arrival,
    private readonly options: LinkOptions,
    context: SessionContext,
    private readonly counters: LinkCounters,
    private readonly events: LinkEvents,
    private readonly pool: UpstreamPool | undefined,
  ) {
    this.source = source;
    this.client = readAccepted(socket, (bytes, more) => {
      options.added.read(Way.REQUEST, this);
      if (more) this.waitForTurn();
      this.fromClient(bytes);
    });
    this.raw = socket === raw ? this.client : raw;
    this.toClient = new WriteBatch(this.client, () => this.clientDrained());
    if (pool === undefined) this.own = this.openOwn();
    this.session = new Session(context, this.toClient, this.own?.batch, this, (pausable) =>
      this.line(pausable),
    );
    this.wireClient(options.idleTimeoutMs);
    if (pool?.logins.admit(this)) this.seekVoucher();
  }

  /** The client waits: for its upstream's buffers, or for a reply that decides on its next command. */
  get paused(): boolean {
    return this.client.isPaused();
  }

  /** Bytes that wait here: replies for the client, commands for its own upstream, and commands that may not go yet. */
  get heldBytes(): HeldBytes {
    return {
      replies: this.toClient.waiting,
      commands: this.own?.batch.waiting ?? 0,
      stalled: this.session.heldBytes,
    };
  }

  describe(): ClientTraffic {
    const name = this.session.clientName.slice(0, SHOWN_NAME);
    return { address: this.source, name, bytes: this.bytes };
  }

  /** It has an upstream connection of its own that it needs now. */
  get pinned(): boolean {
    return this.own !== undefined && this.parked === undefined;
  }

  /** It has one that it does not need just now. */
  get hasParked(): boolean {
    return this.parked !== undefined;
  }

  /** It is a member of a shared connection, and has none of its own in use. */
  get sharing(): boolean {
    return this.sharesAny && !this.pinned;
  }

  /** Takes no further command, and ends the link as soon as nothing is under way on it. */
  drain(): void {
    this.draining = true;
    this.session.drain();
    this.flush();
    this.endIfDrained();
  }

  /** As in LinkOptions; what the client was silent for before that counts no more. */
  setIdleTimeout(idleTimeoutMs: number): void {
    // Of a client that is being waited for, the time runs already.
    if (!this.upstreamEnded && !this.isDrained && !this.isClosed) this.client.setTimeout(idleTimeoutMs);
  }

  /** Nobody listens at the server's address any more: a client that shares a connection is told as one with its own. */
  serverGone(): void {
    if (this.session.hasOwnUpstream || this.upstreamEnded) return;
    this.finish();
  }

  /** Ends the link at once; with `reset` so that the client sees a reset, not an orderly end. */
  close(reset = false): void {
    if (this.endsTurn) this.flush();
    if (this.isClosed) return;
    this.isClosed = true;
    this.session.close();
    // While its end is on its way libuv refuses to reset a socket, and Node then never gives back the descriptor.
    const ending = this.client.writableEnded && !this.client.writableFinished;
    if (reset && !ending) resetSocket(this.raw);
    this.client.destroy();
    this.endOwn();
    this.leaveShared();
    this.options.unread.set(this, 0);
    if (this.applying) this.pool?.withdraw(this);
    this.pool?.logins.withdraw(this);
    this.events.closed(this);
  }

  private wireClient(idleTimeoutMs: number): void {
    const { client } = this;
    client.on('end', () => {
      this.clientEnded = true;
      if (this.isDrained) this.close();
      if (this.upstreamEnded || this.isClosed) return;
      this.session.clientEnded();
      this.flush();
    });
    client.setTimeout(idleTimeoutMs);
    // Again and again: one that may not be closed now, a subscriber say, may be the next time.
    client.on('timeout', () => this.clientSilent());
    client.setNoDelay(true);
    const { keepAliveMs } = this.options.upstream;
    client.setKeepAlive(keepAliveMs > 0, keepAliveMs);
    client.on('error', () => this.close());
    client.on('close', () => this.close());
  }

  private clientDrained(): void {
    this.unreadReplies = 0;
    this.own?.socket.resume();
    this.options.unread.set(this, 0);
    this.shared?.release(this);
    this.readClient();
    if (this.draining) this.endIfDrained();
  }

  private fromClient(chunk: Buffer): void {
    if (this.upstreamEnded || this.endsOwn || this.isDrained || this.isClosed) return;
    this.bytes += chunk.length;
    this.counters.bytesFromClients += chunk.length;
    this.session.fromClient(chunk);
    this.flushSoon(this.urgency(chunk.length));
  }

  /** There is more where this came from: others have their turn first. */
  private waitForTurn(): void {
    this.awaitsTurn = true;
    this.client.pause();
    this.options.bulkTurns.enqueue(() => {
      this.awaitsTurn = false;
      this.readClient();
    });
  }

  private openOwn(): OwnUpstream {
    const { upstream } = this.options;
    const lastWords = (bytes: Buffer): void => {
      if (!own.greeted) socket.hear(bytes);
      else if (this.own === own) this.lastWords(bytes);
    };
    const socket = connectUpstream(upstream, lastWords, () => {
      own.connected = true;
    });
    const batch = new WriteBatch(socket, () => {
      this.readClient();
      if (this.draining) this.endIfDrained();
    });
    const own: OwnUpstream = { socket, batch, connected: false, greeted: false, ended: false };
    const greeting = this.pool === undefined ? [] : ownGreeting(this.session.identity);
    const greeted = (): void => {
      own.greeted = true;
      socket.listen((chunk) => this.fromOwn(chunk));
    };
    if (greeting.length === 0) greeted();
    else {
      greet(socket, greeting, (error) => {
        if (this.own !== own || this.isClosed) return;
        if (error === undefined) {
          greeted();
          this.flush();
        } else {
          this.upstreamFailed(error);
          this.turnAway(error);
        }
      });
    }
    socket.on('end', () => this.ownEnded(own));
    socket.on('error', (error) => {
      if (!own.connected) this.upstreamFailed(error);
      this.ownEnded(own, error);
    });
    return own;
  }

  private fromOwn(chunk: Buffer): void {
    // Parked it is asked nothing, so there is nothing that it could say to the client.
    if (this.parked !== undefined) {
      this.endOwn();
      return;
    }
    this.options.added.read(Way.REPLY, this);
    this.counters.bytesFromUpstream += chunk.length;
    this.repliesToFlush = true;
    this.session.fromUpstream(chunk);
    if (this.session.hasOtherRights) {
      this.endOwn();
      this.sayLast();
      return;
    }
    if (this.session.isLetIn) this.isVouched = true;
    if (this.session.mayRelease) this.parkOwn();
    else if (this.session.mayRest) this.restOwn();
    this.flushSoon(chunk.length);
  }

  private ownEnded(own: OwnUpstream, error?: Error): void {
    if (this.endsTurn) this.flush();
    if (this.own !== own || this.isClosed || own.ended) return;
    own.ended = true;
    if (this.endsOwn) {
      this.flush();
      return;
    }
    const told = (then: () => void): void => {
      const asked = this.clientEnded || this.session.quits || !own.connected;
      if (asked) then();
      else this.events.upstreamEnded(then);
    };
    if (this.parked !== undefined) {
      this.endOwn();
      // Its client was killed, say. One that has gone on elsewhere meanwhile goes on.
      const { bytes } = this;
      told(() => this.session.idle && this.bytes === bytes && this.finish());
      return;
    }
    const orderly =
      error === undefined || (own.connected && (this.toClient.waiting > 0 || this.upstreamEnded));
    this.upstreamEnded = true;
    told(() => (orderly ? this.finish() : this.close(true)));
  }

  private upstreamFailed(error: Error): void {
    this.counters.upstreamFailures++;
    this.events.upstreamFailed(error);
  }

  /** Gives the session what its next command wants, once all is answered that was asked before. */
  private provide(): void {
    const { session } = this;
    while (session.wants !== Place.NOWHERE && session.idle && !this.isClosed && !this.upstreamEnded) {
      if (!(session.wants === Place.OWN ? this.provideOwn() : this.provideShared())) return;
    }
  }

  private provideOwn(): boolean {
    const { session } = this;
    this.own ??= this.openOwn();
    if (!this.own.greeted) return false;
    clearTimeout(this.parked);
    this.parked = undefined;
    session.attach(this.own.batch);
    return true;
  }

  private provideShared(): boolean {
    const { session } = this;
    if (session.hasOwnUpstream) this.parkOwn();
    if (!this.isVouched || session.isNew) {
      this.seekVoucher();
      return false;
    }
    const line = this.apply(session.wantsPausable);
    if (line === undefined) return false;
    session.attachShared(line);
    return true;
  }

  /** Makes it a member of a shared connection, at once or when there is one. */
  private apply(pausable: boolean): SharedConnection | undefined {
    if (this.applying) return undefined;
    this.appliedFor = this.session.identity;
    const line = this.line(pausable, this);
    this.applying = line === undefined;
    return line;
  }

  /** The shared connection for its next command, nothing being owed; undefined: `applicant`, if there is one, will be told. */
  private line(pausable: boolean, applicant?: Applicant): SharedConnection | undefined {
    const { identity } = this.session;
    if (this.sharedIdentity !== identity) this.leaveShared();
    let line = pausable ? this.writesTo : this.readsFrom;
    if (line?.isOpen !== true) {
      const fresh = this.pool?.acquire(identity, pausable, applicant);
      if (fresh === undefined) return undefined;
      if (fresh !== line) this.join(fresh, pausable);
      line = fresh;
    }
    this.shared = line;
    return line;
  }

  granted(): void {
    if (this.isClosed) return;
    this.applying = false;
    const { session } = this;
    const waits = session.identity === this.appliedFor && session.wants === Place.NOWHERE;
    if (waits && !session.hasOwnUpstream && !this.sharesAny) this.apply(false);
    this.flush();
  }

  refused(error: Error): void {
    if (this.isClosed) return;
    this.applying = false;
    if (this.session.identity === this.appliedFor && !this.session.hasOwnUpstream) {
      this.upstreamFailed(error);
      this.turnAway(error);
    } else this.flush();
  }

  isStillSilent(): void {
    if (this.bytes === 0 && !this.isClosed) this.seekVoucher();
  }

  private seekVoucher(): void {
    if (this.pool === undefined || this.seeksVoucherFor !== undefined) return;
    this.seeksVoucherFor = this.session.identity;
    this.pool.logins.ask(this.seeksVoucherFor.credential, this);
  }

  vouched(open: boolean): void {
    const { session, seeksVoucherFor } = this;
    this.seeksVoucherFor = undefined;
    if (this.needsNoVoucher) {
      this.flush();
      return;
    }
    if (seeksVoucherFor?.credential === session.identity.credential) {
      if (session.isNew) session.vouched(open);
      else if (!open && !session.hasOwnUpstream) {
        this.upstreamFailed(loginWanted());
        this.turnAway(loginWanted());
        return;
      }
      this.isVouched = open;
      // One that is silent joins as well: so it is known when the connection is lost that it would have had.
      if (open && !session.hasOwnUpstream && session.wants === Place.NOWHERE) this.apply(false);
    }
    this.flush();
  }

  /** What it asked has been told meanwhile, by a connection of its own: it may even wait for a reply on a shared one. */
  private get needsNoVoucher(): boolean {
    return this.isClosed || (this.isVouched && !this.session.isNew) || !this.session.idle;
  }

  notVouched(error: Error): void {
    const identity = this.seeksVoucherFor;
    this.seeksVoucherFor = undefined;
    if (this.needsNoVoucher || this.session.hasOwnUpstream || identity !== this.session.identity) {
      this.flush();
      return;
    }
    this.upstreamFailed(error);
    this.turnAway(error);
  }

  /** There is no connection for its next command: it gets the server's words, if there are any, and the end. */
  private turnAway(error: Error): void {
    if (!(error instanceof Refused)) {
      this.close(true);
      return;
    }
    this.toClient.write(error.words, 0, error.words.length);
    this.endOwn();
    this.sayLast();
  }

  private sayLast(): void {
    this.toClient.flush();
    this.counters.bytesToClients += this.toClient.takeBytes();
    this.finish();
  }

  get taken(): number {
    return this.session.taken;
  }

  takeShared(buf: Uint8Array, at: number, end: number, most: number): number {
    if (!this.isTouched) {
      this.isTouched = true;
      this.shared?.touch(this);
    }
    return this.session.takeShared(buf, at, end, most);
  }

  cutShared(): void {
    this.session.cutShared();
  }

  failShared(count: number, error: Uint8Array): void {
    this.session.failShared(count, error);
  }

  repliesCame(bytes: number): void {
    this.isTouched = false;
    this.repliesToFlush = true;
    if (!this.isClosed) this.flushSoon(this.urgency(bytes));
  }

  upstreamDrained(): void {
    this.readClient();
  }

  upstreamLost(shared: SharedConnection, cut: boolean): void {
    if (this.writesTo === shared) this.writesTo = undefined;
    if (this.readsFrom === shared) this.readsFrom = undefined;
    if (this.shared === shared) {
      this.shared = undefined;
      this.isTouched = false;
    }
    if (!this.sharesAny) {
      this.sharedIdentity = undefined;
      this.isVouched = false;
    }
    this.session.detachShared(shared);
    if (this.isClosed) return;
    if (cut) this.close(true);
    else this.flush();
  }

  upstreamReplaced(shared: SharedConnection, heir: SharedConnection): void {
    if (this.writesTo === shared) this.writesTo = heir;
    if (this.readsFrom === shared) this.readsFrom = heir;
    if (this.shared === shared) this.shared = undefined;
    this.session.detachShared(shared);
    this.flush();
  }

  private get sharesAny(): boolean {
    return this.writesTo !== undefined || this.readsFrom !== undefined;
  }

  private join(shared: SharedConnection, pausable: boolean): void {
    const before = pausable ? this.writesTo : this.readsFrom;
    if (pausable) this.writesTo = shared;
    else this.readsFrom = shared;
    this.leave(before);
    this.sharedIdentity = this.session.identity;
    shared.members.add(this);
  }

  private leaveShared(): void {
    const { writesTo, readsFrom } = this;
    this.writesTo = undefined;
    this.readsFrom = undefined;
    this.shared = undefined;
    this.sharedIdentity = undefined;
    this.leave(writesTo);
    this.leave(readsFrom);
  }

  private leave(shared: SharedConnection | undefined): void {
    // It may serve for both, where another one cannot be had.
    if (shared === undefined || shared === this.writesTo || shared === this.readsFrom) return;
    shared.release(this);
    shared.members.delete(this);
    this.pool?.left(shared);
  }

  /** Keeps the client's own connection for a while, in case it is needed again. */
  private parkOwn(): void {
    this.session.detach();
    clearTimeout(this.parked);
    this.parked = setTimeout(() => this.endOwn(), PARKED_MS).unref();
  }

  /** Ends the client's own connection if it is silent for a while: its next command gets another one. */
  private restOwn(): void {
    this.resting ??= setTimeout(() => {
      if (!this.session.mayRest) return;
      this.session.detach();
      this.endOwn();
    }, PARKED_MS).unref();
    this.resting.refresh();
  }

  private endOwn(): void {
    clearTimeout(this.parked);
    clearTimeout(this.resting);
    this.parked = undefined;
    this.resting = undefined;
    this.own?.socket.destroy();
    this.own = undefined;
    if (this.sharedIdentity !== this.session.identity) this.isVouched = false;
  }

  /** What a server that closed had said before, found when a write to it failed. */
  private lastWords(bytes: Buffer): void {
    if (this.isClosed) return;
    this.counters.bytesFromUpstream += bytes.length;
    this.session.fromUpstream(bytes);
    this.toClient.flush();
    this.counters.bytesToClients += this.toClient.takeBytes();
    this.upstreamEnded = true;
  }

  private clientSilent(): void {
    if (!this.upstreamEnded) {
      if (!this.session.mayTimeOut || (this.own !== undefined && this.own.batch.waiting > 0)) return;
      this.counters.clientsTimedOut++;
    }
    this.close();
  }

  /** Delivers what waits for the client, then closes. */
  private finish(): void {
    this.upstreamEnded = true;
    if (this.endsTurn) this.flush();
    if (this.isClosed) return;
    this.client.setTimeout(FAREWELL_MS);
    this.client.destroySoon();
  }

  endTurn(): void {
    if (this.endsTurn) this.flush();
  }

  private ask(question: ConsoleQuestion): void {
    void this.options.onAsked(question).then((reply) => {
      if (this.isClosed || this.upstreamEnded) return;
      this.session.answer(question, reply);
      this.flush();
    });
  }

  /** A fault is seen to at once: nobody may send anything behind half a command. */
  private urgency(bytes: number): number {
    return this.session.fault === undefined ? bytes : AT_ONCE_BYTES;
  }

  /** Sends what came of `bytes`: of a few at the end of the turn, of many at once, so that it does not pile up. */
  private flushSoon(bytes: number): void {
    if (bytes >= AT_ONCE_BYTES) this.flush();
    else if (!this.endsTurn) {
      this.endsTurn = true;
      this.options.turn.add(this);
    }
  }

  private flush(): void {
    this.endsTurn = false;
    if (this.isClosed) return;
    if (this.session.wants !== Place.NOWHERE) this.provide();
    if (this.session.fault !== undefined) {
      this.fail(this.session.fault);
      return;
    }
    const question = this.session.takeQuestion();
    if (question !== undefined) this.ask(question);
    const clientKeepsUp = this.toClient.flush();
    if (this.repliesToFlush) {
      this.repliesToFlush = false;
      this.unreadReplies = this.toClient.waiting;
    }
    this.counters.bytesToClients += this.toClient.takeBytes();
    if (this.own !== undefined) {
      this.own.batch.flush();
      this.counters.bytesToUpstream += this.own.batch.takeBytes();
    }
    this.shared?.flushSoon();
    if (this.options.added.timing) this.measureAdded();
    if (!clientKeepsUp) this.clientLags();
    if (this.upstreamEnded || this.isClosed) return;
    if (this.mayReadClient) this.readClient();
    else this.client.pause();
    this.endUpstreamIfDone();
    if (this.draining) this.endIfDrained();
  }

  private fail(fault: unknown): void {
    this.counters.clientsFailed++;
    this.events.failed(this, fault);
    const { shared } = this;
    this.close(true);
    if (this.session.spoilsShared) shared?.giveUp(fault);
  }

  /** Both ways are sent, but what goes by a shared connection, which sends it at the end of the turn. */
  private measureAdded(): void {
    const { added } = this.options;
    added.sent(Way.REPLY, this);
    if (this.shared !== undefined && !this.session.hasOwnUpstream) added.pass(Way.REQUEST, this, this.shared);
    else added.sent(Way.REQUEST, this);
  }

  /** The client does not read as fast as the server answers. */
  private clientLags(): void {
    if (this.own?.greeted) {
      if (this.isStuck) this.own.socket.resume();
      else this.own.socket.pause();
    }
    const unread = this.toClient.waiting;
    if (!this.sharesAny || unread < UNREAD_SHARED_BYTES) return;
    this.session.stopSharing();
    // Only what is still to come can be held up.
    const owed = !this.session.hasOwnUpstream && !this.session.idle;
    if (!owed) this.shared?.release(this);
    else if (unread >= UNREAD_HOLD_BYTES) this.shared?.hold(this);
    if (this.options.unread.set(this, unread)) return;
    const most = this.options.unread.most();
    if (most === undefined) return;
    this.counters.clientsTooSlow++;
    most.close(true);
  }

  /**
   * It waits for what its server answers, and sends more than may wait meanwhile. One that reads only when it has sent all
   * would wait for ever if its server were not read.
   */
  private get isStuck(): boolean {
    return (
      this.session.stalled &&
      this.session.heldBytes >= HIGH_WATER_BYTES &&
      this.toClient.waiting < UNREAD_STUCK_BYTES
    );
  }

  /** A stalled client is still read, for a while: its end would not be seen otherwise. */
  private get mayReadClient(): boolean {
    return (
      !this.awaitsTurn &&
      (!this.session.stalled || this.session.heldBytes < HIGH_WATER_BYTES) &&
      !this.upstreamNeedsDrain &&
      this.toClient.waiting < this.unreadReplies + UNREAD_REPLIES_BYTES
    );
  }

  private get upstreamNeedsDrain(): boolean {
    if (this.session.hasOwnUpstream) return this.own?.batch.needsDrain === true;
    return this.shared?.needsDrain === true;
  }

  private readClient(): void {
    if (this.client.isPaused() && this.mayReadClient) this.client.resume();
  }

  private endUpstreamIfDone(): void {
    if (!this.clientEnded || this.session.stalled) return;
    if (!this.session.hasOwnUpstream) {
      if (this.session.idle) this.finish();
    } else if (this.own?.socket.writableEnded === false) this.own.socket.end();
  }

  /**
   * The client's own connection may still carry what nothing is owed for: commands under CLIENT REPLY OFF, or bytes that
   * pass unread. The server takes them before it ends, as it does when a client that is served directly ends.
   */
  private get ownIsTaking(): boolean {
    const { own } = this;
    if (own === undefined || own.ended || !this.session.hasOwnUpstream) return false;
    if (!this.endsOwn && own.batch.waiting === 0 && !this.session.unanswered) return false;
    if (!own.connected) return true;
    this.endsOwn = true;
    if (!own.socket.writableEnded) own.socket.end();
    return true;
  }

  private endIfDrained(): void {
    if (this.isDrained || !this.session.idle || this.ownIsTaking || this.toClient.waiting > 0) return;
    this.isDrained = true;
    this.endOwn();
    this.leaveShared();
    this.client.end();
    this.client.resume();
    this.client.setTimeout(0);
    setTimeout(() => this.close(), LINGER_MS).unref();
  }
}
