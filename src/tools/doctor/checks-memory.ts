// Checks of memory that the process takes and that is no data.
import type { Facts } from './facts.js';
import { type Check, type Finding, figure, set, size } from './finding.js';

const MB = 2 ** 20;
/** Of what mem_fragmentation_ratio is made: between the data, of pages kept, of all else in the process. */
const PARTS = ['allocator_frag_ratio', 'allocator_rss_ratio', 'rss_overhead_ratio'] as const;
const HIGH = 1.3;

export const MEMORY_CHECKS: readonly Check[] = [
  {
    id: 'fragmentation',
    run(facts) {
      const ratio = figure(facts, 'mem_fragmentation_ratio');
      const lost = figure(facts, 'mem_fragmentation_bytes');
      // Of a small heap the ratio says nothing: what the process itself takes weighs more than the data.
      if (!(ratio > 1.5) || lost < 100 * MB || figure(facts, 'used_memory') < 64 * MB) return undefined;
      const parts = PARTS.filter((part) => facts.info.has(part)).map(
        (part) => `${part} ${facts.info.get(part)}`,
      );
      const evidence = `mem_fragmentation_ratio ${ratio}: ${size(lost)}; ${parts.join(', ')}`;
      if (figure(facts, 'allocator_frag_ratio') > HIGH) {
        return isDefragmented(facts) ? undefined : fragmented(facts, evidence);
      }
      const [peak, used] = [figure(facts, 'used_memory_peak'), figure(facts, 'used_memory')];
      if (!(peak > 1.3 * used)) return outside(facts, evidence);
      return {
        severity: 'notice',
        title: 'The process keeps memory from an earlier peak',
        evidence: `${evidence}; peak ${size(peak)}, now ${size(used)}`,
        reason:
          'No fragmentation of the data: the allocator has not given pages back yet, and will use them again.',
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
        evidence: `VmSwap ${size(here.swapBytes)}`,
        reason: 'Each access to such a page waits for the disk, and all clients wait with it.',
        mend: ['swapoff -a   # if there is memory for it; or lower maxmemory, or vm.swappiness'],
      };
    },
  },
];

/** It is being mended. */
function isDefragmented(facts: Facts): boolean {
  return facts.config?.get('activedefrag') === 'yes' || figure(facts, 'active_defrag_running') > 0;
}

/** Gaps between the data, which active defragmentation can close. */
function fragmented(facts: Facts, evidence: string): Finding {
  const restart = 'restart it, or fail over to a replica, whose memory is laid out anew';
  const jemalloc = /^jemalloc/.test(facts.info.get('mem_allocator') ?? 'jemalloc');
  return {
    severity: 'warning',
    title: `Memory is fragmented${facts.config?.get('activedefrag') === 'no' ? ', and active defragmentation is off' : ''}`,
    evidence,
    reason: 'The process takes much more of the machine than its data: maxmemory does not bound that.',
    mend: jemalloc
      ? [
          ...set(facts, 'activedefrag', 'yes'),
          `# costs processor time; refused where Redis is built without its own jemalloc, as Debian's is: then ${restart}`,
        ]
      : [`# no active defragmentation with the allocator ${facts.info.get('mem_allocator')}: ${restart}`],
  };
}

/** Neither gaps nor a peak: what is in the process beside the data, which no defragmentation reaches. */
function outside(facts: Facts, evidence: string): Finding {
  const kept = figure(facts, 'allocator_rss_ratio') > HIGH;
  return {
    severity: 'warning',
    title: 'The process takes much more memory than its data',
    evidence,
    reason: 'It is not between the data, so defragmentation cannot help; maxmemory does not bound it.',
    mend: [
      ...(kept ? [purge(facts)] : []),
      'cat /sys/kernel/mm/transparent_hugepage/enabled   # on its machine: [always] is wrong for Redis',
      `redis-cli ${facts.cli} MEMORY DOCTOR   # scripts and modules take memory, too; a restart frees it`,
    ],
  };
}

function purge({ cli }: Facts): string {
  return `redis-cli ${cli} MEMORY PURGE   # gives back what it can at once`;
}
