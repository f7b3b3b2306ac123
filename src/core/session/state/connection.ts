// The state of one client's connection as far as replies and refusals depend on it: MULTI, CLIENT REPLY, what
// binds the next command, authentication, and when to stop understanding. The server has the truth; this is
// what Spillway must know of it, and where it cannot know it waits for the reply, or turns to passing bytes.
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
import type { ByteSink } from '../byte-sink.js';
import { type Hold, nameGiven, Standing } from '../pooling/hold.js';
import { HELLO, HELLO_3 } from '../pooling/identity.js';
import { Pending, Refusal } from '../reply/pending-kind.js';
import { DETAIL_LIMIT } from '../reply/pending-queue.js';
import { ReplySequencer } from '../reply/reply-sequencer.js';
import { Kind } from '../reply/subscriptions.js';
import { Auth, type ReplyListener } from '../reply/upstream-state.js';
import { type FollowUpForm, FollowUps } from '../request/follow-ups.js';
import type { RequestFeed } from '../request/request-feed.js';
import type { UpstreamWriter } from '../request/upstream-writer.js';
import { type ConsoleQuestion, wordsOf } from './console-question.js';
import { ReplySilence } from './reply-silence.js';

/** Unlike PING it answers a subscriber with the very refusal that any other command gets. */
const ASKING = encodeCommand('ASKING');
const ECHO = encodeCommand('ECHO', '');
/** Refused by every server, queued by none: module commands may have any arity, this one has not. */
const BARE_GET = encodeCommand('GET');
/** Needs the right to be told of the server, costs nothing, and is answered while it loads. No server has the section. */
const CONSOLE_PROBE = encodeCommand('INFO', 'spillway');

export class Connection implements ReplyListener {
  readonly replies: ReplySequencer;
  readonly followUps: FollowUps;
  private readonly silence: ReplySilence;
  inMulti = false;
  /** Whether a transaction has begun was never answered, and will not be. */
  private multiInSilence = false;
  /** What the client calls itself, '' if it doesn't. For people: whether the server took it is not looked at. */
  name = '';
  /** It has asked the server to end the connection. */
  quits = false;
  /**
   * The connection that was made for the client has fewer rights than that which it would have had since it came: the
   * default user has got a password meanwhile. It must go on on neither.
   */
  hasOtherRights = false;
  /** What the client asks Spillway, and may ask. */
  question: ConsoleQuestion | undefined;
  private words: readonly string[] = [];
  private questions = 0;
  /** The hold wants to know how the command under scan is answered. */
  private telling = false;
  /** ASKING or CLIENT CACHING speaks of the next command: the server must see it. */
  private bindsNext = false;
  /** ASKING was the command before the one now forwarded, or before its MULTI: what follows it up needs one of its own. */
  private asking = false;
  private asked = false;
  private transaction = 0;

  constructor(
    readonly upstream: UpstreamWriter,
    client: ByteSink,
    private readonly feed: RequestFeed,
    private readonly observer: TrafficObserver,
    form: FollowUpForm,
    /** What ties the client to this connection, where it may also do without one of its own. */
    private readonly hold: Hold | undefined,
  ) {
    this.replies = new ReplySequencer(client, this);
    this.followUps = new FollowUps(upstream, observer, form);
    this.silence = new ReplySilence(upstream, feed, this.replies);
  }

  /** The command under scan is forwarded and answered as `kind` says, unless the client asked for silence. */
  forwarded(kind: Pending = Pending.PASS, detail = 0, count = 1): void {
    const { telling } = this;
    this.bindsNext = false;
    // In a transaction it lasts up to EXEC (networking.c, resetClient).
    if (!this.inMulti) this.asked = false;
    if (this.asking) this.asked = true;
    this.asking = false;
    this.telling = false;
    if (this.silence.takes()) return;
    this.replies.owe(telling && kind === Pending.PASS ? Pending.STATE : kind, detail, count);
  }

  /** The command under scan is about to go up the client's own connection; `spec` undefined: an unknown one. */
  note(spec: CommandSpec | undefined): void {
    if (this.hold !== undefined) this.telling = this.hold.note(spec, this.feed.args, this.inMulti);
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
      this.feed.raw ||
      this.feed.streaming ||
      this.replies.raw ||
      this.replies.upstream.subscribed
    );
  }

  /** Nothing tells when the server has run what goes up. */
  get unanswered(): boolean {
    return this.silence.any || this.feed.raw || this.replies.raw;
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
    const { argc } = this.feed.args;
    switch (spec.role) {
      case ConnectionRole.MULTI:
        this.multi();
        break;
      case ConnectionRole.EXEC:
        this.exec();
        break;
      case ConnectionRole.DISCARD:
        this.endMulti();
        this.forwarded();
        break;
      case ConnectionRole.SUBSCRIBE:
        this.subscription(Pending.SUBSCRIPTION, Kind.CHANNEL, argc - 1);
        break;
      case ConnectionRole.PSUBSCRIBE:
        this.subscription(Pending.SUBSCRIPTION, Kind.PATTERN, argc - 1);
        break;
      case ConnectionRole.SSUBSCRIBE:
        this.subscription(Pending.SUBSCRIPTION, Kind.SHARD, argc - 1);
        break;
      case ConnectionRole.UNSUBSCRIBE:
        this.unsubscription(Kind.CHANNEL, argc - 1);
        break;
      case ConnectionRole.PUNSUBSCRIBE:
        this.unsubscription(Kind.PATTERN, argc - 1);
        break;
      case ConnectionRole.SUNSUBSCRIBE:
        this.unsubscription(Kind.SHARD, argc - 1);
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
        this.console();
        break;
      default:
        this.forwarded();
    }
  }

  /** From here on bytes pass both ways as they come. */
  goRaw(): void {
    this.feed.raw = true;
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
    if (this.asked) this.ask();
    this.followUps.send(key, start, end, ttlMs);
    if (!this.silence.off) this.replies.owe(Pending.FOLLOW_UP, slot);
  }

  /** A large command has gone up whole: what waited for that is due, unless EXEC is still to come. */
  largeWritten(): void {
    if (this.inMulti || !this.followUps.anyWaiting) return;
    this.sendWaiting();
  }

  private sendWaiting(): void {
    const replies = this.silence.off ? undefined : this.replies;
    this.followUps.sendWaiting(replies, this.asked ? () => this.ask() : undefined);
  }

  /** A slot that is on its way here takes a command only behind its own ASKING. */
  private ask(): void {
    this.upstream.insertBehind(ASKING);
    if (!this.silence.off) this.replies.owe(Pending.SWALLOW);
  }

  followUpAnswered(slot: number, reply: FollowUpReply): void {
    this.followUps.answered(slot, reply);
  }

  multiRefused(transaction: number): void {
    // What it watches is watched on.
    this.hold?.holdForGood();
    if (transaction !== this.transaction) return;
    // What followed was executed as it came: its follow-ups are due, also when EXEC has gone up already.
    this.inMulti = false;
    if (!this.followUps.anyWaiting) return;
    // Not into the middle of a command that is going up in pieces.
    if (this.upstream.midCommand) this.followUps.fail();
    else this.sendWaiting();
  }

  execAnswered(executed: boolean): void {
    if (executed) this.sendWaiting();
    else this.followUps.forget();
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
    this.question = { number, words: this.words, resp };
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
    if (this.hold !== undefined && !this.inMulti && !this.silence.any && !this.feed.args.streaming) {
      this.upstream.insertBefore(ECHO);
      this.replies.owe(Pending.SWALLOW);
    }
    this.forwarded();
  }

  /**
   * A question to Spillway. Whether the client may ask is for the server to say, by what it answers to INFO in its
   * place: so NOAUTH, NOPERM and the like are the server's own, and what is bound to the next command is used up. What
   * comes behind waits for the answer.
   */
  private console(): void {
    const { feed } = this;
    if (this.inMulti && this.multiInSilence) {
      this.goRaw();
      return;
    }
    if (this.inMulti) {
      this.upstream.replaceCommand(BARE_GET);
      this.forwarded(Pending.REFUSAL, Refusal.IN_TRANSACTION);
      return;
    }
    this.upstream.replaceCommand(CONSOLE_PROBE);
    if (this.silence.any) {
      this.forwarded();
      return;
    }
    this.questions = (this.questions + 1) % DETAIL_LIMIT;
    this.words = wordsOf(feed.args);
    this.forwarded(Pending.CONSOLE, this.questions);
    feed.stall();
  }

  private multi(): void {
    if (this.inMulti) {
      this.forwarded();
      return;
    }
    this.inMulti = true;
    this.multiInSilence = this.silence.any;
    this.transaction = (this.transaction + 1) % DETAIL_LIMIT;
    this.forwarded(Pending.MULTI, this.transaction);
  }

  private exec(): void {
    const { inMulti } = this;
    this.inMulti = false;
    if (!inMulti || !this.followUps.anyWaiting) {
      this.forwarded();
    } else if (this.silence.any) {
      // Whether it was executed will never be known.
      this.followUps.fail();
      this.forwarded();
    } else {
      const { asked } = this;
      this.forwarded(Pending.EXEC);
      this.asked = asked;
      this.feed.stall();
    }
  }

  /** A transaction came to nothing: by DISCARD, RESET, or an EXEC that is refused (server.c, rejectCommand). */
  endMulti(): void {
    this.inMulti = false;
    this.followUps.forget();
  }

  private reset(): void {
    // Its reply is skipped, too: nothing would tell when it took.
    if (this.silence.skipNext) {
      this.goRaw();
      return;
    }
    this.endMulti();
    this.silence.off = false;
    this.followUps.userChanged();
    this.forwarded(Pending.RESET);
    if (this.hold !== undefined) {
      // Whether it is let in without a login is decided with the RESET (clientSetDefaultAuth), and told by this.
      this.upstream.insertBehind(HELLO.command);
      this.replies.owe(Pending.AUTH_PROBE);
    }
    this.feed.stall();
  }

  private subscription(kind: Pending, detail: Kind, confirmations: number): void {
    // Confirmations are pushes: whether silence keeps them back depends on the server's version.
    if (this.silence.any) this.goRaw();
    else this.opaqueInMulti(kind, detail, confirmations);
  }

  private unsubscription(detail: Kind, channels: number): void {
    if (channels > 0) this.subscription(Pending.SUBSCRIPTION, detail, channels);
    else this.subscription(Pending.UNSUBSCRIBE_ALL, detail, 1);
  }

  /** Only its answer tells whether a stream of lines follows. */
  private monitor(): void {
    if (this.silence.any) {
      this.goRaw();
      return;
    }
    this.opaqueInMulti(Pending.MONITOR);
    if (!this.inMulti) this.feed.stall();
  }

  /**
   * Queued in a transaction, these make what EXEC answers uncountable (an AUTH that fails there: see
   * Session.waitsToLogIn()); and had MULTI been refused, they would act at once, some without a reply of their own.
   */
  private opaqueInMulti(kind: Pending, detail = 0, count = 1): void {
    if (this.inMulti) this.goRaw();
    else this.forwarded(kind, detail, count);
  }

  private named(role: ConnectionRole): void {
    if (!this.inMulti) this.name = nameGiven(role, this.feed.args) ?? this.name;
  }

  private client(): void {
    const { args } = this.feed;
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
