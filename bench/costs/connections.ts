// What many connections cost: GETs, one at a time on each.
import { median } from '../../test/support/median.js';
import { type Endpoint, privateRedis, startEndpoints, withEndings } from '../latency/targets.js';
import { inTurn } from '../report/rounds.js';
import type { CostsResults } from '../report/types.js';
import { commandFor, load } from '../throughput/redis-benchmark.js';
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
    for (const { port } of endpoints) await warmUp(port, commandFor('get', true));
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
      report(`${connections} connections, ${endpoint.target}: ${Math.round(requestsPerSecond)} a second`);
      return requestsPerSecond;
    });
    return variants.map(({ connections, endpoint: { target } }, i) => ({
      connections,
      target,
      perSecond: median(samples[i] as number[]),
    }));
  });
}

function limitOf({ target }: Endpoint): number {
  return target === 'haproxy' ? Math.min(HAPROXY_CONNECTIONS, clientLimit()) : clientLimit();
}

/** About a second's worth; with one connection, that is less. */
function requestsFor(connections: number, quick: boolean): number {
  const requests = connections === 1 ? 8000 : 30_000;
  return quick ? requests / 2 : requests;
}
