// Why a client needs its own upstream connection (a hold), and the identity that it keeps when it leaves that connection.
// Notes what each command would change (a claim) and learns from the answer whether it did. When unsure, it holds for
// good.
//
//   note(HELLO, AUTH, SELECT, CLIENT SETNAME …) ─▶ claim ── answered: the identity changes
//                                                      └── refused: nothing changes (or, if that is not sure: held for good)
// It also measures replies. A client whose replies are large is bulky: others on a shared connection would wait for them.
//
//   weigh() ── more than BULK_BYTES without a pause ─▶ bulky ── enough small replies ─▶ not bulky
//
// The size of the last replies also sets the client's `window` on a shared connection.
//
// Invariants: each claim belongs to one pending reply, in the same order; 0 <= weight <= BULK_BYTES.
import { type CommandSpec, ConnectionRole, Sharing } from '../../commands/spec.js';
import { equalsIgnoreCase, readPositiveInteger } from '../../resp/bytes.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import { type Identity, NOBODY } from './identity.js';

/** What a client without a login may do. */
export const Standing = {
  /** Not known yet. */
  UNKNOWN: 0,
  /** The default user needed no password when the client connected, so the client is that user (clientSetDefaultAuth). */
  OPEN: 1,
  /** A login is required. Only its own connection can tell whether it still is when a command comes (authRequired). */
  SHUT: 2,
} as const;
export type Standing = (typeof Standing)[keyof typeof Standing];

/** What a command changes, unless the server answers it with an error. */
interface Claim {
  readonly identity: Partial<Identity>;
  readonly unwatches: boolean;
  /** The answers after which the state is unknown, so that the client is held for good. */
  readonly holds: 'never' | 'if refused' | 'if refused after its login' | 'if taken';
}

const NO_CHANGE: Claim = { identity: {}, unwatches: false, holds: 'never' };
const UNWATCH: Claim = { identity: {}, unwatches: true, holds: 'never' };
const DISCARD: Claim = { identity: {}, unwatches: true, holds: 'if refused' };
/** State that only this connection has, if the server knows the command. */
const SOMETHING: Claim = { identity: {}, unwatches: false, holds: 'if taken' };
/** A client is bulky when, without a pause, its replies exceed small ones by this sum. */
const BULK_BYTES = 256 * 1024;
/** A reply up to this size is small. After BULK_BYTES / SMALL_BYTES = 64 small replies a client is no longer bulky. */
const SMALL_BYTES = 4 * 1024;
/** Assumed size of a client's first reply, so its first command goes alone. */
const UNKNOWN_REPLY_BYTES = 256 * 1024;
const LEAST_REPLY_BYTES = 64;
/** The share of the largest recent size that remains after each smaller reply. */
const DECAY = 1 / 2;
/** After this many replies the largest one no longer counts. */
const DECAYED = 32;
/** The largest window: other clients wait behind these commands. */
const MOST_AT_ONCE = 1024;
/** A greeting with more claims holds the client for good. No known client sends so many. */
const MAX_CLAIMS = 64;
/** CLIENT subcommands that only read, or act on other clients. Not CLIENT ID: a client that asks for it will use it. */
const TELLING = ['LIST', 'INFO', 'GETNAME', 'KILL', 'PAUSE', 'UNPAUSE', 'UNBLOCK', 'HELP'] as const;
/** SCRIPT subcommands that change nothing on the connection; DEBUG does. */
const HARMLESS_SCRIPT = ['LOAD', 'EXISTS', 'FLUSH', 'KILL', 'SHOW', 'HELP'] as const;

export class Hold {
  identity: Identity = NOBODY;
  /** Held for good: until the connection ends, or RESET. */
  lasting: boolean;
  /** Counts only while the client has no login. */
  standing: Standing = Standing.UNKNOWN;
  /**
   * What the command waiting for a connection would make of the client, if it is a login or RESET; undefined: it is neither. The
   * client's present login may no longer be valid, so the connection may be made with this one.
   */
  next: Identity | undefined;
  /** The client's own connection is fresh, and nothing has shown yet that it has the client's rights: own-proof.ts. */
  unproven = false;
  /** The first command of such a connection is under way, and its answer decides about the connection. */
  onTrial = false;
  /** Its last replies were large: others should not wait behind its next one. */
  bulky = false;
  private weight = 0;
  /** Size of the largest recent reply; `begun`: bytes of the current one that have come. */
  private replyBytes = UNKNOWN_REPLY_BYTES;
  private begun = 0;
  private watching = false;
  private claims: Claim[] = [];

  /** `isPooled`: the client may share connections (command pooling). Otherwise it is held for good from the start. */
  constructor(readonly isPooled = true) {
    this.lasting = !isPooled;
  }

  get any(): boolean {
    return this.lasting || this.watching || this.claims.length > 0 || this.isShut;
  }

  get loggedIn(): boolean {
    return this.identity.credential !== undefined;
  }

  /** It was not let in: only an own connection answers it as the server would without a proxy. */
  get isShut(): boolean {
    return this.standing === Standing.SHUT && !this.loggedIn;
  }

  /** The command under scan waits for a connection; `spec` undefined: an unknown command. */
  waits(spec: CommandSpec | undefined, args: RequestScanner): void {
    const role = args.streaming ? undefined : spec?.role;
    this.next = undefined;
    if (role === ConnectionRole.RESET) this.next = NOBODY;
    else if (role === ConnectionRole.AUTH || role === ConnectionRole.HELLO) {
      const credential = claimOf(role, args)?.identity.credential;
      this.next = credential && { ...this.identity, credential };
    }
  }

  /**
   * A command goes up the client's own connection; `spec` undefined: an unknown command. Returns whether answered() must be
   * called with its answer.
   */
  note(spec: CommandSpec | undefined, args: RequestScanner, inMulti: boolean): boolean {
    if (this.lasting) return false;
    if (spec === undefined || spec.sharing === Sharing.LASTING) return this.holdForGood();
    switch (spec.role) {
      case ConnectionRole.WATCH:
        this.watching = true;
        return false;
      case ConnectionRole.EXEC:
        // EXEC ends WATCH, whatever becomes of the transaction (multi.c, execCommand).
        if (inMulti) this.watching = false;
        return false;
      case ConnectionRole.DISCARD:
        return inMulti && this.claim(DISCARD);
      case ConnectionRole.UNWATCH:
        return !inMulti && this.claim(UNWATCH);
      case ConnectionRole.HELLO:
      case ConnectionRole.AUTH:
      case ConnectionRole.SELECT:
      case ConnectionRole.CLIENT:
        break;
      case ConnectionRole.RESET:
        return false;
      default:
        if (spec.name === 'script' && !this.isOneOf(args, HARMLESS_SCRIPT)) this.holdForGood();
        return false;
    }
    if (spec.role === ConnectionRole.CLIENT && this.isOneOf(args, TELLING)) return false;
    // In a transaction it runs at EXEC; if it streams, its words have already passed.
    const claim = inMulti || args.streaming ? undefined : claimOf(spec.role, args);
    return claim === undefined ? this.holdForGood() : this.claim(claim);
  }

  /** The next answer that note() asked for. `loginFailed`: an error that says so. */
  answered(taken: boolean, loginFailed = false): void {
    const claim = this.claims.shift();
    if (claim === undefined) return;
    const { holds } = claim;
    if (holds === (taken ? 'if taken' : 'if refused')) this.holdForGood();
    else if (holds === 'if refused after its login' && !taken && !loginFailed) this.holdForGood();
    if (!taken) return;
    this.identity = { ...this.identity, ...claim.identity };
    if (claim.unwatches) this.watching = false;
  }

  /** The client's own connection has shown that it may run commands. */
  letIn(): void {
    if (!this.isPooled || this.loggedIn) return;
    if (this.standing === Standing.UNKNOWN) this.standing = Standing.OPEN;
  }

  /**
   * The client's own connection demands a login. Returns whether the connection has fewer rights than the client, which was let
   * in before.
   */
  loginWanted(): boolean {
    if (!this.isPooled || this.loggedIn) return false;
    if (this.standing === Standing.OPEN) return true;
    this.standing = Standing.SHUT;
    return false;
  }

  /** Whether its next reply will be at most `bytes` long, judging by its last ones. */
  fits(bytes: number): boolean {
    return this.replyBytes <= bytes;
  }

  /** How many commands it may have pending so that their replies take at most `bytes`, judging by its last ones. */
  window(bytes: number): number {
    return Math.min(Math.max(1, bytes / this.replyBytes), MOST_AT_ONCE);
  }

  /** `bytes` have come for the client, with the ends of `replies` replies. `idle`: no further reply is due. */
  weigh(bytes: number, replies: number, idle: boolean): void {
    this.measure(bytes, replies);
    const weight = this.weight + bytes - replies * SMALL_BYTES;
    if (weight > BULK_BYTES) {
      this.bulky = true;
      this.weight = BULK_BYTES;
    } else if (weight <= 0 || (idle && !this.bulky)) {
      this.bulky = false;
      this.weight = 0;
    } else this.weight = weight;
  }

  private measure(bytes: number, replies: number): void {
    this.begun += bytes;
    let left = this.replyBytes;
    const size = replies > 1 ? this.begun / replies : this.begun;
    if (replies > 0) {
      this.begun = 0;
      left *= replies === 1 ? DECAY : replies < DECAYED ? DECAY ** replies : 0;
    }
    this.replyBytes = Math.max(size, left, LEAST_REPLY_BYTES);
  }

  /** RESET was answered: the connection is like a new one. */
  reset(): void {
    this.identity = NOBODY;
    this.standing = Standing.UNKNOWN;
    this.lasting = !this.isPooled;
    this.watching = false;
    this.claims = [];
    this.onTrial = false;
  }

  holdForGood(): false {
    this.lasting = true;
    this.claims = [];
    return false;
  }

  private claim(claim: Claim): boolean {
    if (this.claims.length === MAX_CLAIMS) return this.holdForGood();
    this.claims.push(claim);
    return true;
  }

  private isOneOf(args: RequestScanner, words: readonly string[]): boolean {
    return args.argc > 1 && !args.streaming && words.some((word) => is(args, 1, word));
  }
}

/** The name that HELLO or CLIENT SETNAME gives the client, if the server accepts such a name (validateClientAttr). */
export function nameGiven(role: ConnectionRole, args: RequestScanner): string | undefined {
  const name = args.streaming ? undefined : claimOf(role, args)?.identity.name;
  return name !== undefined && /^[!-~]*$/.test(name) ? name : undefined;
}

/** What the command would change; undefined: unknown. */
function claimOf(role: ConnectionRole, args: RequestScanner): Claim | undefined {
  switch (role) {
    case ConnectionRole.HELLO:
      return helloClaim(args);
    case ConnectionRole.AUTH:
      // A syntax error, of which the words that are missing are not there.
      if (args.argc !== 2 && args.argc !== 3) return NO_CHANGE;
      return claimTo({
        credential:
          args.argc === 2
            ? { user: undefined, password: text(args, 1) }
            : { user: text(args, 1), password: text(args, 2) },
      });
    case ConnectionRole.SELECT:
      return claimTo({ db: Number(text(args, 1)) });
    default:
      return clientClaim(args);
  }
}

/** HELLO [version [AUTH user password] [SETNAME name]] (networking.c, helloCommand). */
function helloClaim(args: RequestScanner): Claim | undefined {
  if (args.argc === 1) return NO_CHANGE;
  const resp = readPositiveInteger(args.buf, args.starts[1], args.ends[1]);
  if (resp !== 2 && resp !== 3) return NO_CHANGE;
  let identity: Partial<Identity> = { resp };
  let options = 0;
  let logins = 0;
  for (let i = 2; i < args.argc; options++) {
    if (is(args, i, 'AUTH') && i + 2 < args.argc) {
      identity = { ...identity, credential: { user: text(args, i + 1), password: text(args, i + 2) } };
      logins++;
      i += 3;
    } else if (is(args, i, 'SETNAME') && i + 1 < args.argc) {
      identity = { ...identity, name: text(args, i + 1) };
      i += 2;
    } else {
      // A syntax error, or an option of a later server.
      return undefined;
    }
  }
  // If HELLO is refused for what stands behind its AUTH, or its name, that has taken effect all the same.
  if (options === logins && logins <= 1) return claimTo(identity);
  return { ...claimTo(identity), holds: logins === 1 ? 'if refused after its login' : 'if refused' };
}

function clientClaim(args: RequestScanner): Claim | undefined {
  if (is(args, 1, 'SETNAME') && args.argc === 3) return claimTo({ name: text(args, 2) });
  if (is(args, 1, 'SETINFO') && args.argc === 4) {
    if (is(args, 2, 'LIB-NAME')) return claimTo({ libName: text(args, 3) });
    if (is(args, 2, 'LIB-VER')) return claimTo({ libVersion: text(args, 3) });
  }
  // It concerns only the next command, and is refused unless the client tracks keys, which already holds the client.
  if (is(args, 1, 'CACHING')) return NO_CHANGE;
  // It may get no reply.
  return is(args, 1, 'REPLY') ? undefined : SOMETHING;
}

function claimTo(identity: Partial<Identity>): Claim {
  return { identity, unwatches: false, holds: 'never' };
}

function is(args: RequestScanner, i: number, word: string): boolean {
  return equalsIgnoreCase(args.buf, args.starts[i], args.ends[i], word);
}

function text(args: RequestScanner, i: number): string {
  return Buffer.from(
    args.buf.buffer,
    args.buf.byteOffset + args.starts[i],
    args.ends[i] - args.starts[i],
  ).toString('latin1');
}
