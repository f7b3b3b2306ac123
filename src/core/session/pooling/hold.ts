// What ties a client to an upstream connection of its own, and what it will take along when it leaves it.
// Learns from commands what they would change, and from their answers whether they did. In doubt it holds.
//
//   note(HELLO, AUTH, SELECT, CLIENT SETNAME …) ─▶ claim ── answered +: the identity changes
//                                                      └── answered -: nothing did (or, if that is in doubt: for good)
// Also how much the client is given: one whose replies are bulky would have all others of a shared connection wait.
//
//   weigh() ── more than BULK_BYTES without a pause ─▶ bulky ── so much less, by small replies ─▶ not bulky
//
// And how much it may ask for at once where others wait behind it: `window` commands, by the size of its last replies.
//
// Invariants: every claim is for one reply to come, in the order of the replies; 0 <= weight <= BULK_BYTES.
import { type CommandSpec, ConnectionRole, Sharing } from '../../commands/spec.js';
import { equalsIgnoreCase, readPositiveInteger } from '../../resp/bytes.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import { type Identity, NOBODY } from './identity.js';

/** What a client may do that has not logged in. */
export const Standing = {
  /** Nothing has told yet. */
  UNKNOWN: 0,
  /** The default user needed no password when the client came: it is that user from there on (clientSetDefaultAuth). */
  OPEN: 1,
  /** A login was wanted: it may run commands only while none is (authRequired), which its own connection alone can tell. */
  SHUT: 2,
} as const;
export type Standing = (typeof Standing)[keyof typeof Standing];

/** What a command changes if it is answered without an error. */
interface Claim {
  readonly identity: Partial<Identity>;
  readonly unwatches: boolean;
  /** With which answer it leaves a state that is not understood. */
  readonly holds: 'never' | 'if refused' | 'if taken';
}

const NO_CHANGE: Claim = { identity: {}, unwatches: false, holds: 'never' };
const UNWATCH: Claim = { identity: {}, unwatches: true, holds: 'never' };
const DISCARD: Claim = { identity: {}, unwatches: true, holds: 'if refused' };
/** Something that only this connection has, if the server knows it. */
const SOMETHING: Claim = { identity: {}, unwatches: false, holds: 'if taken' };
/** A client that gets so much more than its small replies come to, and is owed more all the while, is bulky. */
const BULK_BYTES = 256 * 1024;
/** A reply of no more is small; after BULK_BYTES / SMALL_BYTES = 64 of them it is not bulky any more. */
const SMALL_BYTES = 4 * 1024;
/** What the first reply of a client is taken to be: the first command goes alone. */
const UNKNOWN_REPLY_BYTES = 256 * 1024;
const LEAST_REPLY_BYTES = 64;
/** Of the size of the largest reply lately, so much is left with each one that is smaller. */
const DECAY = 1 / 2;
/** Behind so many replies nothing is left of it. */
const DECAYED = 32;
/** One client's commands on a shared connection that have no answer yet: others wait behind them. */
const MOST_AT_ONCE = 1024;
/** More changes under way than that are no client's greeting. */
const MAX_CLAIMS = 64;
/** CLIENT subcommands that only tell, or act on others. CLIENT ID is none: who asks for it will use it. */
const TELLING = ['LIST', 'INFO', 'GETNAME', 'KILL', 'PAUSE', 'UNPAUSE', 'UNBLOCK', 'HELP'] as const;
/** SCRIPT subcommands that leave nothing on the connection: DEBUG does. */
const HARMLESS_SCRIPT = ['LOAD', 'EXISTS', 'FLUSH', 'KILL', 'SHOW', 'HELP'] as const;

export class Hold {
  identity: Identity = NOBODY;
  /** Until the connection ends, or RESET. */
  lasting: boolean;
  /** Without a login; one that has logged in has no other standing than that. */
  standing: Standing = Standing.UNKNOWN;
  /** Its replies have been large lately: others should not have to wait behind the next one. */
  bulky = false;
  private weight = 0;
  /** Bytes of the largest reply lately; `begun` of the one under way have come. */
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

  /** It was not let in: only a connection of its own answers it as it would be answered without a proxy. */
  get isShut(): boolean {
    return this.standing === Standing.SHUT && !this.loggedIn;
  }

  /**
   * A command goes up the client's own connection; `spec` undefined: an unknown one. Returns whether its answer is
   * to be told by answered().
   */
  note(spec: CommandSpec | undefined, args: RequestScanner, inMulti: boolean): boolean {
    if (this.lasting) return false;
    if (spec === undefined || spec.sharing === Sharing.LASTING) return this.holdForGood();
    switch (spec.role) {
      case ConnectionRole.WATCH:
        this.watching = true;
        return false;
      case ConnectionRole.EXEC:
        // Whatever comes of a transaction that is open, it watches nothing any more (multi.c, execCommand).
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
    // In a transaction it takes place at EXEC; streamed, its words are gone.
    const claim = inMulti || args.streaming ? undefined : claimOf(spec.role, args);
    return claim === undefined ? this.holdForGood() : this.claim(claim);
  }

  /** The next of the answers that note() asked for. */
  answered(taken: boolean): void {
    const claim = this.claims.shift();
    if (claim === undefined) return;
    if (claim.holds === (taken ? 'if taken' : 'if refused')) this.holdForGood();
    if (!taken) return;
    this.identity = { ...this.identity, ...claim.identity };
    if (claim.unwatches) this.watching = false;
  }

  /** The client's own connection has shown that it may run commands. */
  letIn(): void {
    if (!this.isPooled || this.loggedIn) return;
    if (this.standing === Standing.UNKNOWN) this.standing = Standing.OPEN;
  }

  /** The client's own connection wants a login. Returns whether it has fewer rights than the client, who was let in before. */
  loginWanted(): boolean {
    if (!this.isPooled || this.loggedIn) return false;
    if (this.standing === Standing.OPEN) return true;
    this.standing = Standing.SHUT;
    return false;
  }

  /** Its next reply comes to no more than `bytes`, as far as its last ones tell. */
  fits(bytes: number): boolean {
    return this.replyBytes <= bytes;
  }

  /** How many commands may be unanswered so that their replies come to `bytes` at most, as far as its last ones tell. */
  window(bytes: number): number {
    return Math.min(Math.max(1, bytes / this.replyBytes), MOST_AT_ONCE);
  }

  /** `bytes` have come for the client, and with them the ends of `replies`; `idle`: it asks for no more just now. */
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

  /** RESET was answered: the connection is as new. */
  reset(): void {
    this.identity = NOBODY;
    this.standing = Standing.UNKNOWN;
    this.lasting = !this.isPooled;
    this.watching = false;
    this.claims = [];
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

/** The name that HELLO or CLIENT SETNAME gives the client, if it is one that the server takes (validateClientAttr). */
export function nameGiven(role: ConnectionRole, args: RequestScanner): string | undefined {
  const name = args.streaming ? undefined : claimOf(role, args)?.identity.name;
  return name !== undefined && /^[!-~]*$/.test(name) ? name : undefined;
}

/** What the command would change; undefined: that cannot be told. */
function claimOf(role: ConnectionRole, args: RequestScanner): Claim | undefined {
  switch (role) {
    case ConnectionRole.HELLO:
      return helloClaim(args);
    case ConnectionRole.AUTH:
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
  for (let i = 2; i < args.argc; ) {
    if (is(args, i, 'AUTH') && i + 2 < args.argc) {
      identity = { ...identity, credential: { user: text(args, i + 1), password: text(args, i + 2) } };
      i += 3;
    } else if (is(args, i, 'SETNAME') && i + 1 < args.argc) {
      identity = { ...identity, name: text(args, i + 1) };
      i += 2;
    } else {
      // A syntax error, or an option that a later server has.
      return undefined;
    }
  }
  // Refused for its name it has taken its AUTH all the same.
  return { ...claimTo(identity), holds: args.argc > 2 ? 'if refused' : 'never' };
}

function clientClaim(args: RequestScanner): Claim | undefined {
  if (is(args, 1, 'SETNAME') && args.argc === 3) return claimTo({ name: text(args, 2) });
  if (is(args, 1, 'SETINFO') && args.argc === 4) {
    if (is(args, 2, 'LIB-NAME')) return claimTo({ libName: text(args, 3) });
    if (is(args, 2, 'LIB-VER')) return claimTo({ libVersion: text(args, 3) });
  }
  // It speaks of the next command only, and is refused without a tracking that holds already.
  if (is(args, 1, 'CACHING')) return NO_CHANGE;
  // It may go unanswered.
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
