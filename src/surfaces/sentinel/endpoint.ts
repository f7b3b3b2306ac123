// The connections of the Sentinel endpoint. The caller accepts them, and has the port. Owns the sockets.
// Invariants: at most `most` clients; a client that does not take its replies is not read; after close() none is left.
import type { Socket } from 'node:net';
import { errorReply } from '../../core/resp/client-errors.js';
import type { SentinelEndpointSnapshot } from '../../observe/snapshots/sentinel-endpoint.js';
import type { HostPort, SentinelFacts } from './answers.js';
import { Conversation } from './conversation.js';

const TOO_MANY = errorReply('MAX_CLIENTS');

export interface SentinelEndpointOptions {
  readonly most: number;
  readonly password: string | undefined;
  /** 0: never. */
  readonly keepAliveMs: number;
  /** `here`: the endpoint's own address as the client reached it. */
  readonly facts: (here: HostPort) => SentinelFacts;
}

export class SentinelEndpoint {
  private readonly clients = new Set<Socket>();
  private total = 0;
  private rejected = 0;

  constructor(private readonly options: SentinelEndpointOptions) {}

  /** A connection that has not been read yet. */
  accept(socket: Socket): void {
    const { most, password, keepAliveMs, facts } = this.options;
    socket.on('error', () => socket.destroy());
    if (this.clients.size >= most) {
      this.rejected++;
      socket.end(TOO_MANY);
      socket.destroySoon();
      return;
    }
    this.clients.add(socket);
    socket.on('close', () => this.clients.delete(socket));
    socket.setNoDelay(true);
    if (keepAliveMs > 0) socket.setKeepAlive(true, keepAliveMs);
    const here = { host: withoutMapping(socket.localAddress ?? ''), port: socket.localPort ?? 0 };
    const conversation = new Conversation({ facts: () => facts(here), password, id: ++this.total });
    const send = (replies: Buffer): void => {
      if (replies.length > 0) socket.write(replies);
      if (conversation.ended) socket.end();
      else if (socket.writableNeedDrain) socket.pause();
      else if (conversation.hasMore) {
        socket.pause();
        setImmediate(proceed);
      } else socket.resume();
    };
    const proceed = (): void => {
      if (!socket.destroyed) send(conversation.proceed());
    };
    socket.on('data', (bytes: Buffer) => send(conversation.take(bytes)));
    socket.on('drain', proceed);
    socket.on('end', () => socket.end());
    socket.resume();
  }

  snapshot(): Pick<SentinelEndpointSnapshot, 'clients' | 'clientsTotal' | 'clientsRejected'> {
    return { clients: this.clients.size, clientsTotal: this.total, clientsRejected: this.rejected };
  }

  close(): void {
    for (const client of this.clients) client.destroy();
  }
}

/** An IPv4 address that came over a socket for both. */
function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
