// Finds out what rights a connection with a given login gets now, by asking on a fresh one (a check). One check runs at a
// time for each login. Its answer counts for every client that was waiting when the check began, so a thousand clients
// that arrive at once cost a few checks. If a check gets no answer, a second one starts beside it (attempts.ts).
// Owns these connections, which carry no client's command. The decision is the server's.
//
//   ask() ─▶ waiting ── a check begins ─▶ its applicants ── greeted ─▶ vouched(open)   refused ─▶ notVouched(error)
//
// Invariants: an applicant withdraws, or is answered once, by a check that began after it asked; a login has checks only
// while an applicant waits for them.
import { createHash } from 'node:crypto';
import { type Credential, NOBODY, sharedGreeting } from '../../core/session/pooling/identity.js';
import { resetSocket } from '../node/socket-reads.js';
import { type Attempt, Attempts } from './attempts.js';
import { AGAIN_MS } from './following.js';
import { greet, Refused } from './greet.js';
import { connectUpstream, type UpstreamAddress } from './upstream-socket.js';

/** If the server demanded a login of the last client, a silent client is checked after this time. */
const SILENT_MS = 100;
/** Attempts at a time for one login. */
const MOST_ATTEMPTS = 3;
/** While the server says nothing, it is asked again at least every 16 s. */
const MOST_DOUBLINGS = 4;

export interface VouchApplicant {
  /** Without a login, `open` says whether the default user needs no password; otherwise it is true. */
  vouched(open: boolean): void;
  /** There can be no such connection now. */
  notVouched(error: Error): void;
}

/** A client that has just connected. */
export interface Newcomer {
  /** The time to ask has come, unless the client has begun to speak. */
  isStillSilent(): void;
}

/** A connection under way, and the clients for whom it vouches: also those of all attempts that began before it. */
interface Asking extends Attempt {
  readonly applicants: Set<VouchApplicant>;
}

interface Login {
  readonly credential: Credential | undefined;
  /** They asked after the last attempt began. */
  waiting: Set<VouchApplicant>;
  readonly attempts: Attempts<Asking>;
  /** Since when no connection can be made to a primary that may have moved. */
  failsSince: number | undefined;
  /** How many attempts have begun since the server last answered one. */
  unanswered: number;
}

export class LoginCheck {
  private readonly logins = new Map<string, Login>();
  private readonly silent = new Set<Newcomer>();
  private silence: NodeJS.Timeout | undefined;
  private again: NodeJS.Timeout | undefined;
  /** Whether the server last refused commands on a connection without a login. */
  private isShut = false;

  constructor(
    private readonly upstream: UpstreamAddress,
    private readonly clock: () => number = () => performance.now(),
    /** A connection to a primary that may have moved could not be made. */
    private readonly onFailed: (error: Error) => void = () => {},
  ) {}

  /** How many clients wait to be vouched for. */
  get applicants(): number {
    let applicants = 0;
    for (const { waiting, attempts } of this.logins.values())
      applicants += waiting.size + (attempts.newest?.applicants.size ?? 0);
    return applicants + this.silent.size;
  }

  /**
   * If the server demands logins, nearly every client sends one at once: then Spillway asks nothing, since the server would
   * answer and count the question as an error. Otherwise Spillway asks what the client may do without a login as soon as it
   * connects.
   * @returns whether to ask now; otherwise the newcomer is called when the time has come
   */
  admit(newcomer: Newcomer): boolean {
    if (!this.isShut) return true;
    this.silent.add(newcomer);
    this.silence ??= setTimeout(() => {
      this.silence = undefined;
      const silent = [...this.silent];
      this.silent.clear();
      for (const one of silent) one.isStillSilent();
    }, SILENT_MS).unref();
    return false;
  }

  ask(credential: Credential | undefined, applicant: VouchApplicant): void {
    const key = loginKey(credential);
    let login = this.logins.get(key);
    if (login === undefined) {
      const attempts = new Attempts<Asking>(MOST_ATTEMPTS, MOST_DOUBLINGS, this.clock);
      login = { credential, waiting: new Set(), attempts, failsSince: undefined, unanswered: 0 };
      this.logins.set(key, login);
    }
    login.waiting.add(applicant);
    if (login.attempts.size === 0) this.attempt(key, login);
  }

  withdraw(applicant: VouchApplicant & Newcomer): void {
    this.silent.delete(applicant);
    for (const [key, login] of this.logins) {
      let asked = login.waiting.delete(applicant);
      for (const { applicants } of login.attempts) if (applicants.delete(applicant)) asked = true;
      if (asked) this.endIfUnwanted(key, login);
    }
  }

  /** Must be called several times a second: makes one more attempt if the last one has brought nothing. */
  tick(): void {
    for (const [key, login] of this.logins)
      if (login.attempts.isDue(login.unanswered - 1)) this.attempt(key, login);
  }

  /** The pause is over: connections may be made again. */
  goOn(): void {
    for (const [key, login] of this.logins) if (login.attempts.size === 0) this.attempt(key, login);
  }

  /** The primary has moved: asks again. */
  moved(): void {
    for (const [key, login] of this.logins) {
      for (const applicant of login.attempts.newest?.applicants ?? []) login.waiting.add(applicant);
      login.attempts.closeAll();
      login.unanswered = 0;
      this.attempt(key, login);
    }
  }

  close(): void {
    clearTimeout(this.silence);
    clearTimeout(this.again);
    for (const { attempts } of this.logins.values()) attempts.closeAll();
    this.logins.clear();
  }

  /** Ends the checks under way that nobody waits for: the next client needs a later connection anyway. */
  private endIfUnwanted(key: string, login: Login): void {
    const { attempts, waiting } = login;
    if (attempts.newest !== undefined && attempts.newest.applicants.size > 0) return;
    attempts.closeAll();
    login.unanswered = 0;
    if (waiting.size > 0) this.attempt(key, login);
    else this.logins.delete(key);
  }

  private attempt(key: string, login: Login): void {
    if (this.upstream.following?.isPaused) return;
    const applicants = new Set([...(login.attempts.newest?.applicants ?? []), ...login.waiting]);
    login.waiting = new Set();
    login.unanswered++;
    const close = this.connect(login.credential, (error, open) => this.told(key, login, asking, error, open));
    const asking: Asking = { applicants, close };
    login.attempts.begin(asking);
  }

  private told(key: string, login: Login, asking: Asking, error: Error | undefined, open: boolean): void {
    const { attempts } = login;
    const { applicants } = asking;
    if (error !== undefined && asking !== attempts.newest) {
      // A later attempt for the same login is under way.
      attempts.take(asking);
      return;
    }
    if (error !== undefined && this.triesAgain(login, asking, error)) return;
    login.failsSince = undefined;
    attempts.closeOlder(asking);
    attempts.take(asking);
    for (const later of attempts) for (const applicant of applicants) later.applicants.delete(applicant);
    if (error === undefined && login.credential === undefined) this.isShut = !open;
    this.endIfUnwanted(key, login);
    for (const applicant of applicants) {
      if (error === undefined) applicant.vouched(open);
      else applicant.notVouched(error);
    }
  }

  /** No connection can be made to a primary that may have moved: tries again in a moment, or after a pause. */
  private triesAgain(login: Login, asking: Asking, error: Error): boolean {
    const { following } = this.upstream;
    if (following === undefined || error instanceof Refused) return false;
    this.onFailed(error);
    login.failsSince ??= performance.now();
    if (!following.waits(login.failsSince)) return false;
    login.attempts.take(asking);
    for (const applicant of asking.applicants) login.waiting.add(applicant);
    login.unanswered = 0;
    this.again ??= setTimeout(() => {
      this.again = undefined;
      this.goOn();
    }, AGAIN_MS).unref();
    return true;
  }

  /** @returns what closes it without a word */
  private connect(
    credential: Credential | undefined,
    done: (error: Error | undefined, open: boolean) => void,
  ): () => void {
    let told = false;
    const tell = (error: Error | undefined, open: boolean): void => {
      if (told) return;
      told = true;
      // By a reset: an orderly end would occupy the port for a minute, and there may be many of these.
      resetSocket(socket);
      done(error, open);
    };
    const socket = connectUpstream(this.upstream, (bytes) => socket.hear(bytes));
    const fenced = this.upstream.following !== undefined;
    greet(socket, sharedGreeting({ ...NOBODY, credential }), tell, fenced);
    socket.on('error', (error) => tell(error, false));
    socket.on('end', () => tell(new Error('the server ended the connection'), false));
    return () => {
      told = true;
      socket.destroy();
    };
  }
}

/**
 * Equal for equal logins, without revealing the password. The default user's password without its name is a different login:
 * the server refuses it if that user needs no password.
 */
export function loginKey(credential: Credential | undefined): string {
  if (credential === undefined) return '';
  const { user = null, password } = credential;
  return createHash('sha256')
    .update(JSON.stringify([user, password]))
    .digest('base64');
}
