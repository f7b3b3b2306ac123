// Says a greeting on a fresh upstream connection and hears its answers, before anything else is said on it.
// A server that takes no more connections says so unasked, in the place of the first answer, and ends it: so two
// things at least are asked, and only one that answers both has taken the connection.
import { MINUS } from '../resp/bytes.js';
import { encodeCommand } from '../resp/encode.js';
import { ReplyScanner } from '../resp/reply-scanner.js';
import type { Greeting } from '../session/identity.js';
import type { UpstreamSocket } from './upstream-socket.js';

const PROBE: Greeting = { command: encodeCommand('PING'), essential: false };
const LEAST_ASKED = 2;
/** No answer to a greeting is longer. */
const MOST_BYTES = 64 * 1024;

/** The server does not take the connection, or not for what it was to be: in its own words, an error reply. */
export class Refused extends Error {
  constructor(readonly words: Buffer) {
    super(`the server refuses the connection: ${words.toString('latin1', 1).trim()}`);
  }
}

/**
 * Calls `done` once all is answered, or with an error when the connection cannot become what was wanted. Ends and
 * errors of the socket with nothing said before are the caller's to see; listen to them behind this.
 */
export function greet(
  socket: UpstreamSocket,
  greeting: readonly Greeting[],
  done: (error?: Error) => void,
): void {
  const asked = [...greeting];
  while (asked.length < LEAST_ASKED) asked.push(PROBE);
  const scanner = new ReplyScanner();
  let answered = 0;
  let pieces: Buffer[] = [];
  let bytes = 0;
  let refusal: Buffer | undefined;
  const heard = (chunk: Buffer): void => {
    for (let at = 0; at < chunk.length; ) {
      const from = at;
      at = scanner.scan(chunk, at, chunk.length);
      // Few bytes are handed out only until this returns.
      pieces.push(Buffer.from(chunk.subarray(from, at)));
      bytes += at - from;
      if (scanner.malformed || answered === asked.length || bytes > MOST_BYTES) {
        finish(new Error('the server answers what was not asked'));
        return;
      }
      if (!scanner.atBoundary) return;
      const reply = pieces;
      pieces = [];
      bytes = 0;
      const { essential } = asked[answered++];
      if (scanner.type !== MINUS) continue;
      refusal = Buffer.concat(reply);
      if (essential) {
        finish(new Refused(refusal));
        return;
      }
    }
    if (answered === asked.length) finish();
  };
  const ended = (): void => {
    if (refusal !== undefined) finish(new Refused(refusal));
  };
  const finish = (error?: Error): void => {
    socket.listen(() => {});
    socket.off('end', ended).off('error', ended);
    done(error);
  };
  socket.listen(heard);
  socket.on('end', ended).on('error', ended);
  socket.write(Buffer.concat(asked.map(({ command }) => command)));
}
