// The state of one client's connection as far as replies and refusals depend on it: MULTI, CLIENT REPLY, what
// binds the next command, authentication, and when to stop understanding. The server has the truth; this is
// what Spillway must know of it, and where it cannot know it waits for the reply, or turns to passing bytes.
// It is long since each command with a role, and each reply that tells something, has its few lines here.
//
//            MULTI            EXEC, DISCARD, RESET
//   plain ──────────▶ inMulti ────────────────────▶ plain
//      │  CLIENT REPLY OFF            CLIENT REPLY ON │
//      └──────────▶ (check) ──▶ silent ───────────────┘
//   any ── MONITOR, SYNC, SUBSCRIBE in MULTI, bad bytes ──▶ raw, for good
import { type CommandSpec, ConnectionRole } from '../../commands/spec.js';
import type { FollowUpReply, TrafficObserver } from '../../policy/observer.js';
import { equalsIgnoreCase } from '../../resp/bytes.js';
import { encodeCommand } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import type { ByteSink } from '../byte-sink.js';
import { type Hold, nameGiven, Standing } from '../pooling/hold.js';
import { HELLO, HELLO_3 } from '../pooling/identity.js';
import { Pending, Refusal } from '../reply/pending-kind.js';
import { ReplySequencer } from '../reply/reply-sequencer.js';
import { Kind } from '../reply/subscriptions.js';
import { Auth, type ReplyListener } from '../reply/upstream-state.js';
import { type FollowUpForm, FollowUps } from '../request/follow-ups.js';
import type { Intake } from '../request/intake.js';
import type { UpstreamWriter } from '../request/upstream-writer.js';
import { ConsoleProbe } from './console-probe.js';
import { ReplySilence } from './reply-silence.js';
import { Transaction } from './transaction.js';

const ECHO = encodeCommand('ECHO', '');
/** What a command of such a role is about. */
const SUBSCRIBED: Partial<Record<ConnectionRole, Kind>> = {
  [ConnectionRole.SUBSCRIBE]: Kind.CHANNEL,
  [ConnectionRole.UNSUBSCRIBE]: Kind.CHANNEL,
  [ConnectionRole.PSUBSCRIBE]: Kind.PATTERN,
  [ConnectionRole.PUNSUBSCRIBE]: Kind.PATTERN,
  [ConnectionRole.SSUBSCRIBE]: Kind.SHARD,
  [ConnectionRole.SUNSUBSCRIBE]: Kind.SHARD,
};
/** Refused by every server, queued by none: module commands may have any arity, this one has not. */
const BARE_GET = encodeCommand('GET');

export class ProtocolState implements ReplyListener {
  readonly replies: ReplySequencer;
  readonly followUps: FollowUps;
  readonly console: ConsoleProbe;
  private readonly transaction: Transaction;
  private readonly silence: ReplySilence;
  /** What the client calls itself, '' if it doesn't. For people: whether the server took it is not looked at. */
  name = '';
  /** It has asked the server to end the connection. */
  quits = false;
  /**
   * The connection that was made for the client has fewer rights than that which it would have had since it came: the
   * default user has got a password meanwhile. It must go on on neither.
   */
  hasOtherRights = false;
  /** The hold wants to know how the command under scan is answered. */
  private telling = false;
  /** ASKING or CLIENT CACHING speaks of the next command: the server must see it. */
  private bindsNext = false;
  /** ASKING was the command before the one now forwarded. */
  private asking = false;

  constructor(
    readonly upstream: UpstreamWriter,
    client: ByteSink,
    private readonly args: RequestScanner,
    private readonly intake: Intake,
    private readonly observer: TrafficObserver,
    form: FollowUpForm,
    /** What ties the client to this connection, where it may also do without one of its own. */
    private readonly hold: Hold | undefined,
  ) {
    this.replies = new ReplySequencer(client, this);
    this.silence = new ReplySilence(upstream, intake, this.replies);
    this.followUps = new FollowUps(upstream, this.replies, this.silence, observer, form);
    this.transaction = new Transaction(this.followUps, upstream);
    this.console = new ConsoleProbe(upstream, args);
  }

  /** The command under scan is forwarded and answered as `kind` says, unless the client asked for silence. */
  forwarded(kind: Pending = Pending.PASS, detail = 0, count = 1): void {
    const { telling } = this;
    this.bindsNext = false;
    if (this.asking || this.followUps.asked) this.noteAsking();
    this.telling = false;
    if (this.silence.takes()) return;
    this.replies.owe(telling && kind === Pending.PASS ? Pending.STATE : kind, detail, count);
  }

  /** ASKING holds for the next command; in a transaction it lasts up to EXEC (networking.c, resetClient). */
  private noteAsking(): void {
    this.followUps.asked = this.asking || (this.inMulti && this.followUps.asked);
    this.asking = false;
  }

  /** The command under scan is about to go up the client's own connection; `spec` undefined: an unknown one. */
  note(spec: CommandSpec | undefined): void {
    if (this.hold !== undefined) this.telling = this.hold.note(spec, this.args, this.inMulti);
  }

  get inMulti(): boolean {
    return this.transaction.open;
  }

  /** Whether there is a transaction depends on a reply that is on its way. */
  get multiUnanswered(): boolean {
    return this.inMulti && !this.replies.idle;
  }

  /** Whether the client needs the connection that it has: not just any of the same identity. */
  get held(): boolean {
    return (
      this.hold === undefined ||
      this.hold.any ||
      this.inMulti ||
      this.bindsNext ||
      this.silence.any ||
      this.followUps.anyWaiting ||
      this.intake.raw ||
      this.args.midStream ||
      this.replies.raw ||
      this.replies.upstream.subscribed
    );
  }

  /** Nothing tells when the server has run what goes up. */
  get unanswered(): boolean {
    return this.silence.any || this.intake.raw || this.replies.raw;
  }

  /**
   * An empty command uses CLIENT REPLY SKIP up (networking.c, resetClient), but not since Redis 8: whether the next one is
   * answered cannot be known.
   */
  empty(): void {
    if (this.silence.skipNext) this.goRaw();
  }

  /** Takes a command with a connection role, whole or at the end of its streaming. */
  command(spec: CommandSpec): void {
    const { argc } = this.args;
    switch (spec.role) {
      case ConnectionRole.MULTI:
        this.multi();
        break;
      case ConnectionRole.EXEC:
        this.exec();
        break;
      case ConnectionRole.DISCARD:
        this.transaction.end();
        this.forwarded();
        break;
      case ConnectionRole.SUBSCRIBE:
      case ConnectionRole.PSUBSCRIBE:
      case ConnectionRole.SSUBSCRIBE:
        this.subscription(Pending.SUBSCRIPTION, spec.role, argc - 1);
        break;
      case ConnectionRole.UNSUBSCRIBE:
      case ConnectionRole.PUNSUBSCRIBE:
      case ConnectionRole.SUNSUBSCRIBE:
        if (argc > 1) this.subscription(Pending.SUBSCRIPTION, spec.role, argc - 1);
        else this.subscription(Pending.UNSUBSCRIBE_ALL, spec.role, 1);
        break;
      case ConnectionRole.HELLO:
        this.named(spec.role);
        // Whether messages come as pushes or as arrays from then on would not be known.
        if (this.silence.any && this.replies.upstream.subscribed) this.goRaw();
        else this.opaqueInMulti(Pending.HELLO);
        break;
      case ConnectionRole.AUTH:
        this.opaqueInMulti(Pending.AUTH);
        break;
      case ConnectionRole.RESET:
        this.reset();
        break;
      case ConnectionRole.CLIENT:
        this.named(spec.role);
        this.client();
        break;
      case ConnectionRole.SELECT:
        // What waits was written to the database selected before; EXEC ends in another one.
        if (this.inMulti) this.followUps.fail();
        this.forwarded();
        break;
      case ConnectionRole.MONITOR:
        this.monitor();
        break;
      case ConnectionRole.REPLICATION:
        this.goRaw();
        break;
      case ConnectionRole.QUIT:
        // The server reads no further, so nothing may be answered in its place.
        this.forwarded();
        this.goRaw();
        this.quits = true;
        break;
      case ConnectionRole.ASKING:
        this.forwarded();
        this.bindsNext = true;
        this.asking = !this.inMulti;
        break;
      case ConnectionRole.WAIT:
        this.wait();
        break;
      case ConnectionRole.CONSOLE:
        this.question();
        break;
      default:
        this.forwarded();
    }
  }

  /** From here on bytes pass both ways as they come. */
  goRaw(): void {
    this.intake.raw = true;
    this.followUps.fail();
    this.replies.owe(Pending.RAW);
  }

  /**
   * Whether a command may be refused here at all: Redis would answer NOAUTH before OOM. Undefined: a reply that
   * tells is on its way, wait for it.
   */
  mayRefuse(): boolean | undefined {
    if (this.replies.upstream.auth === Auth.YES) return true;
    if (!this.replies.idle) return undefined;
    if (this.replies.upstream.auth === Auth.NO) return false;
    // A HELLO that switched would have told, so it is RESP2 still, unless it was greeted by RESP3 (command pooling).
    // PING may be forbidden, and would be logged as denied.
    const { command } = this.hold?.identity.resp === 3 ? HELLO_3 : HELLO;
    this.upstream.insertBefore(command);
    this.replies.owe(Pending.AUTH_PROBE);
    return undefined;
  }

  /**
   * Answers the command under scan, of which nothing was forwarded, with OOM. Where the server must know of it
   * (MULTI, or something bound to this command), it gets a GET without a key, which it refuses for its arity; that
   * refusal then carries the OOM text.
   */
  refuse(): void {
    if (this.inMulti || this.bindsNext || this.silence.skipNext) {
      this.upstream.insertBehind(BARE_GET);
      this.forwarded(Pending.REFUSAL);
    } else if (!this.silence.off) {
      this.replies.owe(Pending.LOCAL_OOM);
    }
  }

  /** Gives key[start, end) a TTL if it has none, behind the command just forwarded. */
  followUp(slot: number, key: Uint8Array, start: number, end: number, ttlMs: number): void {
    if (this.inMulti) {
      this.followUps.defer(slot, key, start, end, ttlMs);
      return;
    }
    this.followUps.send(slot, key, start, end, ttlMs);
  }

  /** A large command has gone up whole: what waited for that is due, unless EXEC is still to come. */
  largeWritten(): void {
    if (!this.inMulti) this.followUps.sendWaiting();
  }

  followUpAnswered(slot: number, reply: FollowUpReply): void {
    this.followUps.answered(slot, reply);
  }

  multiRefused(transaction: number): void {
    // What it watches is watched on.
    this.hold?.holdForGood();
    this.transaction.refused(transaction);
  }

  execAnswered(executed: boolean): void {
    this.transaction.answered(executed);
  }

  replyCheckAnswered(silent: boolean): void {
    this.silence.checked(silent);
  }

  stateAnswered(kind: Pending, taken: boolean): void {
    // HELLO or AUTH: rights may be others now.
    if (taken && kind !== Pending.STATE) this.followUps.userChanged();
    this.hold?.answered(taken);
  }

  consoleAllowed(number: number, resp: 2 | 3): void {
    this.console.allowed(number, resp);
  }

  letIn(): void {
    const { hold } = this;
    if (hold === undefined || hold.loggedIn) return;
    if (hold.standing === Standing.UNKNOWN) hold.standing = Standing.OPEN;
  }

  loginWanted(): void {
    const { hold } = this;
    if (hold === undefined || hold.loggedIn) return;
    if (hold.standing === Standing.OPEN) this.endRights();
    else hold.standing = Standing.SHUT;
  }

  /** The client gets no reply any more: what is still to come was answered to somebody with other rights. */
  private endRights(): void {
    this.hasOtherRights = true;
    this.replies.abandon();
  }

  connectionReset(): void {
    this.name = '';
    this.hold?.reset();
  }

  upstreamOom(): void {
    this.observer.onUpstreamOom();
  }

  protocolRefused(): void {
    this.hold?.holdForGood();
  }

  /**
   * It waits until replicas have what was written before its connection's last command (replication.c, waitCommand:
   * c->woff), which must not be from before the client wrote on another connection.
   */
  private wait(): void {
    // One that streams has gone up, and is refused: no number is so long.
    if (this.hold !== undefined && !this.inMulti && !this.silence.any && !this.args.streaming) {
      this.upstream.insertBefore(ECHO);
      this.replies.owe(Pending.SWALLOW);
    }
    this.forwarded();
  }

  /** A question to Spillway. What comes behind waits for the answer. */
  private question(): void {
    if (this.inMulti && this.transaction.inSilence) this.goRaw();
    else if (this.inMulti) {
      this.upstream.replaceCommand(BARE_GET);
      this.forwarded(Pending.REFUSAL, Refusal.IN_TRANSACTION);
    } else {
      const answers = !this.silence.any;
      this.forwarded(Pending.CONSOLE, this.console.send());
      if (answers) this.intake.stall();
    }
  }

  private multi(): void {
    if (this.inMulti) {
      this.forwarded();
      return;
    }
    this.forwarded(Pending.MULTI, this.transaction.begin(this.silence.any));
  }

  private exec(): void {
    if (!this.transaction.execute() || !this.followUps.anyWaiting) {
      this.forwarded();
    } else if (this.silence.any) {
      // Whether it was executed will never be known.
      this.followUps.fail();
      this.forwarded();
    } else {
      const { asked } = this.followUps;
      this.forwarded(Pending.EXEC);
      this.followUps.asked = asked;
      this.intake.stall();
    }
  }

  /** EXEC is refused before it is looked at: its transaction has come to nothing. */
  execRefused(): void {
    this.transaction.end();
  }

  private reset(): void {
    // Its reply is skipped, too: nothing would tell when it took.
    if (this.silence.skipNext) {
      this.goRaw();
      return;
    }
    this.transaction.end();
    this.silence.off = false;
    this.followUps.userChanged();
    this.forwarded(Pending.RESET);
    if (this.hold !== undefined) {
      // Whether it is let in without a login is decided with the RESET (clientSetDefaultAuth), and told by this.
      this.upstream.insertBehind(HELLO.command);
      this.replies.owe(Pending.AUTH_PROBE);
    }
    this.intake.stall();
  }

  private subscription(kind: Pending, role: ConnectionRole, confirmations: number): void {
    // Confirmations are pushes: whether silence keeps them back depends on the server's version.
    if (this.silence.any) this.goRaw();
    else this.opaqueInMulti(kind, SUBSCRIBED[role], confirmations);
  }

  /** Only its answer tells whether a stream of lines follows. */
  private monitor(): void {
    if (this.silence.any) {
      this.goRaw();
      return;
    }
    this.opaqueInMulti(Pending.MONITOR);
    if (!this.inMulti) this.intake.stall();
  }

  /**
   * Queued in a transaction, these make what EXEC answers uncountable (an AUTH that fails there: see
   * CommandRouter.waitsToLogIn()); and had MULTI been refused, they would act at once, some without a reply of their own.
   */
  private opaqueInMulti(kind: Pending, detail = 0, count = 1): void {
    if (this.inMulti) this.goRaw();
    else this.forwarded(kind, detail, count);
  }

  private named(role: ConnectionRole): void {
    if (!this.inMulti) this.name = nameGiven(role, this.args) ?? this.name;
  }

  private client(): void {
    const { args } = this;
    const is = (i: number, word: string) => equalsIgnoreCase(args.buf, args.starts[i], args.ends[i], word);
    if (args.streaming || args.argc !== 3) this.forwarded();
    else if (is(1, 'CACHING')) {
      this.forwarded();
      this.bindsNext = true;
    } else if (!is(1, 'REPLY')) this.forwarded();
    else if (this.inMulti) this.opaqueInMulti(Pending.PASS);
    else if (is(2, 'ON')) {
      this.silence.end();
      this.forwarded();
    } else if (is(2, 'OFF')) this.silence.begin();
    else if (is(2, 'SKIP')) this.silence.skip();
    else this.forwarded();
  }
}
