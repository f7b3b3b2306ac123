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

type Done = (error: Error | undefined, open: boolean) => void;

/**
 * Calls `done` when everything is answered, or with an error if the connection cannot become what was wanted. Without an error
 * `open` says whether it may run commands: the greeting logged it in, or the default user needs no password.
 * With `fenced`, a server that says that it is not a primary is refused (NotPrimary).
 * The caller must watch for ends and errors of the socket that come without an answer, with listeners added after this call.
 */
export function greet(
  socket: UpstreamSocket,
  greeting: readonly Greeting[],
  done: Done,
  fenced = false,
): void {
  const tells = greeting.some(({ command }) => IS_HELLO.test(command.toString('latin1')));
  // Without HELLO the connection speaks RESP2, which HELLO 2 does not change.
  const isAsked = greeting.length > 0 && (tells || !fenced);
  new GreetedConnection(socket, done, fenced).ask(...greeting, ...(isAsked ? [] : [HELLO]));
}

class GreetedConnection {
  private readonly asked: Greeting[] = [];
  private answered = 0;
  private readonly scanner = new ReplyScanner();
  /** Of the answer that has not come whole. */
  private pieces: Buffer[] = [];
  private bytes = 0;
  /** The last answer that was an error, but not to anything essential. */
  private refusal: Buffer | undefined;
  /** Something was answered that shows that the server has accepted the connection. */
  private taken = false;
  private open = true;
  private role: string | undefined;
  private askedForRole = false;

  constructor(
    private readonly socket: UpstreamSocket,
    private readonly done: Done,
    private readonly fenced: boolean,
  ) {
    socket.listen((chunk) => this.heard(chunk));
    socket.on('end', this.ended).on('error', this.ended);
  }

  ask(...more: readonly Greeting[]): void {
    this.asked.push(...more);
    this.socket.write(Buffer.concat(more.map(({ command }) => command)));
  }

  private heard(chunk: Buffer): void {
    const { scanner } = this;
    for (let at = 0; at < chunk.length; ) {
      const from = at;
      at = scanner.scan(chunk, at, chunk.length);
      // The buffer is valid only until this returns.
      this.pieces.push(Buffer.from(chunk.subarray(from, at)));
      this.bytes += at - from;
      if (scanner.malformed || this.answered === this.asked.length || this.bytes > MOST_BYTES) {
        this.finish(new Error('the server sent a reply that no command was waiting for'));
        return;
      }
      if (!scanner.atBoundary) continue;
      const refused = this.hear(Buffer.concat(this.pieces), this.asked[this.answered++]);
      if (refused !== undefined) {
        this.finish(refused);
        return;
      }
      this.pieces = [];
      this.bytes = 0;
    }
    if (this.answered === this.asked.length) this.answeredAll();
  }

  /** One answer; returns why the connection cannot become what was wanted. */
  private hear(words: Buffer, { essential }: Greeting): Error | undefined {
    if (this.scanner.type !== MINUS) {
      this.taken = true;
      if (this.fenced) this.role ??= ROLE_OF.exec(words.toString('latin1'))?.[1];
      return undefined;
    }
    if (essential) return new Refused(words);
    // The second answer comes from a server that has not closed the connection with the first.
    this.taken ||= this.refusal !== undefined;
    this.refusal = words;
    if (words.subarray(0, NOAUTH.length).equals(NOAUTH)) {
      this.taken = true;
      this.open = false;
    }
    return undefined;
  }

  private answeredAll(): void {
    const { role, fenced, open } = this;
    if (role !== undefined && !PRIMARY.test(role)) this.finish(new NotPrimary(role));
    else if (fenced && role === undefined && open && !this.askedForRole) {
      this.askedForRole = true;
      this.ask(ROLE);
    } else if (this.taken) this.finish();
    else this.ask(PING);
  }

  private readonly ended = (): void => {
    if (this.refusal !== undefined) this.finish(new Refused(this.refusal));
  };

  private finish(error?: Error): void {
    const { socket, ended } = this;
    socket.listen(() => {});
    socket.off('end', ended).off('error', ended);
    this.done(error, this.open);
  }
}
