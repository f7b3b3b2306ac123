// The Sentinel endpoint on its port: TLS and PROXY headers as on the data port, and what it announces. Wiring only.
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { isAnyAddress, type ListenAddress } from '../config/address.js';
import type { EffectiveConfig } from '../config/effective.js';
import { DEFAULT_PRIMARY } from '../config/sentinel-endpoint-schema.js';
import type { SentinelEndpointSnapshot } from '../observe/snapshots/sentinel-endpoint.js';
import { SentinelEndpoint } from '../surfaces/sentinel/endpoint.js';
import { DataPort, type PortAddress } from '../wire/client/data-port.js';
import { Entrance } from '../wire/client/entrance.js';
import { readRoom, sentinelConnections } from './capacity.js';
import { ClientTroubles } from './client-troubles.js';
import { entranceOptions } from './tls.js';
import { VERSION } from './version.js';

export interface SentinelPortParts {
  /** The data port as it listens. */
  readonly data: { readonly host: string; readonly port: number };
  /** The data port is closed for now. */
  readonly isDown: () => boolean;
  readonly acceptFailed: (error: Error) => void;
}

export class SentinelPort {
  private readonly port: DataPort;
  private readonly entrance: Entrance;
  private readonly endpoint: SentinelEndpoint;
  private readonly most = sentinelConnections(readRoom());
  private handshakesFailed = 0;
  private proxyHeadersRefused = 0;
  /** Turned away before the endpoint itself had them. */
  private rejected = 0;
  private readonly renewal: { reload(): unknown; close(): void } | undefined;

  constructor(
    config: EffectiveConfig,
    listen: ListenAddress,
    log: Logger,
    { data, isDown, acceptFailed }: SentinelPortParts,
  ) {
    const { address, others, password, ...announced } = config.sentinelEndpoint;
    const primary = announced.primary ?? config.upstream.failover?.primary ?? DEFAULT_PRIMARY;
    const runId = randomBytes(20).toString('hex');
    this.endpoint = new SentinelEndpoint({
      most: this.most,
      password,
      keepAliveMs: config.limits.tcpKeepAliveMs,
      facts: ({ host }) => ({
        ...{ primary, down: isDown(), others, runId, version: VERSION },
        address: address ?? { host: isAnyAddress(data.host) ? host : data.host, port: data.port },
      }),
    });
    // The data port reports what is wrong with the files.
    const silent = log.child({}, { level: 'silent' });
    const options = entranceOptions(config, silent, () => this.entrance.renew());
    this.renewal = options.tls?.renewal;
    const troubles = new ClientTroubles(log.child({ port: 'sentinelListen' }), false);
    this.entrance = new Entrance(options, {
      admitted: ({ socket }) => this.endpoint.accept(socket),
      turnedAway: () => {},
      handshakeFailed: (source, error) => {
        this.handshakesFailed++;
        troubles.turnedAway(source, error);
      },
      headerRefused: (source, error) => {
        this.proxyHeadersRefused++;
        troubles.turnedAway(source, error);
      },
    });
    this.port = new DataPort(
      { ...listen, mode: 0 },
      {
        accepted: (client) => {
          if (this.entrance.size < this.most) this.entrance.enter(client);
          else {
            this.rejected++;
            client.destroy();
          }
        },
        acceptFailed,
        reopenFailed: () => {},
      },
    );
  }

  /** Rejects with the system's error if it cannot listen. */
  start(): Promise<PortAddress> {
    return this.port.open();
  }

  /** Reads changed certificates now. */
  reload(): void {
    void this.renewal?.reload();
  }

  snapshot(): SentinelEndpointSnapshot {
    const { handshakesFailed, proxyHeadersRefused } = this;
    const { clients, clientsTotal, clientsRejected } = this.endpoint.snapshot();
    return {
      ...{ clients, clientsTotal, clientsRejected: clientsRejected + this.rejected },
      ...{ handshakesFailed, proxyHeadersRefused },
    };
  }

  /** For good: clients ask another Sentinel. */
  close(): void {
    this.port.shut();
    this.entrance.close();
    this.endpoint.close();
    this.renewal?.close();
  }
}
