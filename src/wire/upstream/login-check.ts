// What a connection with a given login would be now: asked of the server by a fresh connection, one at a time for each
// login, which vouches for all that were waiting when it was begun. So a thousand clients that come at once cost a few.
// One that brings no answer gets company: the server may have gone from the other end of it. Owns these connections,
// which carry no command of a client. Decides nothing: the server does.
//
//   ask() ─▶ waiting ── a connection begins ─▶ its applicants ── greeted ─▶ vouched(open)   refused ─▶ notVouched(error)
//
// Invariant: an applicant is answered, once, by a connection that was begun after it asked; or it withdraws.
import { createHash } from 'node:crypto';
import { type Credential, NOBODY, sharedGreeting } from '../../core/session/pooling/identity.js';
import { resetSocket } from '../node/socket-reads.js';
import { greet } from './greet.js';
import { connectUpstream, type UpstreamAddress } from './upstream-socket.js';

/** So long a client may be silent before it is asked about, where the server has wanted a login of the last one. */
const SILENT_MS = 100;
/** An attempt without an answer by then gets company, and the next one twice as late, up to so many doublings. */
const ATTEMPT_MS = 1000;
const MOST_DOUBLINGS = 4;
/** Attempts at a time for a login; the oldest one gives way. */
const MOST_ATTEMPTS = 3;

export interface VouchApplicant {
  /** Of a login that is none, `open` says whether the default user needs no password; else it is true. */
  vouched(open: boolean): void;
  /** There can be no such connection now. */
  notVouched(error: Error): void;
}

/** A client that has only just come. */
export interface Newcomer {
  /** It is time to ask, if it has not begun to speak. */
  isStillSilent(): void;
}

/** A connection under way, and for whom it vouches: also for all of those that were begun before it. */
interface Attempt {
  readonly asking: Set<VouchApplicant>;
  end(): void;
}

interface Login {
  readonly credential: Credential | undefined;
  waiting: Set<VouchApplicant>;
  /** The oldest one first. */
  attempts: Attempt[];
  /** How many have come to nothing in a row. */
  unanswered: number;
  patience: NodeJS.Timeout | undefined;
}

export class LoginCheck {
  private readonly logins = new Map<string, Login>();
  private readonly silent = new Set<Newcomer>();
  private silence: NodeJS.Timeout | undefined;
  private readonly ending = new Set<() => void>();
  /** A connection without a login was refused commands, when last seen. */
  private isShut = false;

  constructor(private readonly upstream: UpstreamAddress) {}

  /** How many wait to be vouched for. */
  get applicants(): number {
    let applicants = 0;
    for (const { waiting, attempts } of this.logins.values())
      applicants += waiting.size + (attempts.at(-1)?.asking.size ?? 0);
    return applicants + this.silent.size;
  }

  /**
   * Where logins are wanted nearly every client brings one at once: then nothing is asked, which the server would answer,
   * and count, as an error. Where they are not, what a client may do without one is asked as soon as it is there.
   * @returns whether to ask now; else the newcomer will be told when it is time
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
      login = { credential, waiting: new Set(), attempts: [], unanswered: 0, patience: undefined };
      this.logins.set(key, login);
    }
    login.waiting.add(applicant);
    this.next(key, login);
  }

  withdraw(applicant: VouchApplicant & Newcomer): void {
    this.silent.delete(applicant);
    for (const { waiting, attempts } of this.logins.values()) {
      waiting.delete(applicant);
      for (const { asking } of attempts) asking.delete(applicant);
    }
  }

  close(): void {
    clearTimeout(this.silence);
    for (const { patience } of this.logins.values()) clearTimeout(patience);
    this.logins.clear();
    for (const end of this.ending) end();
  }

  private next(key: string, login: Login): void {
    if (login.attempts.length > 0) return;
    if (login.waiting.size > 0) this.attempt(key, login);
    else this.logins.delete(key);
  }

  private attempt(key: string, login: Login): void {
    const { attempts } = login;
    const asking = new Set([...(attempts.at(-1)?.asking ?? []), ...login.waiting]);
    login.waiting = new Set();
    if (attempts.length === MOST_ATTEMPTS) attempts.shift()?.end();
    const later = ATTEMPT_MS * 2 ** Math.min(login.unanswered++, MOST_DOUBLINGS);
    clearTimeout(login.patience);
    login.patience = setTimeout(() => this.attempt(key, login), later).unref();
    const end = this.connect(login.credential, (error, open) => this.told(key, login, attempt, error, open));
    const attempt: Attempt = { asking, end };
    attempts.push(attempt);
  }

  private told(key: string, login: Login, attempt: Attempt, error: Error | undefined, open: boolean): void {
    const { attempts } = login;
    const at = attempts.indexOf(attempt);
    if (at < 0 || this.logins.get(key) !== login) return;
    if (error !== undefined && at < attempts.length - 1) {
      // A later one is under way for the same.
      attempts.splice(at, 1);
      return;
    }
    for (const older of attempts.splice(0, at + 1)) if (older !== attempt) older.end();
    for (const { asking } of attempts) for (const applicant of attempt.asking) asking.delete(applicant);
    if (attempts.length === 0) {
      clearTimeout(login.patience);
      login.unanswered = 0;
    }
    if (error === undefined && login.credential === undefined) this.isShut = !open;
    this.next(key, login);
    for (const applicant of attempt.asking) {
      if (error === undefined) applicant.vouched(open);
      else applicant.notVouched(error);
    }
  }

  /** @returns what ends it without a word */
  private connect(
    credential: Credential | undefined,
    done: (error: Error | undefined, open: boolean) => void,
  ): () => void {
    let told = false;
    const tell = (error: Error | undefined, open: boolean): void => {
      if (told) return;
      told = true;
      this.ending.delete(end);
      // By a reset: an orderly end would keep the port for a minute, and these may be many.
      resetSocket(socket);
      done(error, open);
    };
    const socket = connectUpstream(this.upstream, (bytes) => socket.hear(bytes));
    const end = (): void => {
      told = true;
      this.ending.delete(end);
      socket.destroy();
    };
    this.ending.add(end);
    greet(socket, sharedGreeting({ ...NOBODY, credential }), tell);
    socket.on('error', (error) => tell(error, false));
    socket.on('end', () => tell(new Error('the server ended the connection'), false));
    return end;
  }
}

/** The same for the same login; tells nothing of the password. */
export function loginKey(credential: Credential | undefined): string {
  if (credential === undefined) return '';
  const { user = 'default', password } = credential;
  return createHash('sha256')
    .update(JSON.stringify([user, password]))
    .digest('base64');
}
