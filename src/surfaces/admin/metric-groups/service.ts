// Metrics of the configuration, alerts, the state of the service, and the build.
import { alerts, buildInfo, one, seconds, serviceState, upstreamInfo } from '../metric-readers.js';
import type { MetricGroup } from './metric-group.js';

export const SERVICE_METRICS: MetricGroup = {
  heading: 'Configuration, alerts and build',
  about: 'Reloads of the config file, alerts by webhook, and the version.',
  look: 'when a changed rule has no effect',
  metrics: [
    [
      'counter',
      'config_reload_failures_total',
      'Reloads that failed; the old configuration stayed in effect.',
      one((s) => s.config.reloadFailures),
    ],
    [
      'gauge',
      'config_last_reload_successful',
      '1 if the last reload succeeded, and before the first one.',
      one((s) => (s.config.lastError === null ? 1 : 0)),
    ],
    [
      'gauge',
      'config_last_reload_success_timestamp_seconds',
      'Time of the last successful reload or of the start, seconds since 1970.',
      one((s) => seconds(Date.parse(s.config.loadedAt))),
    ],
    [
      'gauge',
      'config_needs_restart',
      'Number of settings that have changed since the start and need a restart.',
      one((s) => s.config.needsRestart.length),
    ],
    ['counter', 'alerts_sent_total', 'Attempts to post an alert to the webhook.', alerts],
    [
      'gauge',
      'alerts_failing',
      '1 if the last attempt to post an alert failed; 0 before the first one.',
      one(({ alerts: { webhook, problem } }) => (webhook ? Number(problem !== null) : null)),
    ],
    [
      'gauge',
      'state',
      '1 for the state of the service and for each other condition that holds, such as `down` or `shedding`; else 0.',
      serviceState,
    ],
    [
      'gauge',
      'state_since_timestamp_seconds',
      'Since when the state of the service holds, seconds since 1970.',
      one((s) => seconds(Date.parse(s.state.since))),
    ],
    [
      'gauge',
      'upstream_info',
      'What the server says it is: mode (`standalone`, `cluster`, `sentinel`), role (`primary`, `replica`) and version; always 1.',
      upstreamInfo,
    ],
    ['gauge', 'build_info', 'Version of Spillway and Node; always 1.', buildInfo],
  ],
};
