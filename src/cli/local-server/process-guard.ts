// Ends a child, and removes its temp folder, when this process is gone: by exit, by a signal, even by SIGKILL. A shell holds
// the reading end of a pipe whose other end is in this process; the kernel closes that in every case. It uses no signal
// handlers, so it collides with none.
import { type ChildProcess, spawn } from 'node:child_process';
import net from 'node:net';

const SCRIPT = 'read -r _; kill -9 "$1" 2>/dev/null; rm -rf "$2"';

/** Kill the returned guard as soon as the child has ended: from then on the pid may belong to another process. */
export function guardProcess(pid: number, folder: string): ChildProcess {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', String(pid), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // A missing /bin/sh costs the guard, not the child.
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  unrefStream(child.stdin);
  child.unref();
  return child;
}

/**
 * Lets the process end while this pipe of a child is open. At run time they are sockets, although their types do not say so.
 */
export function unrefStream(stream: object): void {
  if (stream instanceof net.Socket) stream.unref();
}
