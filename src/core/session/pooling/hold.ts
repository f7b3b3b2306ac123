// Why a client needs its own upstream connection (a hold), and the identity that it keeps when it leaves that connection.
// Notes what each command would change (a claim, claims.ts) and learns from the answer whether it did. When unsure, it holds for
// good.
//
//   note(HELLO, AUTH, SELECT, CLIENT SETNAME …) ─▶ claim ── answered: the identity changes
//                                                      └── refused: nothing changes (or, if that is not sure: held for good)
//
// Invariant: each claim belongs to one pending reply, in the same order.
import { type CommandSpec, ConnectionRole, Sharing } from '../../commands/spec.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import { type Claim, claimOf, DISCARD, is, UNWATCH } from './claims.js';
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

  /** RESET was answered: the connection is like a new one. */
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
