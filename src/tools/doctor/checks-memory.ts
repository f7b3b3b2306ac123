// Checks of memory that the process takes in addition to its data.
import { MB } from '../../core/units.js';
import type { Facts } from './facts.js';
import { type Check, type Finding, figure, set, sizeText } from './finding.js';

/** The parts of mem_fragmentation_ratio: gaps between the data, pages that the allocator keeps, the rest of the process. */
const PARTS = ['allocator_frag_ratio', 'allocator_rss_ratio', 'rss_overhead_ratio'] as const;
const HIGH = 1.3;

export const MEMORY_CHECKS: readonly Check[] = [
  {
    id: 'fragmentation',
    run(facts) {
      const ratio = figure(facts, 'mem_fragmentation_ratio');
      const lost = figure(facts, 'mem_fragmentation_bytes');
      // With little data the ratio means nothing: the process itself takes more than the data.
      if (!(ratio > 1.5) || lost < 100 * MB || figure(facts, 'used_memory') < 64 * MB) return undefined;
      const parts = PARTS.filter((part) => facts.info.has(part)).map(
        (part) => `${part} ${facts.info.get(part)}`,
      );
      const evidence = `mem_fragmentation_ratio ${ratio}: ${sizeText(lost)}; ${parts.join(', ')}`;
      if (figure(facts, 'allocator_frag_ratio') > HIGH) {
        return isDefragmented(facts) ? undefined : fragmented(facts, evidence);
      }
      const [peak, used] = [figure(facts, 'used_memory_peak'), figure(facts, 'used_memory')];
      if (!(peak > 1.3 * used)) return outside(facts, evidence);
      return {
        severity: 'notice',
        title: 'The process keeps memory from an earlier peak',
        evidence: `${evidence}; peak ${sizeText(peak)}, now ${sizeText(used)}`,
        reason:
          'This is not fragmentation: the allocator still holds pages from the peak, and will use them again.',
        mend: [purge(facts)],
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
        evidence: `VmSwap ${sizeText(here.swapBytes)}`,
        reason: 'An access to a swapped page waits for the disk, and all clients wait with it.',
        mend: ['swapoff -a   # if there is enough free memory; otherwise lower maxmemory or vm.swappiness'],
      };
    },
  },
];

/** Active defragmentation is at work. */
function isDefragmented(facts: Facts): boolean {
  return facts.config?.get('activedefrag') === 'yes' || figure(facts, 'active_defrag_running') > 0;
}

/** A finding about gaps between the data, which active defragmentation can close. */
function fragmented(facts: Facts, evidence: string): Finding {
  const restart = 'restart Redis, or fail over to a replica, whose memory is not fragmented';
  const jemalloc = /^jemalloc/.test(facts.info.get('mem_allocator') ?? 'jemalloc');
  return {
    severity: 'warning',
    title: `Memory is fragmented${facts.config?.get('activedefrag') === 'no' ? ', and active defragmentation is off' : ''}`,
    evidence,
    reason: 'The process takes much more memory than its data, and maxmemory does not limit that.',
    mend: jemalloc
      ? [
          ...set(facts, 'activedefrag', 'yes'),
          `# costs processor time. Redis refuses it if it was built without its own jemalloc, as on Debian: then ${restart}`,
        ]
      : [`# the allocator ${facts.info.get('mem_allocator')} has no active defragmentation: ${restart}`],
  };
}

/** A finding about memory outside the data that is neither gaps nor left from a peak. Defragmentation does not reach it. */
function outside(facts: Facts, evidence: string): Finding {
  const kept = figure(facts, 'allocator_rss_ratio') > HIGH;
  return {
    severity: 'warning',
    title: 'The process takes much more memory than its data',
    evidence,
    reason:
      'The memory is outside the data, so defragmentation cannot help, and maxmemory does not limit it.',
    mend: [
      ...(kept ? [purge(facts)] : []),
      "cat /sys/kernel/mm/transparent_hugepage/enabled   # on the server's machine: must not be [always]",
      `redis-cli ${facts.cli} MEMORY DOCTOR   # scripts and modules take memory too; a restart frees it`,
    ],
  };
}

function purge({ cli }: Facts): string {
  return `redis-cli ${cli} MEMORY PURGE   # makes the allocator return free pages at once`;
}
