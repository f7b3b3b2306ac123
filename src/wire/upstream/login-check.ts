// What a connection with a given login would be now: asked of the server by a fresh connection, one at a time for each
// login, which vouches for all that were waiting when it was begun. So a thousand clients that come at once cost a few.
// Owns these connections, which carry no command of a client. Decides nothing: the server does.
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

interface Login {
  readonly credential: Credential | undefined;
  waiting: Set<VouchApplicant>;
  /** For whom the connection under way vouches. */
  asking: Set<VouchApplicant> | undefined;
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
    for (const { waiting, asking } of this.logins.values()) applicants += waiting.size + (asking?.size ?? 0);
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
      login = { credential, waiting: new Set(), asking: undefined };
      this.logins.set(key, login);
    }
    login.waiting.add(applicant);
    this.next(key, login);
  }

  withdraw(applicant: VouchApplicant & Newcomer): void {
    this.silent.delete(applicant);
    for (const { waiting, asking } of this.logins.values()) {
      waiting.delete(applicant);
      asking?.delete(applicant);
    }
  }

  close(): void {
    clearTimeout(this.silence);
    this.logins.clear();
    for (const end of this.ending) end();
  }

  private next(key: string, login: Login): void {
    if (login.asking !== undefined) return;
    if (login.waiting.size === 0) {
      this.logins.delete(key);
      return;
    }
    const asking = login.waiting;
    login.asking = asking;
    login.waiting = new Set();
    this.connect(login.credential, (error, open) => {
      login.asking = undefined;
      if (error === undefined && login.credential === undefined) this.isShut = !open;
      if (this.logins.get(key) !== login) return;
      this.next(key, login);
      for (const applicant of asking) {
        if (error === undefined) applicant.vouched(open);
        else applicant.notVouched(error);
      }
    });
  }

  private connect(
    credential: Credential | undefined,
    done: (error: Error | undefined, open: boolean) => void,
  ) {
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
    const end = (): void => void socket.destroy();
    this.ending.add(end);
    greet(socket, sharedGreeting({ ...NOBODY, credential }), tell);
    socket.on('error', (error) => tell(error, false));
    socket.on('end', () => tell(new Error('the server ended the connection'), false));
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
