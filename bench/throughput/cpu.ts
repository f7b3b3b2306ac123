// CPU time of a process from /proc, user and system together, all its threads. Linux only.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Fields 14 and 15 of /proc/PID/stat, counted behind the name, which may hold blanks and parentheses. */
const UTIME = 11;
const STIME = 12;

let ticksPerSecond: number | undefined;

/** Seconds of CPU that the process has used so far; undefined where there is no /proc. */
export function cpuSeconds(pid: number): number | undefined {
  try {
    const ticks = parseCpuTicks(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
    return ticks / ticksPerSecond;
  } catch {
    return undefined;
  }
}

/** From the text of /proc/PID/stat. */
export function parseCpuTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[UTIME]) + Number(fields[STIME]);
}
