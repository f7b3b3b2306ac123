// Metrics of shared connections.
import { pins, pool, poolClients } from '../metric-readers.js';
import type { MetricGroup } from './metric-group.js';

export const POOL_METRICS: MetricGroup = {
  heading: 'Shared connections',
  about: 'These have lines only with `upstream.pool: "command"`.',
  look: 'when the server has more connections than expected: pins say why clients need their own connections',
  metrics: [
    ['gauge', 'pool_shared_connections', 'Shared upstream connections.', pool((p) => p.sharedConnections)],
    [
      'counter',
      'pool_shared_connections_total',
      'Shared upstream connections made.',
      pool((p) => p.sharedConnectionsTotal),
    ],
    [
      'counter',
      'pool_shared_connections_lost_total',
      'Shared upstream connections lost.',
      pool((p) => p.sharedConnectionsLost),
    ],
    [
      'counter',
      'pool_shared_connections_silent_total',
      'Shared upstream connections that Spillway gave up, because the server was silent on them and answered on others.',
      pool((p) => p.sharedConnectionsSilent),
    ],
    [
      'gauge',
      'pool_parked_connections',
      'Own connections that their clients do not need now and that Spillway keeps for a while.',
      pool((p) => p.parkedConnections),
    ],
    ['gauge', 'pool_clients', 'Clients by the connection that they use.', poolClients],
    ['counter', 'pool_pins_total', 'Times that a client got its own connection, by reason.', pins],
    [
      'counter',
      'pool_commands_lost_total',
      'Commands that failed because their shared connection was lost.',
      pool((p) => p.commandsLost),
    ],
    [
      'counter',
      'pool_window_stalls_total',
      'Times that a client waited because it had too many commands on a shared connection.',
      pool((p) => p.windowStalls),
    ],
    [
      'counter',
      'pool_stray_stalls_total',
      'Times that Spillway stopped an endless pipeline so that its client could share again.',
      pool((p) => p.strayStalls),
    ],
  ],
};
