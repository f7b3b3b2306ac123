// Sends a greeting on a fresh upstream connection and reads the answers before anything else goes up.
// A full server sends its error unasked, in place of the first answer, and closes. So a connection counts as made once the
// server has answered something that a full server never answers. That is HELLO, which every user may send (server.c,
// CMD_NO_AUTH): a refused HELLO is not logged as a denied command.
// The same answer names the server's role. If the primary may have moved (`fenced`), only a primary is accepted. A server that
// demands a login before it answers cannot be asked on a connection without one.
import { MINUS } from '../../core/resp/bytes.js';
import { errorReply } from '../../core/resp/client-errors.js';
import { encodeCommand } from '../../core/resp/encode.js';
import { ReplyScanner } from '../../core/resp/reply-scanner.js';
import { type Greeting, HELLO } from '../../core/session/pooling/identity.js';
import type { UpstreamSocket } from './upstream-socket.js';

/** A question that servers without HELLO answer, for a user with the right. */
const ROLE: Greeting = { command: encodeCommand('ROLE'), essential: false };
const IS_HELLO = /^\*\d+\r\n\$5\r\nHELLO\r\n/;
/** In the answers to HELLO and to ROLE. */
const ROLE_OF = /(?:\$4\r\nrole\r\n|^\*\d+\r\n)\$\d+\r\n(master|active-replica|replica|slave)\r\n/;
const PRIMARY = /^(?:master|active-replica)$/;
/** A server without HELLO (before 6.0) has no rights that could be missing. */
const PING: Greeting = { command: encodeCommand('PING'), essential: false };
/** The most bytes of an answer to a greeting. */
const MOST_BYTES = 64 * 1024;
const NOAUTH = Buffer.from('-NOAUTH', 'latin1');
/** How a server refuses a login (acl.c, authCommand; before 6.0 `ERR invalid password`). */
const LOGIN_REFUSED = /^-(?:WRONGPASS|NOAUTH|ERR invalid password|ERR (?:Client sent )?AUTH)/;

const NOT_PERMITTED = /^-NOPERM /;

/** The server refuses the connection, or the login or state that it should have: an error reply, in the server's own words. */
export class Refused extends Error {
  constructor(readonly words: Buffer) {
    super(`the server refuses the connection: ${words.toString('latin1', 1).trim()}`);
  }

  /** Whether it refuses the login, or the database, to a user that may not SELECT. Another login may be accepted. */
  get ofIdentity(): boolean {
    return this.ofLogin || NOT_PERMITTED.test(this.words.toString('latin1'));
  }

  /** Whether it refuses the login. */
  get ofLogin(): boolean {
    return LOGIN_REFUSED.test(this.words.toString('latin1'));
  }
}

/** The server has turned out not to be the primary, or no longer to be it. */
export class NotPrimary extends Error {
  constructor(role: string) {
    super(`the server is a ${role}, not the primary`);
  }
}

/** For a client without a login that now needs one: the server's own line (shared.noautherr). */
export function loginWanted(): Refused {
  return new Refused(errorReply('NOAUTH'));
}

/**
 * Calls `done` when everything is answered, or with an error if the connection cannot become what was wanted. Without an error
 * `open` says whether it may run commands: the greeting logged it in, or the default user needs no password.
 * With `fenced`, a server that says that it is not a primary is refused (NotPrimary).
 * The caller must watch for ends and errors of the socket that come without an answer, with listeners added after this call.
 */
export function greet(
  socket: UpstreamSocket,
  greeting: readonly Greeting[],
  done: (error: Error | undefined, open: boolean) => void,
  fenced = false,
): void {
  const asked: Greeting[] = [];
  let role: string | undefined;
  let askedForRole = false;
  const scanner = new ReplyScanner();
  let answered = 0;
  let pieces: Buffer[] = [];
  let bytes = 0;
  let refusal: Buffer | undefined;
  /** Something was answered that shows that the server has accepted the connection. */
  let taken = false;
  let open = true;
  const heard = (chunk: Buffer): void => {
    for (let at = 0; at < chunk.length; ) {
      const from = at;
      at = scanner.scan(chunk, at, chunk.length);
      // The buffer is valid only until this returns.
      pieces.push(Buffer.from(chunk.subarray(from, at)));
      bytes += at - from;
      if (scanner.malformed || answered === asked.length || bytes > MOST_BYTES) {
        finish(new Error('the server sent a reply that no command was waiting for'));
        return;
      }
      if (!scanner.atBoundary) continue;
      const reply = pieces;
      pieces = [];
      bytes = 0;
      const { essential } = asked[answered++];
      if (scanner.type !== MINUS) {
        taken = true;
        if (fenced) role ??= ROLE_OF.exec(Buffer.concat(reply).toString('latin1'))?.[1];
        continue;
      }
      const words = Buffer.concat(reply);
      if (essential) {
        finish(new Refused(words));
        return;
      }
      // The second answer comes from a server that has not closed the connection with the first.
      taken ||= refusal !== undefined;
      refusal = words;
      if (words.subarray(0, NOAUTH.length).equals(NOAUTH)) {
        taken = true;
        open = false;
      }
    }
    if (answered < asked.length) return;
    if (role !== undefined && !PRIMARY.test(role)) finish(new NotPrimary(role));
    else if (fenced && role === undefined && open && !askedForRole) {
      askedForRole = true;
      ask(ROLE);
    } else if (taken) finish();
    else ask(PING);
  };
  const ask = (...more: readonly Greeting[]): void => {
    asked.push(...more);
    socket.write(Buffer.concat(more.map(({ command }) => command)));
  };
  const ended = (): void => {
    if (refusal !== undefined) finish(new Refused(refusal));
  };
  const finish = (error?: Error): void => {
    socket.listen(() => {});
    socket.off('end', ended).off('error', ended);
    done(error, open);
  };
  socket.listen(heard);
  socket.on('end', ended).on('error', ended);
  const tells = greeting.some(({ command }) => IS_HELLO.test(command.toString('latin1')));
  // Without HELLO the connection speaks RESP2, which HELLO 2 does not change.
  ask(...greeting, ...(greeting.length === 0 || (fenced && !tells) ? [HELLO] : []));
}
