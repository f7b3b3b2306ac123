// A client's identity: its user, database and protocol version, and the names that it gave. A client takes it along from one
// upstream connection to the next. Owns the greeting that gives a fresh connection this identity.
// Holds a password while its client is connected: never log or show it.
import { encodeCommand } from '../../resp/encode.js';

/** Text is latin1, one character a byte. '': not given. */
export interface Identity {
  readonly resp: 2 | 3;
  /** From AUTH or HELLO; undefined: no login, so the client is the default user if that needs no password. */
  readonly credential: Credential | undefined;
  readonly db: number;
  readonly name: string;
  readonly libName: string;
  readonly libVersion: string;
}

export interface Credential {
  /** undefined: AUTH with a password alone. */
  readonly user: string | undefined;
  readonly password: string;
}

/** The identity of a fresh connection. */
export const NOBODY: Identity = {
  resp: 2,
  credential: undefined,
  db: 0,
  name: '',
  libName: '',
  libVersion: '',
};

/** Whether clients of both identities may use the same shared connection. Names do not matter there. */
export function isShareable(a: Identity, b: Identity): boolean {
  return a === b || (a.resp === b.resp && a.db === b.db && isSameLogin(a.credential, b.credential));
}

function isSameLogin(a: Credential | undefined, b: Credential | undefined): boolean {
  return a === b || (a?.user === b?.user && a?.password === b?.password);
}

/** One command of a greeting. */
export interface Greeting {
  readonly command: Buffer;
  /** If the server refuses it, the connection cannot be used. A refusal of any other command does not matter. */
  readonly essential: boolean;
}

/** Changes nothing on a RESP2 connection, such as a fresh one. Answered with NOAUTH if a login is required. */
export const HELLO: Greeting = { command: encodeCommand('HELLO', '2'), essential: false };
/** The same for a RESP3 connection. */
export const HELLO_3: Greeting = { command: encodeCommand('HELLO', '3'), essential: false };

/**
 * The greeting of a shared connection, for any client of this identity. HELLO with AUTH comes first, since a server may refuse
 * everything before a login.
 */
export function sharedGreeting(identity: Identity): Greeting[] {
  return [...login(identity, []), ...select(identity)];
}

/** The greeting of a client's own connection, including the names that CLIENT LIST shows. */
export function ownGreeting(identity: Identity): Greeting[] {
  const { resp, credential, name, libName, libVersion } = identity;
  const greeting: Greeting[] = [];
  const say = (...words: string[]) => greeting.push({ command: encodeCommand(...words), essential: false });
  // HELLO sets the name, because no user can be forbidden HELLO, but CLIENT SETNAME may be forbidden by now.
  const naming = name === '' ? [] : ['SETNAME', name];
  if (resp === 3 || credential !== undefined) greeting.push(...login(identity, naming));
  if (resp === 2 && name !== '') say('HELLO', '2', ...naming);
  greeting.push(...select(identity));
  if (libName !== '') say('CLIENT', 'SETINFO', 'LIB-NAME', libName);
  if (libVersion !== '') say('CLIENT', 'SETINFO', 'LIB-VER', libVersion);
  return greeting;
}

function login({ resp, credential }: Identity, naming: readonly string[]): Greeting[] {
  if (resp === 2 && credential === undefined) return [HELLO];
  const { user, password = '' } = credential ?? {};
  if (resp === 2) return [essential('AUTH', ...(user === undefined ? [password] : [user, password]))];
  const auth = credential === undefined ? [] : ['AUTH', user ?? 'default', password];
  return [essential('HELLO', '3', ...auth, ...naming)];
}

function select({ db }: Identity): Greeting[] {
  return db === 0 ? [] : [essential('SELECT', String(db))];
}

function essential(...words: string[]): Greeting {
  return { command: encodeCommand(...words), essential: true };
}
