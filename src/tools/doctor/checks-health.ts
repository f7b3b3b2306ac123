// Checks of what else ends in lost writes or long waits: saving, connections, slow commands.
import type { Facts } from './facts.js';
import { type Check, type Finding, figure, set, uptime } from './finding.js';

const HOUR = 3600;
const SLOW_MICROSECONDS = 100_000;
const SLOW_MS = 100;
/** Each has a connection's memory and a file descriptor, of which a process has about as many. */
const MOST_CLIENTS = 65_000;

export const HEALTH_CHECKS: readonly Check[] = [
  {
    id: 'saving-fails',
    run(facts) {
      const failed = ['rdb_last_bgsave_status', 'aof_last_write_status', 'aof_last_bgrewrite_status'].filter(
        (field) => facts.info.get(field) === 'err',
      );
      if (failed.length === 0) return undefined;
      return {
        ...consequence(facts, failed),
        title: 'Saving to disk fails',
        evidence: failed.map((field) => `${field}:err`).join(', '),
        mend: [
          `redis-cli ${facts.cli} CONFIG GET dir   # is that disk full, or not to be written to? its log says why`,
          'sysctl vm.overcommit_memory=1   # on its machine, where the log says that it cannot fork for lack of memory',
          ...(failed.includes('rdb_last_bgsave_status')
            ? [`redis-cli ${facts.cli} BGSAVE   # then: once it works, writes are taken again`]
            : []),
          ...(failed.includes('aof_last_bgrewrite_status')
            ? [`redis-cli ${facts.cli} BGREWRITEAOF   # then: rewrites it at once`]
            : []),
        ],
      };
    },
  },
  {
    id: 'rejected-connections',
    run(facts) {
      const rejected = figure(facts, 'rejected_connections');
      if (!(rejected > 0)) return undefined;
      const most = Number(facts.config?.get('maxclients') ?? figure(facts, 'maxclients'));
      const clients = `${figure(facts, 'connected_clients')} clients now${most > 0 ? ` of ${most}` : ''}`;
      return {
        severity: 'warning',
        title: 'Clients have been turned away',
        evidence: `rejected_connections ${rejected} since the start ${uptime(facts)} ago, or since CONFIG RESETSTAT; ${clients}`,
        reason: 'maxclients was reached.',
        mend: [
          'spillway with upstream.pool "command"   # thousands of clients by a handful of connections',
          ...(most < MOST_CLIENTS
            ? set(facts, 'maxclients', String(Math.min(MOST_CLIENTS, 2 * most))).concat(
                '# and the limit of open files with it',
              )
            : []),
          `redis-cli ${facts.cli} CONFIG RESETSTAT   # when it is mended: counts from zero`,
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
    run({ latency, at, cli }) {
      const worst = new Map<string, number>();
      for (const { event, ms, at: when } of latency ?? []) {
        if (ms >= SLOW_MS && at - when < HOUR) worst.set(event, Math.max(ms, worst.get(event) ?? 0));
      }
      if (worst.size === 0) return undefined;
      return {
        severity: 'notice',
        title: 'The server has stood still for a while',
        evidence: `in the last hour, the longest: ${[...worst].map(([event, ms]) => `${event} ${ms} ms`).join(', ')}`,
        reason: 'Forks, the disk or many keys ending at once make all clients wait.',
        mend: [`redis-cli ${cli} LATENCY DOCTOR`],
      };
    },
  },
];

/** What comes of it: a rewrite of the AOF that fails refuses no write, and a snapshot that fails only where it is told to. */
function consequence({ config }: Facts, failed: readonly string[]): Pick<Finding, 'severity' | 'reason'> {
  const refused = 'Redis refuses writes (MISCONF); and a restart loses what was not saved.';
  if (failed.includes('aof_last_write_status')) return { severity: 'critical', reason: refused };
  if (!failed.includes('rdb_last_bgsave_status')) {
    return {
      severity: 'warning',
      reason:
        'The AOF cannot be rewritten: writes go on, and it grows until the disk is full; a start takes ever longer.',
    };
  }
  if (config?.get('stop-writes-on-bgsave-error') === 'no' || config?.get('save') === '') {
    return {
      severity: 'warning',
      reason: 'Writes go on, as it is set so; a restart loses what was not saved.',
    };
  }
  return { severity: 'critical', reason: config === undefined ? `By default ${refused}` : refused };
}
