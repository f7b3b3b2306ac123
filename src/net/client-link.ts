// One client socket, its upstream socket and the session between them: moves bytes, pauses readers for slow
// writers, and passes ends and errors on so that each side sees what it would see without a proxy.
// Never looks into bytes. Invariant: once closed, both sockets are destroyed and the session is told, once.
//
//   client FIN   ─▶ upstream FIN once all is forwarded    upstream FIN   ─▶ client closed once all is delivered
//   client error ─▶ upstream destroyed at once            upstream error ─▶ the same; reset if nothing waits
//   client idle  ─▶ closed, where limits.idleTimeout is   upstream unreachable ─▶ client reset
//   drain        ─▶ client FIN once all owed is delivered; what it sends later is read and dropped
import type { Socket } from 'node:net';
import { Session, type SessionContext } from '../session/session.js';
import { KEEP_ALIVE_MS, type UpstreamAddress, UpstreamSocket } from './upstream-socket.js';
import { WriteBatch } from './write-batch.js';

/** Counted over all links. */
export interface LinkCounters {
  clientsTimedOut: number;
  upstreamFailures: number;
  bytesFromClients: number;
  bytesToClients: number;
  bytesToUpstream: number;
  bytesFromUpstream: number;
}

export interface LinkEvents {
  /** The upstream could not be reached. */
  upstreamFailed(error: Error): void;
  /** The upstream has ended the connection, or broken it. */
  upstreamEnded(): void;
  closed(link: ClientLink): void;
}

/** How much a socket reads at once, and may have waiting to be sent before its source is paused. */
export const HIGH_WATER_BYTES = 64 * 1024;
/**
 * What may wait for a client that sends and does not read. Redis's replies stop at the high-water mark, since
 * Redis can keep them; Spillway's own can only be stopped by not reading the client, which one that sends all
 * before it reads would not survive: so that comes late.
 */
const UNREAD_REPLIES_BYTES = 16 * 1024 * 1024;
/** A client that takes nothing of what waits for it for so long, with its server gone, is given up. */
const FAREWELL_MS = 30_000;
/** After our end, so long a client may take to end, too: a close with bytes unread would reset what it has to read. */
const LINGER_MS = 500;

export interface LinkOptions {
  readonly upstream: UpstreamAddress;
  /** A client with nothing under way for so long is closed, milliseconds; 0: never. As Redis's `timeout`. */
  readonly idleTimeoutMs: number;
}

export class ClientLink {
  private readonly session: Session;
  private readonly upstream: UpstreamSocket;
  private readonly toUpstream: WriteBatch;
  private readonly toClient: WriteBatch;
  private clientEnded = false;
  private isClosed = false;
  private connected = false;
  /** The server has said its last: only what is on its way to the client still counts. */
  private upstreamEnded = false;
  private draining = false;
  /** All that was owed is delivered, and our end sent. */
  private isDrained = false;

  constructor(
    private readonly client: Socket,
    { upstream, idleTimeoutMs }: LinkOptions,
    context: SessionContext,
    private readonly counters: LinkCounters,
    private readonly events: LinkEvents,
  ) {
    this.upstream = new UpstreamSocket(upstream, HIGH_WATER_BYTES, (bytes) => this.lastWords(bytes));
    this.toUpstream = new WriteBatch(this.upstream);
    this.toClient = new WriteBatch(client);
    this.session = new Session(context, this.toUpstream, this.toClient);
    this.wireUpstream();
    this.wireClient(idleTimeoutMs);
  }

  /** The client waits: for its upstream's buffers, or for a reply that decides on its next command. */
  get paused(): boolean {
    return this.client.isPaused();
  }

  /** Takes no further command, and ends the link as soon as nothing is under way on it. */
  drain(): void {
    this.draining = true;
    this.session.drain();
    this.endIfDrained();
  }

  /** Ends the link at once; with `reset` so that the client sees a reset, not an orderly end. */
  close(reset = false): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.session.close();
    if (reset) this.client.resetAndDestroy();
    else this.client.destroy();
    this.upstream.destroy();
    this.events.closed(this);
  }

  private wireClient(idleTimeoutMs: number): void {
    const { client } = this;
    client.on('data', (chunk: Buffer) => {
      if (this.upstreamEnded || this.isDrained) return;
      this.counters.bytesFromClients += chunk.length;
      this.session.fromClient(chunk);
      this.flush();
    });
    client.on('end', () => {
      this.clientEnded = true;
      if (this.isDrained) this.close();
      if (this.upstreamEnded || this.isClosed) return;
      this.session.clientEnded();
      this.flush();
      this.endUpstreamIfDone();
    });
    client.on('drain', () => {
      this.upstream.resume();
      this.readClient();
      if (this.draining) this.endIfDrained();
    });
    client.setTimeout(idleTimeoutMs);
    // Again and again: one that may not be closed now, a subscriber say, may be the next time.
    client.on('timeout', () => this.clientSilent());
    client.setNoDelay(true);
    client.setKeepAlive(true, KEEP_ALIVE_MS);
    client.on('error', () => this.close());
    client.on('close', () => this.close());
  }

  private wireUpstream(): void {
    const { upstream } = this;
    upstream.on('connect', () => {
      this.connected = true;
    });
    upstream.on('data', (chunk: Buffer) => {
      this.counters.bytesFromUpstream += chunk.length;
      this.session.fromUpstream(chunk);
      this.flush();
      this.endUpstreamIfDone();
      if (this.draining) this.endIfDrained();
    });
    upstream.on('drain', () => this.readClient());
    upstream.on('end', () => {
      if (!this.clientEnded) this.events.upstreamEnded();
      this.finish();
    });
    upstream.on('error', (error) => {
      if (!this.connected) {
        this.counters.upstreamFailures++;
        this.events.upstreamFailed(error);
        this.close(true);
        return;
      }
      this.events.upstreamEnded();
      if (this.client.writableLength > 0 || this.upstreamEnded) this.finish();
      else this.close(true);
    });
  }

  /** What a server that closed had said before, found when a write to it failed. */
  private lastWords(bytes: Buffer): void {
    if (this.isClosed) return;
    this.counters.bytesFromUpstream += bytes.length;
    this.session.fromUpstream(bytes);
    this.toClient.flush();
    this.counters.bytesToClients += this.toClient.takeBytes();
    this.upstreamEnded = true;
  }

  private clientSilent(): void {
    if (!this.upstreamEnded) {
      if (!this.session.mayTimeOut) return;
      this.counters.clientsTimedOut++;
    }
    this.close();
  }

  /** Delivers what waits for the client, then closes. */
  private finish(): void {
    this.upstreamEnded = true;
    this.client.setTimeout(FAREWELL_MS);
    this.client.destroySoon();
  }

  private flush(): void {
    const clientKeepsUp = this.toClient.flush();
    this.toUpstream.flush();
    this.counters.bytesToClients += this.toClient.takeBytes();
    this.counters.bytesToUpstream += this.toUpstream.takeBytes();
    if (!clientKeepsUp) this.upstream.pause();
    if (this.upstreamEnded) return;
    if (this.mayReadClient) this.readClient();
    else this.client.pause();
  }

  /** A stalled client is still read, for a while: its end would not be seen otherwise. */
  private get mayReadClient(): boolean {
    return (
      (!this.session.stalled || this.session.heldBytes < HIGH_WATER_BYTES) &&
      !this.upstream.writableNeedDrain &&
      this.client.writableLength < UNREAD_REPLIES_BYTES
    );
  }

  private readClient(): void {
    if (this.client.isPaused() && this.mayReadClient) this.client.resume();
  }

  private endUpstreamIfDone(): void {
    if (this.clientEnded && !this.session.stalled && !this.upstream.writableEnded) this.upstream.end();
  }

  private endIfDrained(): void {
    if (this.isDrained || !this.session.idle || this.client.writableLength > 0) return;
    this.isDrained = true;
    this.upstream.destroy();
    this.client.end();
    this.client.resume();
    this.client.setTimeout(0);
    setTimeout(() => this.close(), LINGER_MS).unref();
  }
}
