// A connection to the server, by TCP, TLS or a unix socket. Owns how it is made, how it is read, and when it counts as made.
// A name is resolved anew for each connection, and its addresses are tried in turn.
//
// By TCP and unix socket the server's last words are kept even when a write fails first. A server that refuses a request
// closes while more of it is still being sent. The next write fails, and Node then destroys the socket with everything that
// the kernel holds unread: the server's reason. Reading that first needs a Node internal (the socket's descriptor). Without
// it, and with TLS, the last words are lost.
import { readSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import type { TlsRenewal } from '../../files/renewal.js';
import { HIGH_WATER_BYTES, readInto, resetSocket } from '../node/socket-reads.js';
import type { Following } from './following.js';

const PIECE_BYTES = 64 * 1024;

/** The address at which the server listens. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** The path of a unix socket: host and port then mean nothing. */
  readonly path?: string | undefined;
  readonly connectTimeoutMs: number;
}

export interface UpstreamAddress extends Endpoint {
  /** TCP keep-alive: the system probes the other side after this time without a byte; 0: never. */
  readonly keepAliveMs: number;
  /** undefined: no TLS. */
  readonly tls?: UpstreamTls | undefined;
  /** undefined: the address of the server does not change. */
  readonly following?: Following | undefined;
}

export interface UpstreamTls {
  readonly renewal: TlsRenewal;
  /** The name that the server's certificate must be for (default: the host's name); also sent by SNI. */
  readonly serverName: string | undefined;
}

/** Receives the bytes that come. */
interface ByteListener {
  /** From now on `hear` gets the bytes that come; the buffer is valid only until it returns. */
  listen(hear: (bytes: Buffer) => void): void;
  /** Acts as if these bytes had just come. */
  hear(bytes: Buffer): void;
}

export type UpstreamSocket = net.Socket & ByteListener;

/**
 * Begins to connect.
 * @param onMade called when the connection stands; with TLS, when the server's certificate is verified
 * @param onLastWords called with what was unread when the socket is destroyed for an error, before 'error'
 */
export function connectUpstream(
  address: UpstreamAddress,
  onLastWords: (bytes: Buffer) => void,
  onMade: () => void = () => {},
): UpstreamSocket {
  const { connectTimeoutMs, tls: secure } = address;
  const socket = secure === undefined ? new PlainSocket(address, onLastWords) : secureSocket(address, secure);
  socket.setTimeout(connectTimeoutMs, () => {
    socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`));
  });
  socket.once(secure === undefined ? 'connect' : 'secureConnect', () => {
    socket.setTimeout(0);
    onMade();
  });
  return socket;
}

/** Ends it at once, with everything that has not been sent yet: a frozen server must not execute that when it wakes. */
export function cutUpstream(socket: UpstreamSocket): void {
  if (socket.connecting) socket.destroy();
  else resetSocket(socket);
}

/** Where to connect, as net.connect() takes it. */
export function target({ host, port, path }: Endpoint): net.NetConnectOpts {
  return path === undefined ? { host, port } : { path };
}

/** A host with several addresses fails with one error for each. It refuses only if all of them refuse. */
export function asOne(error: Error): NodeJS.ErrnoException {
  if (!(error instanceof AggregateError)) return error;
  const errors = error.errors as NodeJS.ErrnoException[];
  const one: NodeJS.ErrnoException = new Error(errors.map(({ message }) => message).join('; '));
  if (errors.every(({ code }) => code === errors[0].code)) one.code = errors[0].code;
  return one;
}

/**
 * Options for tls.connect(): the certificate is checked against the CA, or the well-known ones, and the server's name. Without a
 * host, and without a name in the config, the name is the caller's part.
 */
export function secureOptions({ host }: Endpoint, { renewal, serverName }: UpstreamTls) {
  const name = serverName ?? (net.isIP(host) === 0 && host !== '' ? host : undefined);
  return { secureContext: renewal.context, ...(name !== undefined && { servername: name }) };
}

function secureSocket(address: UpstreamAddress, secure: UpstreamTls): UpstreamSocket {
  let heard = (_: Buffer): void => {};
  const halfOpen = { allowHalfOpen: true, highWaterMark: HIGH_WATER_BYTES };
  const socket = tls.connect({ ...target(address), ...secureOptions(address, secure), ...halfOpen });
  socket.setNoDelay(true);
  socket.setKeepAlive(address.keepAliveMs > 0, address.keepAliveMs);
  socket.on('data', (bytes: Buffer) => heard(bytes));
  return Object.assign(socket, {
    listen(hear: (bytes: Buffer) => void) {
      heard = hear;
    },
    hear: (bytes: Buffer) => heard(bytes),
  });
}

class PlainSocket extends net.Socket implements ByteListener {
  private readonly listener: { hear(bytes: Buffer): void };
  private readonly onLastWords: (bytes: Buffer) => void;
  /** It has used its part of this turn of the event loop. */
  private rests = false;
  private held = false;

  constructor(address: UpstreamAddress, onLastWords: (bytes: Buffer) => void) {
    const listener = { hear: (_: Buffer): void => {} };
    super({
      allowHalfOpen: true,
      highWaterMark: HIGH_WATER_BYTES,
      noDelay: true,
      keepAlive: address.keepAliveMs > 0,
      keepAliveInitialDelay: address.keepAliveMs,
      onread: readInto((bytes) => listener.hear(bytes), {
        rest: () => this.rest(),
        readOn: () => this.readOn(),
      }),
    } as net.SocketConstructorOpts);
    this.listener = listener;
    this.onLastWords = onLastWords;
    this.connect(target(address));
  }

  listen(hear: (bytes: Buffer) => void): void {
    this.listener.hear = hear;
  }

  hear(bytes: Buffer): void {
    this.listener.hear(bytes);
  }

  override pause(): this {
    this.held = true;
    return super.pause();
  }

  override resume(): this {
    this.held = false;
    return this.rests ? this : super.resume();
  }

  private rest(): void {
    this.rests = true;
  }

  private readOn(): void {
    this.rests = false;
    if (!this.held && !this.destroyed) super.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (error !== null && !this.connecting) for (const bytes of unread(this)) this.onLastWords(bytes);
    super._destroy(error, callback);
  }
}

/** What the kernel holds unread for a socket; nothing if Node does not expose the descriptor. */
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
