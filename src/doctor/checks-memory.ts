// Checks of memory that the process takes and that is no data.
import { type Check, figure, set, size } from './finding.js';

const MB = 2 ** 20;

export const MEMORY_CHECKS: readonly Check[] = [
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
