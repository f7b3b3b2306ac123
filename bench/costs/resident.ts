// Resident memory of a process, from /proc. Linux only.
import { readFileSync } from 'node:fs';

const INTERVAL_MS = 5;

/** Bytes. @throws Error where there is no such process or no /proc. */
export function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  if (kilobytes === undefined) throw new Error(`no VmRSS of process ${pid}`);
  return Number(kilobytes) * 1024;
}

/** Watches from now on; call the result to end it and to have by how much the memory grew at most. */
export function watchGrowth(pid: number): () => number {
  const before = residentBytes(pid);
  let most = before;
  const look = (): void => {
    most = Math.max(most, residentBytes(pid));
  };
  const timer = setInterval(look, INTERVAL_MS);
  return () => {
    clearInterval(timer);
    look();
    return most - before;
  };
}
