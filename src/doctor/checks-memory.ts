// Checks of the limit, of what happens at it, and of memory that is no data.
import type { Facts } from './facts.js';
import { type Check, figure, fullness, keyspace, set, share, size } from './finding.js';

const MB = 2 ** 20;
const NEAR = 0.9;
const FULL = 0.97;

export const MEMORY_CHECKS: readonly Check[] = [
  {
    id: 'no-maxmemory',
    run(facts) {
      if (figure(facts, 'maxmemory') !== 0) return undefined;
      const [used, machine] = [figure(facts, 'used_memory'), figure(facts, 'total_system_memory')];
      const much = used > 0.75 * machine;
      return {
        severity: much ? 'critical' : 'warning',
        title: 'There is no maxmemory',
        evidence: `maxmemory:0, used ${size(used)} of the machine's ${size(machine)}`,
        reason:
          'Redis grows until the kernel ends it, with all that was not saved. With a limit it evicts or refuses instead.',
        mend: set(facts, 'maxmemory', `${Math.floor((machine * 0.6) / MB)}mb`),
      };
    },
  },
  {
    id: 'memory-full',
    run(facts) {
      const full = fullness(facts);
      if (!(full >= NEAR) || evicts(facts)) return undefined;
      return {
        severity: full >= FULL ? 'critical' : 'warning',
        title: 'Memory is nearly at maxmemory, and nothing can be evicted',
        evidence: `${share(full)} of ${size(figure(facts, 'maxmemory'))}, ${policy(facts)}`,
        reason: "At the limit writes fail: OOM command not allowed when used memory > 'maxmemory'.",
        mend: [
          'spillway analyze   # which keys hold it',
          'spillway sweep     # which of them have no TTL, and give them one',
          ...set(facts, 'maxmemory', `${Math.ceil((figure(facts, 'maxmemory') * 1.25) / MB)}mb`),
        ],
      };
    },
  },
  {
    id: 'oom-errors',
    run(facts) {
      const count = Number(/count=(\d+)/.exec(facts.info.get('errorstat_OOM') ?? '')?.[1] ?? 0);
      if (count === 0) return undefined;
      return {
        severity: fullness(facts) >= NEAR ? 'critical' : 'warning',
        title: 'Writes have been refused for lack of memory',
        evidence: `errorstat_OOM: ${count} since the start ${uptime(facts)} ago, or since CONFIG RESETSTAT`,
        reason: 'Applications have lost writes.',
        mend: [
          'spillway analyze   # which keys hold the memory',
          `redis-cli ${facts.cli} CONFIG RESETSTAT   # when it is mended: counts from zero`,
        ],
      };
    },
  },
  {
    id: 'noeviction-cache',
    run(facts) {
      const { keys, expires } = keyspace(facts);
      if (policy(facts) !== 'noeviction' || !(figure(facts, 'maxmemory') > 0)) return undefined;
      if (keys < 100 || expires < 0.8 * keys) return undefined;
      return {
        severity: 'warning',
        title: 'It is used as a cache, and refuses writes when it is full',
        evidence: `noeviction, and ${share(expires / keys)} of ${keys} keys have a TTL`,
        reason:
          'What is meant to end some day can as well be evicted when memory is short; now writes fail instead.',
        mend: set(facts, 'maxmemory-policy', 'allkeys-lru').concat(
          '# not if any key must stay: then volatile-lru',
        ),
      };
    },
  },
  {
    id: 'volatile-without-ttl',
    run(facts) {
      const { keys, expires } = keyspace(facts);
      if (!policy(facts).startsWith('volatile-') || !(figure(facts, 'maxmemory') > 0)) return undefined;
      if (keys < 100 || expires >= 0.1 * keys) return undefined;
      return {
        severity: fullness(facts) >= NEAR ? 'critical' : 'warning',
        title: 'Only keys with a TTL may be evicted, and hardly any has one',
        evidence: `${policy(facts)}, and ${share(expires / keys)} of ${keys} keys have a TTL`,
        reason: 'When these are gone nothing can be evicted, and writes fail as with noeviction.',
        mend: [
          'spillway sweep     # give the others a TTL by rules',
          ...set(facts, 'maxmemory-policy', 'allkeys-lru'),
        ],
      };
    },
  },
  {
    id: 'fragmentation',
    run(facts) {
      const ratio = figure(facts, 'mem_fragmentation_ratio');
      const lost = figure(facts, 'mem_fragmentation_bytes');
      // Of a small heap the ratio says nothing: what the process itself takes weighs more than the data.
      if (!(ratio > 1.5) || lost < 100 * MB || figure(facts, 'used_memory') < 64 * MB) return undefined;
      if (facts.config?.get('activedefrag') === 'yes' || figure(facts, 'active_defrag_running') > 0)
        return undefined;
      const inside = figure(facts, 'allocator_frag_ratio');
      const evidence = `mem_fragmentation_ratio ${ratio}: ${size(lost)}; allocator_frag_ratio ${inside}`;
      const [peak, used] = [figure(facts, 'used_memory_peak'), figure(facts, 'used_memory')];
      if (peak > 1.3 * used && !(inside > 1.3)) {
        return {
          severity: 'notice',
          title: 'The process keeps memory from an earlier peak',
          evidence: `${evidence}; peak ${size(peak)}, now ${size(used)}`,
          reason:
            'No fragmentation of the data: the allocator has not given pages back yet, and will use them again.',
          mend: [`redis-cli ${facts.cli} MEMORY PURGE   # gives back what it can at once`],
        };
      }
      return {
        severity: 'warning',
        title: 'Memory is fragmented, and active defragmentation is off',
        evidence,
        reason: 'The process takes much more of the machine than its data: maxmemory does not bound that.',
        mend: set(facts, 'activedefrag', 'yes').concat(
          '# costs processor time; a restart or a failover does it, too',
        ),
      };
    },
  },
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
  {
    id: 'replica-evicts',
    needs: 'config',
    run(facts) {
      const limit = figure(facts, 'maxmemory');
      if (facts.info.get('role') !== 'slave' || !(limit > 0)) return undefined;
      if (facts.config?.get('replica-ignore-maxmemory') !== 'no') return undefined;
      return {
        severity: 'warning',
        title: 'A replica evicts or refuses by itself',
        evidence: `role:slave, replica-ignore-maxmemory no, maxmemory ${size(limit)}`,
        reason: 'It loses keys that its primary has, and after a failover they are gone.',
        mend: set(facts, 'replica-ignore-maxmemory', 'yes'),
      };
    },
  },
  {
    id: 'swap',
    needs: 'process',
    run({ process: here }) {
      if (here === undefined || here.swapBytes < MB) return undefined;
      return {
        severity: 'warning',
        title: 'A part of Redis is in swap',
        evidence: `VmSwap ${size(here.swapBytes)}`,
        reason: 'Each access to such a page waits for the disk, and all clients wait with it.',
        mend: ['swapoff -a   # if there is memory for it; or lower maxmemory, or vm.swappiness'],
      };
    },
  },
  {
    id: 'maxmemory-too-large',
    run(facts) {
      const limit = figure(facts, 'maxmemory');
      const machine = figure(facts, 'total_system_memory');
      const room = Math.min(
        machine || Number.POSITIVE_INFINITY,
        facts.process?.limitBytes ?? Number.POSITIVE_INFINITY,
      );
      if (!(limit > 0.8 * room)) return undefined;
      const whose = room === machine ? "the machine's" : "its container's";
      return {
        severity: limit > room ? 'critical' : 'warning',
        title: `maxmemory leaves no room in ${whose} memory`,
        evidence: `maxmemory ${size(limit)}, ${whose} memory ${size(room)}`,
        reason:
          'Fragmentation, buffers and the copy that a fork makes when it saves come on top: the kernel ends Redis before its limit is reached.',
        mend: set(facts, 'maxmemory', `${Math.floor((room * 0.6) / MB)}mb`),
      };
    },
  },
];

function policy({ info }: Facts): string {
  return info.get('maxmemory_policy') ?? '';
}

/** Something can be evicted when the limit is reached. */
function evicts(facts: Facts): boolean {
  const { keys, expires } = keyspace(facts);
  const how = policy(facts);
  return how.startsWith('allkeys-') || (how.startsWith('volatile-') && expires >= 0.1 * keys);
}

function uptime(facts: Facts): string {
  const minutes = figure(facts, 'uptime_in_seconds') / 60;
  if (minutes < 120) return `${Math.ceil(minutes)} min`;
  const hours = minutes / 60;
  return hours < 48 ? `${hours.toFixed(0)} hours` : `${(hours / 24).toFixed(0)} days`;
}
