// What /proc tells of a process that a test watches: resident memory, its peak, open descriptors. Linux only.
// Reads and never remembers: every call is a fresh look.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

export const MB = 1024 * 1024;

function status(pid: number, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'latin1'),
  );
  if (found === null) throw new Error(`/proc/${pid}/status has no ${field}`);
  return Number(found[1]) * 1024;
}

/** Bytes of memory that the process has in RAM now. */
export function resident(pid: number): number {
  return status(pid, 'VmRSS');
}

/** The most that it had since its start or since resetPeak(). */
export function residentPeak(pid: number): number {
  return status(pid, 'VmHWM');
}

/** From here on the peak is a new one. Of a process of the same user only (proc(5), clear_refs). */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** How many files, sockets and pipes it has open. */
export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** How many it may have open. */
export function descriptorLimit(pid: number | 'self'): number {
  const found = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'));
  return Number(found?.[1] ?? 1024);
}

/** Asks for more descriptors; what the system refuses stays as it was. Returns the limit that holds now. */
export function raiseDescriptorLimit(pid: number, wanted: number): number {
  if (descriptorLimit(pid) < wanted) {
    try {
      execFileSync('prlimit', ['--pid', String(pid), `--nofile=${wanted}:${wanted}`], { stdio: 'ignore' });
    } catch {
      // Only root may go beyond the hard limit, and prlimit need not be installed: less will have to do.
    }
  }
  return descriptorLimit(pid);
}

/** From now on it may open no more than `spare` further descriptors. Returns what gives it back those that it had. */
export function starve(pid: number, spare = 0): () => void {
  const limit = descriptorLimit(pid);
  const used = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let below = 0;
  for (let left = spare; used.has(below) || left-- > 0; ) below++;
  const set = (soft: number): unknown => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`]);
  set(below);
  return () => set(limit);
}
