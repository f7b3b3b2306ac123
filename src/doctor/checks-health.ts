// Checks of what else ends in lost writes or long waits: saving, connections, slow commands.
import { type Check, figure } from './finding.js';

const HOUR = 3600;
const SLOW_MICROSECONDS = 100_000;
const SLOW_MS = 100;

export const HEALTH_CHECKS: readonly Check[] = [
  {
    id: 'saving-fails',
    run({ info, cli }) {
      const failed = ['rdb_last_bgsave_status', 'aof_last_write_status', 'aof_last_bgrewrite_status'].filter(
        (field) => info.get(field) === 'err',
      );
      if (failed.length === 0) return undefined;
      return {
        severity: 'critical',
        title: 'Saving to disk fails',
        evidence: failed.map((field) => `${field}:err`).join(', '),
        reason: 'By default Redis then refuses writes (MISCONF); and a restart loses what was not saved.',
        mend: [
          `redis-cli ${cli} CONFIG GET dir   # is that disk full, or not to be written to? its log says why`,
        ],
      };
    },
  },
  {
    id: 'rejected-connections',
    run(facts) {
      const rejected = figure(facts, 'rejected_connections');
      if (!(rejected > 0)) return undefined;
      return {
        severity: 'warning',
        title: 'Clients have been turned away',
        evidence: `rejected_connections ${rejected}, connected_clients ${figure(facts, 'connected_clients')} of ${figure(facts, 'maxclients')}`,
        reason: 'maxclients was reached.',
        mend: [
          'spillway with upstream.pool "command"   # thousands of clients by a handful of connections',
          `redis-cli ${facts.cli} CONFIG SET maxclients 20000   # and the limit of open files with it`,
        ],
      };
    },
  },
  {
    id: 'slow-commands',
    needs: 'slow',
    run({ slow, at, cli }) {
      const recent = (slow ?? []).filter(
        ({ microseconds, at: when }) => microseconds >= SLOW_MICROSECONDS && at - when < HOUR,
      );
      if (recent.length === 0) return undefined;
      const worst = Math.max(...recent.map(({ microseconds }) => microseconds)) / 1000;
      const names = [...new Set(recent.map(({ command }) => command))].slice(0, 5).join(', ');
      return {
        severity: 'warning',
        title: 'Commands keep everybody waiting',
        evidence: `${recent.length} of 100 ms or more in the last hour, the worst ${Math.round(worst)} ms: ${names}`,
        reason: 'Redis executes one command at a time: all others wait for as long.',
        mend: [`redis-cli ${cli} SLOWLOG GET 10   # which, and from where`],
      };
    },
  },
  {
    id: 'latency-events',
    needs: 'latency',
    run({ latency, cli }) {
      const long = [...(latency ?? [])].filter(([, worst]) => worst >= SLOW_MS);
      if (long.length === 0) return undefined;
      return {
        severity: 'notice',
        title: 'The server has stood still for a while',
        evidence: long.map(([event, worst]) => `${event} ${worst} ms`).join(', '),
        reason: 'Forks, the disk or many keys ending at once make all clients wait.',
        mend: [`redis-cli ${cli} LATENCY DOCTOR`],
      };
    },
  },
];
