// Checks of other causes of lost writes and long waits: saving, connections, slow commands.
import { HOUR_S } from '../../core/units.js';
import type { Facts } from './facts.js';
import { type Check, type Finding, figure, set, uptime } from './finding.js';

const SLOW_MICROSECONDS = 100_000;
const SLOW_MS = 100;
/** The most that is proposed for maxclients: a process has about that many file descriptors, and each client takes one. */
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
          `redis-cli ${facts.cli} CONFIG GET dir   # is that disk full or read-only? the server's log has the reason`,
          "sysctl vm.overcommit_memory=1   # on the server's machine, if its log says that it cannot fork for lack of memory",
          ...(failed.includes('rdb_last_bgsave_status')
            ? [`redis-cli ${facts.cli} BGSAVE   # then: when it succeeds, Redis accepts writes again`]
            : []),
          ...(failed.includes('aof_last_bgrewrite_status')
            ? [`redis-cli ${facts.cli} BGREWRITEAOF   # then: rewrites the AOF at once`]
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
        title: 'Redis has rejected connections',
        evidence: `rejected_connections ${rejected} since the start ${uptime(facts)} ago, or since CONFIG RESETSTAT; ${clients}`,
        reason: 'The number of clients reached maxclients.',
        mend: [
          'spillway with upstream.pool "command"   # serves thousands of clients with a handful of connections',
          ...(most < MOST_CLIENTS
            ? set(facts, 'maxclients', String(Math.min(MOST_CLIENTS, 2 * most))).concat(
                '# also raise the limit of open files (ulimit -n)',
              )
            : []),
          `redis-cli ${facts.cli} CONFIG RESETSTAT   # when it is fixed: resets the counters`,
        ],
      };
    },
  },
  {
    id: 'slow-commands',
    needs: 'slow',
    run({ slow, at, cli }) {
      const recent = (slow ?? []).filter(
        ({ microseconds, at: when }) => microseconds >= SLOW_MICROSECONDS && at - when < HOUR_S,
      );
      if (recent.length === 0) return undefined;
      const worst = Math.max(...recent.map(({ microseconds }) => microseconds)) / 1000;
      const names = [...new Set(recent.map(({ command }) => command))].slice(0, 5).join(', ');
      return {
        severity: 'warning',
        title: 'Slow commands block all clients',
        evidence: `${recent.length} of 100 ms or more in the last hour, the slowest ${Math.round(worst)} ms: ${names}`,
        reason: 'Redis executes one command at a time: all other clients wait until it is done.',
        mend: [`redis-cli ${cli} SLOWLOG GET 10   # the commands, and the clients that sent them`],
      };
    },
  },
  {
    id: 'latency-events',
    needs: 'latency',
    run({ latency, at, cli }) {
      const worst = new Map<string, number>();
      for (const { event, ms, at: when } of latency ?? []) {
        if (ms >= SLOW_MS && at - when < HOUR_S) worst.set(event, Math.max(ms, worst.get(event) ?? 0));
      }
      if (worst.size === 0) return undefined;
      return {
        severity: 'notice',
        title: 'The server has stalled',
        evidence: `longest in the last hour: ${[...worst].map(([event, ms]) => `${event} ${ms} ms`).join(', ')}`,
        reason: 'Forks, a slow disk or many keys that expire at once make all clients wait.',
        mend: [`redis-cli ${cli} LATENCY DOCTOR`],
      };
    },
  },
];

/**
 * The consequence of a failed save. Redis keeps accepting writes if an AOF rewrite fails, or if a snapshot fails and
 * stop-writes-on-bgsave-error is off.
 */
function consequence({ config }: Facts, failed: readonly string[]): Pick<Finding, 'severity' | 'reason'> {
  const refused = 'Redis refuses writes (MISCONF), and a restart loses all data that was not saved.';
  if (failed.includes('aof_last_write_status')) return { severity: 'critical', reason: refused };
  if (!failed.includes('rdb_last_bgsave_status')) {
    return {
      severity: 'warning',
      reason:
        'The AOF cannot be rewritten. Writes go on, the AOF grows until the disk is full, and each start takes longer.',
    };
  }
  if (config?.get('stop-writes-on-bgsave-error') === 'no' || config?.get('save') === '') {
    return {
      severity: 'warning',
      reason:
        'Redis accepts writes all the same, as configured; a restart loses all data that was not saved.',
    };
  }
  return { severity: 'critical', reason: config === undefined ? `By default ${refused}` : refused };
}
