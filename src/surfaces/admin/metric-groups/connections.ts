// Metrics of clients and their connections.
import { one, perSide, seconds, wireBytes } from '../metric-readers.js';
import type { MetricGroup } from './metric-group.js';

export const CONNECTION_METRICS: MetricGroup = {
  heading: 'Clients and connections',
  about: 'Connections on both sides of the proxy.',
  look: 'when clients cannot connect, lose their connections, or wait',
  metrics: [
    [
      'gauge',
      'listening',
      '1 while the data port is open, 0 while Spillway refuses connections because the server does.',
      one((s) => Number(s.connections.listening)),
    ],
    ['gauge', 'clients', 'Connected clients.', one((s) => s.connections.clients)],
    [
      'gauge',
      'paused_clients',
      'Clients that Spillway does not read now.',
      one((s) => s.connections.pausedClients),
    ],
    ['counter', 'clients_total', 'Clients that have connected.', one((s) => s.connections.clientsTotal)],
    [
      'gauge',
      'clients_limit',
      'The most clients at a time: `limits.maxClients`, or fewer if open files or memory do not allow more.',
      one((s) => s.connections.clientsLimit),
    ],
    [
      'counter',
      'clients_rejected_total',
      'Clients refused because of the limit.',
      one((s) => s.connections.clientsRejected),
    ],
    [
      'gauge',
      'sentinel_endpoint_clients',
      'Clients connected to `sentinelListen`. No line without it.',
      one((s) => s.connections.sentinelEndpoint?.clients ?? null),
    ],
    [
      'counter',
      'sentinel_endpoint_rejected_total',
      'Clients of `sentinelListen` that were turned away: there were 1,024, or a sixteenth of the open files.',
      one((s) => s.connections.sentinelEndpoint?.clientsRejected ?? null),
    ],
    [
      'counter',
      'sentinel_endpoint_handshakes_failed_total',
      'TLS handshakes of clients of `sentinelListen` that failed.',
      one((s) => s.connections.sentinelEndpoint?.handshakesFailed ?? null),
    ],
    [
      'counter',
      'sentinel_endpoint_proxy_headers_refused_total',
      'Connections to `sentinelListen` closed because they had no PROXY header.',
      one((s) => s.connections.sentinelEndpoint?.proxyHeadersRefused ?? null),
    ],
    [
      'counter',
      'clients_timed_out_total',
      'Clients closed after limits.idleTimeout.',
      one((s) => s.connections.clientsTimedOut),
    ],
    [
      'counter',
      'upstream_failures_total',
      'Upstream connections that could not be made, or were lost.',
      one((s) => s.connections.upstreamFailures),
    ],
    ['counter', 'bytes_total', 'Bytes on the wire, by direction.', wireBytes],
    ['counter', 'commands_total', 'Commands received.', one((s) => s.connections.commands)],
    [
      'counter',
      'raw_sessions_total',
      'Clients whose bytes pass unread from now on (MONITOR, SYNC, invalid protocol).',
      one((s) => s.connections.rawSessions),
    ],
    [
      'counter',
      'stalls_total',
      "Times that a client's next command had to wait for a reply.",
      one((s) => s.connections.stalls),
    ],
    [
      'counter',
      'clients_too_slow_total',
      'Clients closed because they did not read their replies.',
      one((s) => s.connections.clientsTooSlow),
    ],
    [
      'counter',
      'clients_given_up_total',
      'Clients that had ended, closed because the server was silent on their own connection and answered elsewhere.',
      one((s) => s.connections.clientsGivenUp),
    ],
    [
      'counter',
      'clients_failed_total',
      'Clients closed because of a bug in Spillway. The log has the error: please report it.',
      one((s) => s.connections.clientsFailed),
    ],
    [
      'counter',
      'handshakes_failed_total',
      'TLS handshakes of clients that failed.',
      one((s) => s.connections.handshakesFailed),
    ],
    [
      'counter',
      'proxy_headers_refused_total',
      'Connections closed because they had no PROXY header.',
      one((s) => s.connections.proxyHeadersRefused),
    ],
    [
      'gauge',
      'tls_certificate_expires_seconds',
      'When the certificate of a side expires, seconds since 1970.',
      perSide((tls) => seconds(tls.certificateExpiresAt)),
    ],
    [
      'gauge',
      'tls_files_unusable',
      '1 while the changed TLS files of a side are unusable, so that Spillway keeps the old ones.',
      perSide((tls) => (tls.problem === null ? 0 : 1)),
    ],
  ],
};
