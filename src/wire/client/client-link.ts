// One client: wires its socket (client-socket.ts), its session and its upstream (client-upstream.ts). It is long because the
// events of all three meet here. Moves bytes, stops reading one side while the other is slow (back-pressure.ts), and passes
// ends and errors on, so that each side sees what it would see without a proxy. Never looks into bytes.
// Invariants: flush() runs after each call into the session, at once or at the end of the turn (session.ts says why the link
// asks); a closed link has destroyed its sockets and told its session, once.
//
//   client FIN   ─▶ upstream FIN once all is forwarded    upstream FIN   ─▶ client closed once all is delivered
//   client error ─▶ upstream destroyed at once            upstream error ─▶ the same; reset if nothing waits
//   client idle  ─▶ closed, where limits.idleTimeout is   upstream unreachable ─▶ client reset; closed if it had replies
//   drain        ─▶ client FIN once all owed is delivered; what it sends later is read and dropped
import { NOWHERE } from '../../core/session/byte-sink.js';
import { Place } from '../../core/session/pooling/placement.js';
import { Session } from '../../core/session/session.js';
import type { SessionContext } from '../../core/session/session-context.js';
import type { ConsoleQuestion } from '../../core/session/state/console-question.js';
import { Way } from '../added-latency.js';
import type { TurnEnder } from '../turn.js';
import { ClientUpstream, type ClientUpstreamUser } from '../upstream/client-upstream.js';
import { Refused } from '../upstream/greet.js';
import type { UpstreamPool } from '../upstream/upstream-pool.js';
import { BackPressure } from './back-pressure.js';
import { ClientSocket, type ClientSocketUser } from './client-socket.js';
import type { Arrival } from './entrance.js';
import type { ClientTraffic, HeldBytes, LinkEvents, LinkOptions } from './link-options.js';
import { QuestionLimit } from './question-limit.js';

/** Spillway sends the result of a read of this size or more at once. */
const AT_ONCE_BYTES = 16 * 1024;
/** The most characters of a client's name that are shown. */
const SHOWN_NAME = 64;

export class ClientLink implements ClientSocketUser, ClientUpstreamUser, TurnEnder {
  /** Where the client comes from: its socket's address, or the one in the PROXY header. */
  readonly source: string;
  /** Bytes that the client has sent. */
  bytes = 0;
  readonly session: Session;
  private readonly client: ClientSocket;
  readonly upstream: ClientUpstream;
  private readonly pressure: BackPressure<ClientLink>;
  private readonly questions = new QuestionLimit(() => this.questionOver());
  /** What the link has to send goes at the end of the turn. */
  private endsTurn = false;
  private isClosed = false;
  /** The server has ended: only what is on its way to the client still counts. */
  private upstreamEnded = false;
  private draining = false;
  /** Everything that was owed is delivered, and Spillway's FIN is sent. */
  private isDrained = false;

  /** `pool`: command pooling; without it the client gets its own upstream connection at once. */
  constructor(
    arrival: Arrival,
    private readonly options: LinkOptions<ClientLink>,
    context: SessionContext,
    private readonly events: LinkEvents<ClientLink>,
    pool: UpstreamPool | undefined,
  ) {
    this.source = arrival.source;
    this.client = new ClientSocket(arrival, options, this);
    this.upstream = new ClientUpstream(options, this, pool);
    const { own, seat } = this.upstream;
    const toServer = own?.batch ?? (seat === undefined ? NOWHERE : undefined);
    this.session = new Session(context, this.client.batch, toServer, seat, (pausable) =>
      seat?.find(pausable),
    );
    this.pressure = new BackPressure(this, this.client, this.session, this.upstream, options);
    if (options.upstream.following?.isPaused) this.session.pause();
    this.upstream.come();
  }

  /** Whether the client waits: for its upstream's buffers, or for a reply that decides about its next command. */
  get paused(): boolean {
    return this.client.isPaused;
  }

  get hasParked(): boolean {
    return this.upstream.hasParked;
  }

  /** Bytes that wait here: replies for the client, commands for its own upstream, and commands that may not go up yet. */
  get heldBytes(): HeldBytes {
    return {
      replies: this.client.waiting,
      commands: this.upstream.own?.batch.waiting ?? 0,
      stalled: this.session.heldBytes,
    };
  }

  describe(): ClientTraffic {
    const name = this.session.clientName.slice(0, SHOWN_NAME);
    return { address: this.source, name, bytes: this.bytes };
  }

  get isOver(): boolean {
    return this.isClosed || this.upstreamEnded;
  }

  /**
   * A number that changes whenever the own upstream connection sends or receives something; undefined without such a
   * connection, or while the client does not read.
   */
  get ownProgress(): number | undefined {
    const { own } = this.upstream;
    if (own === undefined || this.client.waiting > 0) return undefined;
    return own.heardBytes - own.batch.waiting;
  }

  /** Takes no further command, and ends the link as soon as nothing is under way on it. */
  drain(): void {
    this.draining = true;
    this.session.drain();
    this.flush();
    this.endIfDrained();
  }

  /** Accepts no new command for now; with `all`, nothing more goes up. */
  pause(all: boolean): void {
    if (this.isOver) return;
    this.session.pause(all);
    if (this.client.hasEnded && this.upstream.isComing) this.session.clientEnded();
  }

  /** The pause is over. */
  resume(): void {
    if (this.isOver) return;
    if (!this.upstream.isComing) this.session.unpause();
    this.upstream.goOn();
    this.flush();
  }

  /** The client waits for the end of a pause. */
  get isHeldUp(): boolean {
    return !this.isOver && this.session.stalled && this.session.heldBytes > 0;
  }

  /** The primary has moved: cuts the client's own connection. */
  moved(): void {
    if (!this.isOver) this.upstream.moved();
  }

  /** No server will come: the client need not wait. */
  serverLost(error: Uint8Array): void {
    if (this.isOver) return;
    const { session } = this;
    if (session.owes) {
      this.giveUp();
      return;
    }
    if (this.isHeldUp && !session.unanswered) this.client.batch.write(error, 0, error.length);
    this.sayLast();
  }

  ownCut(): void {
    const { owes } = this.session;
    this.upstreamEnded = true;
    if (owes && this.client.waiting === 0) this.close(true);
    else this.finish();
  }

  /** As in LinkOptions. The client's silence until now does not count. */
  setIdleTimeout(idleTimeoutMs: number): void {
    // For a client that Spillway waits for, the time is already running.
    if (!this.isOver && !this.isDrained) this.client.setIdleTimeout(idleTimeoutMs);
  }

  /** The server refuses connections: a client that shares a connection ends, as one with an own connection does. */
  serverGone(): void {
    if (this.session.hasOwnUpstream || this.upstreamEnded) return;
    this.finish();
  }

  /** Ends the link at once. With `reset` the client sees a reset instead of an orderly end. */
  close(reset = false): void {
    this.endTurn();
    if (this.isClosed) return;
    this.isClosed = true;
    this.session.close();
    this.client.destroy(reset);
    this.upstream.close();
    this.pressure.close();
    this.questions.close();
    this.events.closed(this);
  }

  fromClient(chunk: Buffer): void {
    if (this.isOver || this.isDrained || this.upstream.own?.isEnding) return;
    this.bytes += chunk.length;
    this.options.counters.bytesFromClients += chunk.length;
    this.session.fromClient(chunk);
    this.flushSoon(this.urgency(chunk.length));
  }

  clientHasItsTurn(): void {
    // After Spillway's FIN, what the client still sends is read and dropped: unread bytes would reset the connection.
    if (this.isDrained) this.client.resume();
    else this.pressure.readClient();
  }

  clientEnded(): void {
    if (this.isDrained) this.close();
    if (this.isOver) return;
    // While its connection is only being made, what it has sent goes up once that is there.
    const { following } = this.options.upstream;
    if (!this.upstream.isComing || following?.isPaused === true) this.session.clientEnded();
    this.flush();
    if (!this.isOver) this.events.clientEnded(this);
  }

  clientSilent(): void {
    if (!this.upstreamEnded) {
      // A client that is not read may well have sent something.
      if (!this.session.mayTimeOut || this.heldBytes.commands > 0 || this.client.isPaused) return;
      this.options.counters.clientsTimedOut++;
    }
    this.close();
  }

  clientDrained(): void {
    this.pressure.clientDrained();
    if (this.draining) this.endIfDrained();
  }

  fromOwn(chunk: Buffer): void {
    this.options.added.read(Way.REPLY, this);
    this.options.counters.bytesFromUpstream += chunk.length;
    this.client.hasReplies = true;
    this.session.fromUpstream(chunk);
    if (this.session.hasOtherRights) this.sayLast();
    else {
      this.upstream.answered();
      this.flushSoon(chunk.length);
    }
  }

  lastWords(bytes: Buffer): void {
    if (this.isClosed) return;
    this.options.counters.bytesFromUpstream += bytes.length;
    this.session.fromUpstream(bytes);
    this.client.flush();
    this.upstreamEnded = true;
  }

  ownEnded(parked: boolean, isConnected: boolean, error: Error | undefined): void {
    const told = (then: () => void): void => {
      if (this.client.hasEnded || this.session.quits || !isConnected) then();
      else this.events.upstreamEnded(then);
    };
    if (parked) {
      // Its client was killed, for example. A client that meanwhile continues elsewhere goes on.
      const { bytes } = this;
      told(() => this.session.idle && this.bytes === bytes && this.finish());
      return;
    }
    const orderly = error === undefined || (isConnected && (this.client.waiting > 0 || this.upstreamEnded));
    this.upstreamEnded = true;
    told(() => {
      if (orderly) this.finish();
      else if (isConnected) this.close(true);
      else this.giveUp();
    });
  }

  upstreamFailed(error: Error): void {
    this.options.counters.upstreamFailures++;
    this.events.upstreamFailed(error);
  }

  upstreamDrained(): void {
    this.pressure.readClient();
    if (this.draining) this.endIfDrained();
  }

  repliesCame(bytes: number): void {
    this.client.hasReplies = true;
    if (!this.isClosed) this.flushSoon(this.urgency(bytes));
  }

  /** Sends the client the server's last words, if any, and the end. */
  turnAway(error: Error): void {
    this.upstreamFailed(error);
    if (!(error instanceof Refused)) {
      this.giveUp();
      return;
    }
    this.client.batch.write(error.words, 0, error.words.length);
    this.sayLast();
  }

  endTurn(): void {
    if (this.endsTurn) this.flush();
  }

  flush(): void {
    this.endsTurn = false;
    if (this.isClosed) return;
    const { session } = this;
    if (session.wants !== Place.NOWHERE) this.upstream.provide();
    if (session.fault !== undefined) {
      this.fail(session.fault);
      return;
    }
    const question = session.takeQuestion();
    if (question !== undefined) this.ask(question);
    this.questions.watch(session.waitingQuestion);
    const clientKeepsUp = this.client.flush();
    this.upstream.flush();
    if (this.options.added.timing) this.upstream.sent(this.options.added);
    if (!clientKeepsUp) this.pressure.clientLags();
    if (this.isOver) return;
    this.pressure.settle();
    this.endUpstreamIfDone();
    if (this.draining) this.endIfDrained();
  }

  /**
   * Sends what came of `bytes`: after a small read at the end of the turn; after a large one at once, so that bytes do not pile
   * up.
   */
  private flushSoon(bytes: number): void {
    if (bytes >= AT_ONCE_BYTES) this.flush();
    else if (!this.endsTurn) {
      this.endsTurn = true;
      this.options.turn.add(this);
    }
  }

  /** Handles a fault at once: nobody may send anything after half a command. */
  private urgency(bytes: number): number {
    return this.session.fault === undefined ? bytes : AT_ONCE_BYTES;
  }

  private ask(question: ConsoleQuestion): void {
    void this.options.onAsked(question).then((reply) => {
      if (this.isOver) return;
      this.session.answer(question, reply);
      this.flush();
    });
  }

  private questionOver(): void {
    this.session.giveUpQuestion();
    this.flush();
  }

  private fail(fault: unknown): void {
    this.options.counters.clientsFailed++;
    this.events.failed(this, fault);
    const connection = this.upstream.seat?.connection;
    this.close(true);
    if (this.session.spoilsShared) connection?.giveUp(fault);
  }

  private endUpstreamIfDone(): void {
    if (!this.client.hasEnded || this.session.stalled) return;
    const { own } = this.upstream;
    if (this.session.hasOwnUpstream && own !== undefined) own.finish();
    else if (this.session.idle) this.finish();
  }

  /**
   * There is no connection for the client. A reset says so; but it would destroy replies that are on their way to the client,
   * also those that only the kernel has. So a client that has got replies before sees an orderly end.
   */
  private giveUp(): void {
    this.endTurn();
    if (this.client.isAnswered) this.finish();
    else this.close(true);
  }

  private sayLast(): void {
    this.upstream.endOwn();
    this.client.flush();
    this.finish();
  }

  /** Delivers what waits for the client, then closes. */
  private finish(): void {
    this.upstreamEnded = true;
    this.endTurn();
    if (!this.isClosed) this.client.finish();
  }

  private endIfDrained(): void {
    const { session, upstream, client } = this;
    if (this.isDrained || !session.isDrained || upstream.isTaking || client.waiting > 0) return;
    this.isDrained = true;
    upstream.leave();
    client.linger();
  }
}
