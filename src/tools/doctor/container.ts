// Reads the memory limit of a process's container: cgroup v2, v1, or both.
import path from 'node:path';

const ROOT = '/sys/fs/cgroup';
/** Without a limit, v1 reports a number near 2^63. */
const ABSURD = 2 ** 60;

/**
 * The limit in bytes: the lowest of its group's and those of the groups around it, which also bound it; undefined: none.
 * @param groups the content of /proc/PID/cgroup
 * @param read reads a file; throws if there is none. Not all groups around a container are visible inside it.
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

/** The group, and each that contains it, up to '/'. */
function around(group: string): string[] {
  return group === '/' ? ['/'] : [group, ...around(path.dirname(group))];
}
