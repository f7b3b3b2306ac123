// What an accepted connection passes before it counts as a client's: the PROXY header, if its source must send one, then
// the TLS handshake, if clients use TLS. Owns the connections that are on their way in.
// Invariants: each connection is admitted or turned away, once, within the time limit; no byte of it is lost or read twice;
// a bad connection harms only itself. TLS is Node's own server, which verifies clients' certificates. It does not listen;
// it is handed connections.
//
//   accepted ─▶ header ─▶ handshake ─▶ admitted      a step that is not configured is skipped
//                  └──────────┴──────▶ turned away   malformed, refused, too slow, or gone
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { TlsRenewal } from '../../files/renewal.js';
import { detach } from '../node/handover.js';
import { ProxyHeader } from './proxy-header.js';
import { type SourceList, sourceOf } from './sources.js';

/** How long header and handshake may take together. */
const ENTER_MS = 10_000;

/** A client that has passed, and has not been read yet. */
export interface Arrival {
  readonly socket: Socket;
  /** The connection itself, below TLS. */
  readonly raw: Socket;
  /** The client's address: of its socket, or from the PROXY header. */
  readonly source: string;
}

export interface EntranceOptions {
  /** The sources whose connections begin with a PROXY header; undefined: none. */
  readonly proxied?: SourceList | undefined;
  /** undefined: clients use no TLS. */
  readonly tls?: ServerTls | undefined;
}

export interface ServerTls {
  readonly renewal: TlsRenewal;
  /** Admits only clients with a certificate from the CA. */
  readonly verifyClients: boolean;
}

export interface EntranceEvents {
  admitted(arrival: Arrival): void;
  turnedAway(): void;
  /** A TLS handshake began and failed. */
  handshakeFailed(source: string, error: Error): void;
  /** A connection had to begin with a PROXY header, and did not. */
  headerRefused(source: string, error: Error): void;
}

interface Incoming {
  readonly raw: Socket;
  source: string;
  timer: NodeJS.Timeout;
  tls: boolean;
}

export class Entrance {
  private readonly incoming = new Set<Incoming>();
  private readonly bySocket = new WeakMap<Socket, Incoming>();
  private readonly server: Server | undefined;

  constructor(
    private readonly options: EntranceOptions,
    private readonly events: EntranceEvents,
  ) {
    if (options.tls !== undefined) this.server = this.createTls(options.tls);
  }

  /** Connections that are still on their way in. */
  get size(): number {
    return this.incoming.size;
  }

  enter(accepted: Socket): void {
    const { proxied } = this.options;
    const isProxied = proxied?.has(accepted) === true;
    if (!isProxied && this.server === undefined) {
      this.events.admitted({ socket: accepted, raw: accepted, source: sourceOf(accepted) });
      return;
    }
    const raw = detach(accepted);
    const incoming: Incoming = {
      raw,
      source: sourceOf(raw),
      timer: setTimeout(() => this.turnAway(incoming, new Error('the client took too long')), ENTER_MS),
      tls: false,
    };
    this.incoming.add(incoming);
    raw.on('error', (error) => this.turnAway(incoming, error));
    raw.on('close', () => this.turnAway(incoming, new Error('the client has gone')));
    if (isProxied) this.readHeader(incoming);
    else this.handshake(incoming);
  }

  /** The files were renewed: new connections get the new certificate. */
  renew(): void {
    const { tls } = this.options;
    if (tls !== undefined) this.server?.setSecureContext(serverOptions(tls));
  }

  close(): void {
    for (const incoming of this.incoming) this.turnAway(incoming, new Error('closing'));
  }

  private readHeader(incoming: Incoming): void {
    const { raw } = incoming;
    const header = new ProxyHeader();
    const gone = (): void => this.turnAway(incoming, new Error('the client has gone'));
    const read = (): void => {
      const bytes = raw.read() as Buffer | null;
      if (bytes === null) return;
      const taken = header.take(bytes);
      if (header.state === 'more') return;
      raw.off('readable', read).off('end', gone);
      if (header.state === 'malformed') {
        const error = new Error(
          'its address is in proxyProtocol.from, but it sent no PROXY protocol version 2 header',
        );
        this.events.headerRefused(incoming.source, error);
        this.turnAway(incoming, error);
        return;
      }
      if (taken < bytes.length) raw.unshift(bytes.subarray(taken));
      incoming.source = header.source ?? incoming.source;
      if (this.server === undefined) this.admit(incoming, raw);
      else this.handshake(incoming);
    };
    raw.on('readable', read).on('end', gone);
  }

  private handshake(incoming: Incoming): void {
    const { raw } = incoming;
    incoming.tls = true;
    this.bySocket.set(raw, incoming);
    // Until the connection is in, its end is simply its end.
    raw.allowHalfOpen = false;
    this.server?.emit('connection', raw);
  }

  private createTls(tls: ServerTls): Server {
    // Node's own limit would end a connection no sooner.
    const server = createServer({ ...serverOptions(tls), handshakeTimeout: 2 * ENTER_MS });
    server.on('secureConnection', (socket) => {
      const incoming = this.incomingOf(socket);
      socket.allowHalfOpen = true;
      if (incoming === undefined) socket.destroy();
      else this.admit(incoming, socket);
    });
    server.on('tlsClientError', (error, socket) => {
      const incoming = this.incomingOf(socket);
      if (incoming === undefined) socket.destroy();
      else this.turnAway(incoming, error);
    });
    return server;
  }

  private incomingOf(socket: TLSSocket): Incoming | undefined {
    const { _parent: raw } = socket as unknown as { _parent?: Socket };
    return raw && this.bySocket.get(raw);
  }

  private admit(incoming: Incoming, socket: Socket): void {
    const { raw, source } = incoming;
    if (!this.leave(incoming)) {
      socket.destroy();
      return;
    }
    this.events.admitted({ socket, raw, source });
  }

  private turnAway(incoming: Incoming, error: Error): void {
    if (!this.leave(incoming)) return;
    // A connection that came and went, such as a probe of the port, has not begun.
    if (incoming.tls && incoming.raw.bytesRead > 0) this.events.handshakeFailed(incoming.source, error);
    incoming.raw.destroy();
    this.events.turnedAway();
  }

  private leave(incoming: Incoming): boolean {
    clearTimeout(incoming.timer);
    return this.incoming.delete(incoming);
  }
}

function serverOptions({ renewal, verifyClients }: ServerTls): object {
  const { cert, key, ca } = renewal.material;
  return { cert, key, ...(verifyClients && { ca, requestCert: true, rejectUnauthorized: true }) };
}
