// Reads the memory limit of a process's container: cgroup v2, v1, or both.
import path from 'node:path';

const ROOT = '/sys/fs/cgroup';
/** Without a limit, v1 reports a number near 2^63. */
const ABSURD = 2 ** 60;

/**
 * Bytes: the least of its group's and those of the groups around it, which bound it, too. undefined: none.
 * @param groups what /proc/PID/cgroup holds
 * @param read of a file; throws where there is none. Of the groups around a container not all are seen from in it.
 */
export function containerLimit(groups: string, read: (file: string) => string): number | undefined {
  const v2 = /^0::(\/.*)$/m.exec(groups)?.[1];
  const v1 = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m.exec(groups)?.[1];
  const limits = [
    ...(v2 === undefined ? [] : around(v2).map((group) => path.join(ROOT, group, 'memory.max'))),
    ...(v1 === undefined
      ? []
      : around(v1).map((group) => path.join(ROOT, 'memory', group, 'memory.limit_in_bytes'))),
  ].flatMap((file) => {
    try {
      const limit = Number(read(file));
      return limit > 0 && limit < ABSURD ? [limit] : [];
    } catch {
      return [];
    }
  });
  return limits.length === 0 ? undefined : Math.min(...limits);
}

/** The group, and each that holds it, up to '/'. */
function around(group: string): string[] {
  return group === '/' ? ['/'] : [group, ...around(path.dirname(group))];
}
