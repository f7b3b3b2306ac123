// What Spillway does with each command that changes the state of its connection: MULTI, CLIENT REPLY, SUBSCRIBE, AUTH,
// RESET, WAIT, PROXY … It forwards the command, queues the kind of its pending reply and notes the effect in ProtocolState.
// Some need a stall, or a command of Spillway's own beside them. Where the effect cannot be known, the connection becomes a
// pipe.
// Owns no state. Never refuses a command.
import { type CommandSpec, ConnectionRole } from '../../commands/spec.js';
import { equalsIgnoreCase } from '../../resp/bytes.js';
import { encodeCommand } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import { nameGiven } from '../pooling/claims.js';
import { HELLO } from '../pooling/identity.js';
import { Proof } from '../pooling/own-proof.js';
import { Pending, Refusal } from '../reply/pending-kind.js';
import { Kind } from '../reply/subscriptions.js';
import { BARE_GET, type ProtocolState } from '../state/protocol-state.js';
import type { Intake } from './intake.js';
import type { UpstreamWriter } from './upstream-writer.js';

const ECHO = encodeCommand('ECHO', '');
/** What a command with such a role subscribes to, or unsubscribes from. */
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
        protocol.database.discard();
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
        // Without its reply, it would be unknown whether later messages come as pushes or as arrays.
        if (protocol.silence.any && protocol.replies.upstream.subscribed) protocol.goRaw();
        else this.login(Pending.HELLO);
        break;
      case ConnectionRole.AUTH:
        this.login(Pending.AUTH);
        break;
      case ConnectionRole.RESET:
        this.reset();
        break;
      case ConnectionRole.CLIENT:
        this.named(spec.role);
        this.client();
        break;
      case ConnectionRole.SELECT:
        // The waiting follow-ups are for the previous database, and EXEC ends in another one.
        if (protocol.inMulti) protocol.followUps.fail();
        this.select();
        break;
      case ConnectionRole.MONITOR:
        this.monitor();
        break;
      case ConnectionRole.REPLICATION:
        protocol.goRaw();
        break;
      case ConnectionRole.QUIT:
        // The server reads nothing after QUIT, so Spillway must not answer anything after it.
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

  /** The command under scan goes up an own connection that must show its rights, and shows them by `proof`. */
  prove(proof: Proof): void {
    if (proof !== Proof.HELLO) return;
    this.upstream.insertBefore(HELLO.command);
    this.protocol.replies.owe(Pending.AUTH_PROBE);
  }

  /**
   * An empty command uses CLIENT REPLY SKIP up (networking.c, resetClient), but not on Redis 8. So it is unknown whether the
   * next command gets a reply.
   */
  empty(): void {
    if (this.protocol.silence.skipNext) this.protocol.goRaw();
  }

  /**
   * WAIT waits for what was written before its connection's last command (replication.c, waitCommand: c->woff). An ECHO ahead
   * of it makes that later than everything that the client wrote on other connections.
   */
  private wait(): void {
    const { protocol } = this;
    const isSilent = protocol.silence.any;
    // A WAIT that streams has gone up already. Redis refuses it, since no number is that long.
    if (protocol.hold.isPooled && !protocol.inMulti && !isSilent && !this.args.streaming) {
      this.upstream.insertBefore(ECHO);
      protocol.replies.owe(Pending.SWALLOW);
    }
    protocol.forwarded();
  }

  /** A PROXY question. The commands after it wait for the answer. */
  private question(): void {
    const { protocol } = this;
    if (protocol.inMulti && protocol.transaction.inSilence) protocol.goRaw();
    else if (protocol.inMulti) {
      this.upstream.replaceCommand(BARE_GET);
      protocol.forwarded(Pending.REFUSAL, Refusal.IN_TRANSACTION);
    } else {
      const answers = !protocol.silence.any;
      protocol.forwarded(Pending.CONSOLE, protocol.console.send(answers));
      if (answers) this.intake.stall();
    }
  }

  private select(): void {
    const { args, protocol } = this;
    const { database } = protocol;
    const [start, end] = [args.starts[1], args.ends[1]];
    const tells = !protocol.silence.any && !args.streaming;
    if (protocol.inMulti) {
      database.queue(tells && !protocol.transaction.inSilence, args.buf, start, end);
      protocol.forwarded();
      return;
    }
    const detail = tells ? database.ask(args.buf, start, end) : database.lost();
    protocol.forwarded(detail > 0 ? Pending.STATE : Pending.PASS, detail);
  }

  /** AUTH or HELLO. */
  private login(kind: typeof Pending.AUTH | typeof Pending.HELLO): void {
    const { args, protocol } = this;
    const answers = !protocol.silence.any;
    const detail =
      kind === Pending.AUTH ? protocol.user.auth(args, answers) : protocol.user.hello(args, answers);
    this.opaqueInMulti(kind, detail);
  }

  private multi(): void {
    const { protocol } = this;
    if (protocol.inMulti) {
      protocol.forwarded();
      return;
    }
    protocol.database.begin();
    protocol.forwarded(Pending.MULTI, protocol.transaction.begin(protocol.silence.any));
  }

  private exec(): void {
    const { protocol } = this;
    const { followUps } = protocol;
    const executes = protocol.transaction.execute();
    const isSilent = protocol.silence.any;
    const detail = executes ? protocol.database.execute(!isSilent) : 0;
    if (!executes || (!followUps.anyWaiting && detail === 0)) {
      protocol.forwarded();
    } else if (isSilent) {
      // It will never be known whether it was executed.
      followUps.fail();
      protocol.forwarded();
    } else {
      const { asked } = followUps;
      protocol.forwarded(Pending.EXEC, detail);
      followUps.asked = asked;
      if (followUps.anyWaiting) this.intake.stall();
    }
  }

  private reset(): void {
    const { protocol } = this;
    const { silence } = protocol;
    // Its reply is skipped too, so it would be unknown when it took effect.
    if (silence.skipNext) {
      protocol.goRaw();
      return;
    }
    protocol.transaction.end();
    protocol.database.discard();
    silence.off = false;
    protocol.followUps.userChanged();
    protocol.forwarded(Pending.RESET);
    if (protocol.hold.isPooled) {
      // RESET decides whether the client needs a login (clientSetDefaultAuth); the answer to HELLO shows it.
      this.upstream.insertBehind(HELLO.command);
      protocol.replies.owe(Pending.AUTH_PROBE);
    }
    this.intake.stall();
  }

  private subscription(kind: Pending, role: ConnectionRole, confirmations: number): void {
    // Confirmations are pushes; whether CLIENT REPLY OFF suppresses them depends on the server's version.
    if (this.protocol.silence.any) this.protocol.goRaw();
    else this.opaqueInMulti(kind, SUBSCRIBED[role], confirmations);
  }

  /** Only the reply to MONITOR shows whether a stream of lines follows. */
  private monitor(): void {
    if (this.protocol.silence.any) {
      this.protocol.goRaw();
      return;
    }
    this.opaqueInMulti(Pending.MONITOR);
    if (!this.protocol.inMulti) this.intake.stall();
  }

  /**
   * In a transaction these commands make EXEC's replies uncountable (a failed AUTH: see CommandRouter.waitsToLogIn()). And if
   * MULTI was refused, they take effect at once, some without a reply of their own.
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
