// Says a greeting on a fresh upstream connection and hears its answers, before anything else is said on it.
import { MINUS } from '../resp/bytes.js';
import { ReplyScanner } from '../resp/reply-scanner.js';
import type { Greeting } from '../session/identity.js';
import type { UpstreamSocket } from './upstream-socket.js';

/**
 * Calls `done` once all is answered; never, when there is nothing to say. An error tells that the connection cannot
 * become what was wanted, in the server's words. The socket's own end is the caller's to see.
 */
export function greet(
  socket: UpstreamSocket,
  greeting: readonly Greeting[],
  done: (error?: Error) => void,
): void {
  const scanner = new ReplyScanner();
  let answered = 0;
  const heard = (chunk: Buffer): void => {
    for (let at = 0; at < chunk.length; ) {
      at = scanner.scan(chunk, at, chunk.length);
      if (scanner.malformed || answered === greeting.length) {
        finish(new Error('the server answers what was not asked'));
        return;
      }
      if (!scanner.atBoundary) return;
      const { essential } = greeting[answered++];
      if (scanner.type === MINUS && essential) {
        const reason = Buffer.from(scanner.prefix.subarray(0, scanner.prefixLength)).toString('latin1');
        finish(new Error(`the server refuses the greeting: ${reason.slice(1).trim()}`));
        return;
      }
    }
    if (answered === greeting.length) finish();
  };
  const finish = (error?: Error): void => {
    socket.listen(() => {});
    done(error);
  };
  socket.listen(heard);
  socket.write(Buffer.concat(greeting.map(({ command }) => command)));
}
