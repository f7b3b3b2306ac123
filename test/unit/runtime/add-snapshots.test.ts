// What remains of a worker's figures when it has ended, and the sum over workers. Which figures are counters is what the metrics
// say: a new one that is forgotten here would count the clients of dead workers for ever.
import t from 'tap';
import { PIN_REASONS } from '../../../src/core/commands/spec.js';
import type { DataPlaneSnapshot } from '../../../src/runtime/data-plane.js';
import { addSnapshots, countersOnly } from '../../../src/runtime/workers/add-snapshots.js';
import type { MetricRow } from '../../../src/surfaces/admin/metric-groups/metric-group.js';
import { METRIC_GROUPS } from '../../../src/surfaces/admin/metric-groups.js';
import type { Scrape } from '../../../src/surfaces/admin/metric-labels.js';

/** A worker all of whose figures are `n`. */
function allAt(n: number): DataPlaneSnapshot {
  return {
    ...{ clients: n, pausedClients: n, handshakesFailed: n, proxyHeadersRefused: n },
    ...{ clientsTimedOut: n, clientsTooSlow: n, clientsGivenUp: n, clientsFailed: n, upstreamFailures: n },
    ...{ bytesFromClients: n, bytesToClients: n, bytesToUpstream: n, bytesFromUpstream: n },
    ...{ heldReplyBytes: n, heldCommandBytes: n, stalledCommandBytes: n },
    ...{ slabLentBytes: n, slabPooledBytes: n },
    ...{ commands: n, stalls: n, rawSessions: n, keysGivenUp: n, followUpsUnsupported: n > 0 },
    ...{ tls: null, upstreamTls: null },
    pool: {
      ...{ sharedConnections: n, sharedConnectionsTotal: n, sharedConnectionsLost: n },
      ...{ sharedConnectionsSilent: n, parkedConnections: n },
      ...{ clientsSharing: n, clientsPinned: n, clientsWaiting: n },
      ...{ commandsLost: n, windowStalls: n, strayStalls: n },
      pins: Object.fromEntries(PIN_REASONS.map((reason) => [reason, n])) as Record<
        (typeof PIN_REASONS)[number],
        number
      >,
    },
  };
}

/** The values of a metric's lines; undefined: it is not about connections. */
function valuesOf([, name, , { read }]: MetricRow, connections: DataPlaneSnapshot): number[] | undefined {
  try {
    return read({ connections } as unknown as Scrape, name).map(({ value }) => value);
  } catch {
    return undefined;
  }
}

const sum = (values: number[] | undefined) => values?.reduce((all, value) => all + value, 0);

t.test('of a worker that has ended, counters remain and gauges do not', async (t) => {
  const rest = countersOnly(allAt(7));
  const seen = { counter: 0, gauge: 0, histogram: 0 };
  for (const row of METRIC_GROUPS.flatMap(({ metrics }) => metrics)) {
    const [type, name] = row;
    const whole = sum(valuesOf(row, allAt(7)));
    // A figure of the data port or of another subject: a worker has none.
    if (whole === undefined || Number.isNaN(whole) || whole === sum(valuesOf(row, allAt(9)))) continue;
    seen[type]++;
    t.equal(sum(valuesOf(row, rest)), type === 'counter' ? whole : 0, `${type} ${name}`);
  }
  t.ok(seen.counter > 15 && seen.gauge > 5, JSON.stringify(seen));
  t.equal(rest.followUpsUnsupported, false, 'another server may stand there by now');
});

t.test('workers add up, those without a report left out', async (t) => {
  t.same(addSnapshots([allAt(2), undefined, allAt(3)]), allAt(5));
  t.same(addSnapshots([countersOnly(allAt(4)), allAt(1)]).clients, 1);
});

t.test('all workers read the same certificates: the oldest counts', async (t) => {
  const withTls = (certificateExpiresAt: number, renewals: number): DataPlaneSnapshot => ({
    ...allAt(1),
    tls: { certificateExpiresAt, renewals, problem: null },
  });
  const { tls } = addSnapshots([countersOnly(withTls(1, 0)), withTls(9, 2), withTls(8, 3)]);
  t.same(tls, { certificateExpiresAt: 8, renewals: 2, problem: null });
});
