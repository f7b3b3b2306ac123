// The figures of the running proxy, in one place: the page, the metrics, the console and the history read them here.
import { describeRule } from '../config/describe.js';
import type { EffectiveConfig } from '../config/effective.js';
import { withFiles } from '../files/with-files.js';
import type { MemorySnapshot } from '../memory/snapshot.js';
import type { ConnectionSnapshot } from '../observe/snapshots/connections.js';
import { type HoldsSource, shownRules, statsSliced } from '../observe/stats/snapshot.js';
import type { AdminSources } from '../surfaces/admin/types.js';
import type { Listener } from '../wire/client/listener.js';
import type { Service } from './service.js';

export type Figures = Pick<
  AdminSources,
  'stats' | 'memory' | 'connections' | 'workers' | 'clients' | 'rules'
>;

export function figuresOf(
  service: Service,
  listener: {
    snapshot(): ReturnType<Listener['snapshot']> & Pick<ConnectionSnapshot, 'failover' | 'sentinelEndpoint'>;
  },
  memory: () => MemorySnapshot,
  config: () => EffectiveConfig,
  holds: HoldsSource,
): Figures {
  return {
    stats: async () => withFiles(statsSliced(await service.stats(), Date.now(), undefined, holds)),
    memory,
    connections: async () => ({ ...(await service.snapshot()), ...listener.snapshot() }),
    workers: () => service.workers(),
    clients: () => service.topClients(),
    rules: async () => {
      const seen = new Set(shownRules(await service.stats()).map(({ name }) => name));
      const { rules, familyRules, mode } = config();
      return [...rules, ...familyRules.filter(({ name }) => seen.has(name))].map((rule) =>
        describeRule(rule, mode),
      );
    },
  };
}
