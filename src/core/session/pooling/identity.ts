// Who a client is to the server and how it speaks, as far as another connection can be made the same: what a client
// takes along from one upstream connection to the next. Owns the greeting that makes a fresh connection so.
// Holds a password while its client is connected: never to be logged or shown.
import { encodeCommand } from '../../resp/encode.js';

/** Text is latin1, a character a byte. '' where nothing was said. */
export interface Identity {
  readonly resp: 2 | 3;
  /** Given by AUTH or HELLO; undefined: the connection was not authenticated, or is the default user's by itself. */
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

/** What a connection is before anything is said on it. */
export const NOBODY: Identity = {
  resp: 2,
  credential: undefined,
  db: 0,
  name: '',
  libName: '',
  libVersion: '',
};

/** One command of a greeting. */
export interface Greeting {
  readonly command: Buffer;
  /** Without it the connection is not what it should be. Else a refusal changes nothing that counts. */
  readonly essential: boolean;
}

/** Changes nothing on a connection that speaks RESP2, as a fresh one does; refused by NOAUTH where a login is wanted. */
export const HELLO: Greeting = { command: encodeCommand('HELLO', '2'), essential: false };
/** The same on one that speaks RESP3. */
export const HELLO_3: Greeting = { command: encodeCommand('HELLO', '3'), essential: false };

/**
 * What makes a fresh connection fit for any client of this identity. HELLO with its AUTH first: a server may take
 * nothing else before.
 */
export function sharedGreeting(identity: Identity): Greeting[] {
  return [...login(identity, []), ...select(identity)];
}

/** What makes a fresh connection this very client's: also how others see it in CLIENT LIST. */
export function ownGreeting(identity: Identity): Greeting[] {
  const { resp, credential, name, libName, libVersion } = identity;
  const greeting: Greeting[] = [];
  const say = (...words: string[]) => greeting.push({ command: encodeCommand(...words), essential: false });
  // By HELLO, which no user can be forbidden: CLIENT SETNAME may be by now.
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
