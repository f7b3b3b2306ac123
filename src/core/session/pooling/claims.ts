// What a command that concerns its connection would change of a client's identity, if the server takes it: a claim. Read from
// its words alone; the answer decides (hold.ts).
import { ConnectionRole } from '../../commands/spec.js';
import { equalsIgnoreCase, readPositiveInteger } from '../../resp/bytes.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import type { Identity } from './identity.js';

/** What a command changes, unless the server answers it with an error. */
export interface Claim {
  readonly identity: Partial<Identity>;
  readonly unwatches: boolean;
  /** The answers after which the state is unknown, so that the client is held for good. */
  readonly holds: 'never' | 'if refused' | 'if refused after its login' | 'if taken';
}

const NO_CHANGE: Claim = { identity: {}, unwatches: false, holds: 'never' };
export const UNWATCH: Claim = { identity: {}, unwatches: true, holds: 'never' };
export const DISCARD: Claim = { identity: {}, unwatches: true, holds: 'if refused' };
/** State that only this connection has, if the server knows the command. */
const SOMETHING: Claim = { identity: {}, unwatches: false, holds: 'if taken' };
/** The name that HELLO or CLIENT SETNAME gives the client, if the server accepts such a name (validateClientAttr). */
export function nameGiven(role: ConnectionRole, args: RequestScanner): string | undefined {
  const name = args.streaming ? undefined : claimOf(role, args)?.identity.name;
  return name !== undefined && /^[!-~]*$/.test(name) ? name : undefined;
}

/** What the command would change; undefined: unknown. */
export function claimOf(role: ConnectionRole, args: RequestScanner): Claim | undefined {
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

/** Whether argument `i` is `word`. */
export function is(args: RequestScanner, i: number, word: string): boolean {
  return equalsIgnoreCase(args.buf, args.starts[i], args.ends[i], word);
}

function text(args: RequestScanner, i: number): string {
  return Buffer.from(
    args.buf.buffer,
    args.buf.byteOffset + args.starts[i],
    args.ends[i] - args.starts[i],
  ).toString('latin1');
}
