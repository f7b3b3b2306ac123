// A client's connection to the server, which hands out what the server said last even when a write fails first.
// A server that refuses a request closes while more of it is still being sent. The next write then fails, and Node
// destroys a socket on a failed write together with all that the kernel holds unread: the server's reason with it.
// Touches a Node internal (the descriptor of a socket); without it these last words are lost.
import { readSync } from 'node:fs';
import net from 'node:net';
import { HIGH_WATER_BYTES, readInto } from './socket-reads.js';

const PIECE_BYTES = 64 * 1024;
/** As Redis's tcp-keepalive: a peer that is gone without a word is noticed. */
export const KEEP_ALIVE_MS = 300_000;

export interface UpstreamAddress {
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
}

export class UpstreamSocket extends net.Socket {
  private readonly ear: { hear(bytes: Buffer): void; missing(): number };
  private readonly onLastWords: (bytes: Buffer) => void;

  /** @param onLastWords called with what was unread when the socket is destroyed for an error, before 'error' */
  constructor({ host, port, connectTimeoutMs }: UpstreamAddress, onLastWords: (bytes: Buffer) => void) {
    const ear = { hear: (_: Buffer): void => {}, missing: () => 0 };
    super({
      allowHalfOpen: true,
      highWaterMark: HIGH_WATER_BYTES,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      onread: readInto(
        (bytes) => ear.hear(bytes),
        () => ear.missing(),
      ),
    } as net.SocketConstructorOpts);
    this.ear = ear;
    this.onLastWords = onLastWords;
    this.setTimeout(connectTimeoutMs, () => {
      this.destroy(new Error(`no connection within ${connectTimeoutMs} ms`));
    });
    this.once('connect', () => this.setTimeout(0));
    this.connect({ host, port });
  }

  /** From now on `hear` gets what comes, of which `missing` is still to come; see readInto(). */
  listen(hear: (bytes: Buffer) => void, missing = () => 0): void {
    this.ear.hear = hear;
    this.ear.missing = missing;
  }

  /** As if these bytes had just come. */
  hear(bytes: Buffer): void {
    this.ear.hear(bytes);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (error !== null && !this.connecting) for (const bytes of unread(this)) this.onLastWords(bytes);
    super._destroy(error, callback);
  }
}

/** What the kernel holds for a socket and nobody has read; nothing where Node doesn't tell the descriptor. */
function* unread(socket: net.Socket): Generator<Buffer> {
  const { _handle: handle } = socket as { _handle?: { fd?: unknown } | null };
  const fd = handle?.fd;
  if (typeof fd !== 'number' || fd < 0 || socket.readableEnded) return;
  for (;;) {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    let length: number;
    try {
      length = readSync(fd, piece);
    } catch {
      return; // EAGAIN, or the connection's own error: no more to come.
    }
    if (length === 0) return;
    yield piece.subarray(0, length);
  }
}
