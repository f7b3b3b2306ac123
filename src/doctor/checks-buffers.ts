// Checks of what waits in the server for others to take it: replicas, the disk, clients.
import { type Check, figure, set, size } from './finding.js';

const MB = 2 ** 20;

export const BUFFER_CHECKS: readonly Check[] = [
  {
    id: 'uncounted-buffers',
    run(facts) {
      const [buffers, limit] = [figure(facts, 'mem_not_counted_for_evict'), figure(facts, 'maxmemory')];
      if (!(limit > 0) || !(buffers > Math.max(0.1 * limit, 16 * MB))) return undefined;
      return {
        severity: 'warning',
        title: 'Replication and AOF buffers are large, and do not count against maxmemory',
        evidence: `mem_not_counted_for_evict ${size(buffers)}, maxmemory ${size(limit)}`,
        reason:
          'A replica or the disk does not keep up; the process takes more of the machine than maxmemory says.',
        mend: [`redis-cli ${facts.cli} INFO replication   # which replica lags`],
      };
    },
  },
  {
    id: 'client-buffers',
    run(facts) {
      const [clients, used] = [figure(facts, 'mem_clients_normal'), figure(facts, 'used_memory')];
      const largest = facts.clients?.largestOutput ?? 0;
      if (!(clients > Math.max(0.1 * used, 16 * MB)) && !(largest > 16 * MB)) return undefined;
      const unbounded =
        /^normal 0 0 /.test(facts.config?.get('client-output-buffer-limit') ?? '') &&
        Number.parseInt(facts.config?.get('maxmemory-clients') ?? '0', 10) === 0;
      const bound = unbounded ? '; no client is limited (client-output-buffer-limit normal 0 0 0)' : '';
      return {
        severity: 'warning',
        title: 'What waits for clients to read it takes memory from the data',
        evidence: `mem_clients_normal ${size(clients)} of ${size(used)} used; the most for one client: ${size(largest)}${bound}`,
        reason: 'These buffers count against maxmemory: a few slow clients can make Redis evict or refuse.',
        mend: [
          `redis-cli ${facts.cli} CLIENT LIST   # omem: who does not read`,
          ...(unbounded
            ? set(facts, 'client-output-buffer-limit', '"normal 64mb 16mb 60"').concat(
                '# ends a client with more unread than that; let its replies be smaller first',
              )
            : []),
        ],
      };
    },
  },
];
