// What /proc tells of processes. Where there is none, it tells nothing.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Of sysconf(_SC_CLK_TCK): 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

let reaped = ticks() ?? 0;

/**
 * The CPU time of the children that have ended since the last call, and of theirs. Asked as soon as one has ended, it is the
 * time of that one.
 */
export function reapedCpuSeconds(): number | undefined {
  const now = ticks();
  if (now === undefined) return undefined;
  const seconds = (now - reaped) / TICKS_PER_SECOND;
  reaped = now;
  return seconds;
}

/** The processes that run with this in their environment, but this one. */
export function processesWith(name: string, value: string): { pid: number; command: string }[] {
  if (!existsSync('/proc/self/environ')) return [];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((pid) => read(`/proc/${pid}/environ`).split('\0').includes(`${name}=${value}`))
    .map((pid) => ({ pid: Number(pid), command: read(`/proc/${pid}/cmdline`).split('\0').join(' ').trim() }));
}

/** proc(5), stat: cutime and cstime are fields 16 and 17; the name in field 2 may hold spaces. */
function ticks(): number | undefined {
  const fields = read('/proc/self/stat').split(') ').at(-1)?.split(' ');
  return fields === undefined || fields.length < 15 ? undefined : Number(fields[13]) + Number(fields[14]);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // It has ended meanwhile, or belongs to somebody else.
    return '';
  }
}
