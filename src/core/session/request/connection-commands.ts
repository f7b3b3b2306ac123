// What each command does that changes the client's connection: MULTI, CLIENT REPLY, SUBSCRIBE, AUTH, RESET, WAIT, PROXY … Each
// is forwarded, with the kind of its pending reply, and noted in the ProtocolState; some need a stall or a command of
// Spillway's own beside them. Where the effect cannot be known the connection becomes a pipe (goRaw()).
// Owns nothing. Never refuses.
import { type CommandSpec, ConnectionRole } from '../../commands/spec.js';
import { equalsIgnoreCase } from '../../resp/bytes.js';
import { encodeCommand } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import { nameGiven } from '../pooling/hold.js';
import { HELLO } from '../pooling/identity.js';
import { Pending, Refusal } from '../reply/pending-kind.js';
import { Kind } from '../reply/subscriptions.js';
import { BARE_GET, type ProtocolState } from '../state/protocol-state.js';
import type { Intake } from './intake.js';
import type { UpstreamWriter } from './upstream-writer.js';

const ECHO = encodeCommand('ECHO', '');
/** What a command with such a role subscribes to. */
const SUBSCRIBED: Partial<Record<ConnectionRole, Kind>> = {
  [ConnectionRole.SUBSCRIBE]: Kind.CHANNEL,
  [ConnectionRole.UNSUBSCRIBE]: Kind.CHANNEL,
  [ConnectionRole.PSUBSCRIBE]: Kind.PATTERN,
  [ConnectionRole.PUNSUBSCRIBE]: Kind.PATTERN,
  [ConnectionRole.SSUBSCRIBE]: Kind.SHARD,
  [ConnectionRole.SUNSUBSCRIBE]: Kind.SHARD,
};

export class ConnectionCommands {
  constructor(
    private readonly protocol: ProtocolState,
    private readonly upstream: UpstreamWriter,
    private readonly args: RequestScanner,
    private readonly intake: Intake,
  ) {}

  /** Takes a command with a connection role, whole or at the end of its streaming. */
  command(spec: CommandSpec): void {
    const { protocol } = this;
    const { argc } = this.args;
    switch (spec.role) {
      case ConnectionRole.MULTI:
        this.multi();
        break;
      case ConnectionRole.EXEC:
        this.exec();
        break;
      case ConnectionRole.DISCARD:
        protocol.transaction.end();
        protocol.forwarded();
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
        if (protocol.silence.any && protocol.replies.upstream.subscribed) protocol.goRaw();
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
        if (protocol.inMulti) protocol.followUps.fail();
        protocol.forwarded();
        break;
      case ConnectionRole.MONITOR:
        this.monitor();
        break;
      case ConnectionRole.REPLICATION:
        protocol.goRaw();
        break;
      case ConnectionRole.QUIT:
        // The server reads no further, so nothing may be answered in its place.
        protocol.forwarded();
        protocol.goRaw();
        protocol.quits = true;
        break;
      case ConnectionRole.ASKING:
        protocol.forwarded();
        protocol.bindNext(!protocol.inMulti);
        break;
      case ConnectionRole.WAIT:
        this.wait();
        break;
      case ConnectionRole.CONSOLE:
        this.question();
        break;
      default:
        protocol.forwarded();
    }
  }

  /**
   * An empty command uses CLIENT REPLY SKIP up (networking.c, resetClient), but not since Redis 8: whether the next one is
   * answered cannot be known.
   */
  empty(): void {
    if (this.protocol.silence.skipNext) this.protocol.goRaw();
  }

  /**
   * It waits until replicas have what was written before its connection's last command (replication.c, waitCommand:
   * c->woff), which must not be from before the client wrote on another connection.
   */
  private wait(): void {
    const { protocol } = this;
    const isSilent = protocol.silence.any;
    // One that streams has gone up, and is refused: no number is so long.
    if (protocol.hold.isPooled && !protocol.inMulti && !isSilent && !this.args.streaming) {
      this.upstream.insertBefore(ECHO);
      protocol.replies.owe(Pending.SWALLOW);
    }
    protocol.forwarded();
  }

  /** A question to Spillway. What comes behind waits for the answer. */
  private question(): void {
    const { protocol } = this;
    if (protocol.inMulti && protocol.transaction.inSilence) protocol.goRaw();
    else if (protocol.inMulti) {
      this.upstream.replaceCommand(BARE_GET);
      protocol.forwarded(Pending.REFUSAL, Refusal.IN_TRANSACTION);
    } else {
      const answers = !protocol.silence.any;
      protocol.forwarded(Pending.CONSOLE, protocol.console.send());
      if (answers) this.intake.stall();
    }
  }

  private multi(): void {
    const { protocol } = this;
    if (protocol.inMulti) {
      protocol.forwarded();
      return;
    }
    protocol.forwarded(Pending.MULTI, protocol.transaction.begin(protocol.silence.any));
  }

  private exec(): void {
    const { protocol } = this;
    const { followUps } = protocol;
    if (!protocol.transaction.execute() || !followUps.anyWaiting) {
      protocol.forwarded();
    } else if (protocol.silence.any) {
      // Whether it was executed will never be known.
      followUps.fail();
      protocol.forwarded();
    } else {
      const { asked } = followUps;
      protocol.forwarded(Pending.EXEC);
      followUps.asked = asked;
      this.intake.stall();
    }
  }

  private reset(): void {
    const { protocol } = this;
    const { silence } = protocol;
    // Its reply is skipped, too: nothing would tell when it took.
    if (silence.skipNext) {
      protocol.goRaw();
      return;
    }
    protocol.transaction.end();
    silence.off = false;
    protocol.followUps.userChanged();
    protocol.forwarded(Pending.RESET);
    if (protocol.hold.isPooled) {
      // Whether it is let in without a login is decided with the RESET (clientSetDefaultAuth), and told by this.
      this.upstream.insertBehind(HELLO.command);
      protocol.replies.owe(Pending.AUTH_PROBE);
    }
    this.intake.stall();
  }

  private subscription(kind: Pending, role: ConnectionRole, confirmations: number): void {
    // Confirmations are pushes: whether silence keeps them back depends on the server's version.
    if (this.protocol.silence.any) this.protocol.goRaw();
    else this.opaqueInMulti(kind, SUBSCRIBED[role], confirmations);
  }

  /** Only its answer tells whether a stream of lines follows. */
  private monitor(): void {
    if (this.protocol.silence.any) {
      this.protocol.goRaw();
      return;
    }
    this.opaqueInMulti(Pending.MONITOR);
    if (!this.protocol.inMulti) this.intake.stall();
  }

  /**
   * Queued in a transaction, these make what EXEC answers uncountable (an AUTH that fails there: see
   * CommandRouter.waitsToLogIn()); and had MULTI been refused, they would act at once, some without a reply of their own.
   */
  private opaqueInMulti(kind: Pending, detail = 0, count = 1): void {
    if (this.protocol.inMulti) this.protocol.goRaw();
    else this.protocol.forwarded(kind, detail, count);
  }

  private named(role: ConnectionRole): void {
    const { protocol } = this;
    if (!protocol.inMulti) protocol.name = nameGiven(role, this.args) ?? protocol.name;
  }

  private client(): void {
    const { args, protocol } = this;
    const { silence } = protocol;
    const is = (i: number, word: string) => equalsIgnoreCase(args.buf, args.starts[i], args.ends[i], word);
    if (args.streaming || args.argc !== 3) protocol.forwarded();
    else if (is(1, 'CACHING')) {
      protocol.forwarded();
      protocol.bindNext();
    } else if (!is(1, 'REPLY')) protocol.forwarded();
    else if (protocol.inMulti) this.opaqueInMulti(Pending.PASS);
    else if (is(2, 'ON')) {
      silence.end();
      protocol.forwarded();
    } else if (is(2, 'OFF')) silence.begin();
    else if (is(2, 'SKIP')) silence.skip();
    else protocol.forwarded();
  }
}
