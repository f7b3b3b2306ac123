// Who a client is to the server and how it speaks, as far as another connection can be made the same: what a client
// takes along from one upstream connection to the next. Owns the greeting that makes a fresh connection so.
// Holds a password while its client is connected: never to be logged or shown.
import { encodeCommand } from '../resp/encode.js';

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

/**
 * What makes a fresh connection fit for any client of this identity. HELLO with its AUTH first: a server may take
 * nothing else before.
 */
export function sharedGreeting(identity: Identity): Greeting[] {
  const { resp, credential, db } = identity;
  const greeting: Greeting[] = [];
  const essential = (...words: string[]) =>
    greeting.push({ command: encodeCommand(...words), essential: true });
  if (resp === 3) {
    if (credential === undefined) essential('HELLO', '3');
    else essential('HELLO', '3', 'AUTH', credential.user ?? 'default', credential.password);
  } else if (credential !== undefined) {
    const { user, password } = credential;
    essential('AUTH', ...(user === undefined ? [password] : [user, password]));
  }
  if (db !== 0) essential('SELECT', String(db));
  return greeting;
}

/** What makes a fresh connection this very client's: also how others see it in CLIENT LIST. */
export function ownGreeting(identity: Identity): Greeting[] {
  const greeting = sharedGreeting(identity);
  const say = (...words: string[]) => greeting.push({ command: encodeCommand(...words), essential: false });
  if (identity.name !== '') say('CLIENT', 'SETNAME', identity.name);
  if (identity.libName !== '') say('CLIENT', 'SETINFO', 'LIB-NAME', identity.libName);
  if (identity.libVersion !== '') say('CLIENT', 'SETINFO', 'LIB-VER', identity.libVersion);
  return greeting;
}
