// What many connections cost: GETs, one at a time on each.
import { median } from '../../test/support/median.js';
import { inTurn } from '../report/rounds.js';
import type { CostsResults } from '../report/types.js';
import { Meter } from '../throughput/measure.js';
import { commandFor, load } from '../throughput/redis-benchmark.js';
import { type Endpoint, privateRedis, startEndpoints, withEndings } from '../throughput/targets.js';
import { clientLimit } from './held-connections.js';
import { type PartOptions, warmUp } from './part.js';

const COUNTS = [1, 50, 500, 5000];
/** What the peer's config allows (see peer.ts). */
const HAPROXY_CONNECTIONS = 1000;

export function measureConnections({
  rounds,
  quick,
  report,
}: PartOptions): Promise<CostsResults['connections']> {
  return withEndings(async (endings) => {
    const redis = await privateRedis(endings);
    const endpoints = await startEndpoints(endings, redis);
    const meter = new Meter(redis);
    endings.add(() => meter.close());
    await meter.prepare('get');
    for (const { port } of endpoints) await warmUp(port, commandFor('get', true), quick);
    const variants = COUNTS.flatMap((connections) =>
      endpoints
        .filter((endpoint) => connections <= limitOf(endpoint))
        .map((endpoint) => ({ connections, endpoint })),
    );
    const samples = await inTurn(rounds, variants, async ({ connections, endpoint }) => {
      const { requestsPerSecond } = await load({
        port: endpoint.port,
        connections,
        pipeline: 1,
        requests: requestsFor(connections, quick),
        command: commandFor('get', true),
      });
      report(`${connections} connections, ${endpoint.name}: ${Math.round(requestsPerSecond)} a second`);
      return requestsPerSecond;
    });
    return variants.map(({ connections, endpoint }, i) => ({
      connections,
      target: endpoint.name,
      perSecond: median(samples[i] as number[]),
    }));
  });
}

function limitOf({ name }: Endpoint): number {
  return name === 'haproxy' ? Math.min(HAPROXY_CONNECTIONS, clientLimit()) : clientLimit();
}

/** About a second's worth; with one connection, that is less. */
function requestsFor(connections: number, quick: boolean): number {
  const requests = connections === 1 ? 8000 : 30_000;
  return quick ? Math.max(1000, 2 * connections) : requests;
}
