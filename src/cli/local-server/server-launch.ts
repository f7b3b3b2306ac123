// Starts one server process, waits until it answers, ends it. Knows nothing of ports or folders beyond what it is given.
// Invariant: the process and its folder do not outlive this one (see process-guard); all signals go by pid.
import { type ChildProcess, spawn } from 'node:child_process';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { isPortFree } from './free-port.js';
import { LastLines } from './last-lines.js';
import { guardProcess, unrefStream } from './process-guard.js';
import { SERVER_ARGV0 } from './server-binary.js';
import { ServerSetupError } from './setup-error.js';

const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 3_000;
const RETRY_MS = 10;
const LOG_LINES_KEPT = 30;

export interface Launched {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly guard: ChildProcess;
  readonly exited: Promise<void>;
}

/**
 * Resolves once the server answers commands on 127.0.0.1:port. `args` win over the defaults (nothing persisted).
 * @throws ServerSetupError ERR_SERVER_START with its last log lines.
 */
export async function launchServer(
  binary: string,
  args: readonly string[],
  folder: string,
  port: number,
): Promise<Launched> {
  // Otherwise another server that listens there would answer in place of this one.
  if (!(await isPortFree(port))) {
    throw new ServerSetupError(
      'ERR_SERVER_START',
      `Port ${port} on 127.0.0.1 is in use: choose another one.`,
    );
  }
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--protected-mode', 'no', '--daemonize', 'no'];
  own.push('--save', '', '--appendonly', 'no', '--dir', folder);
  // Detached: a Ctrl-C in the terminal goes to this process, which ends the server after its last command.
  const child = spawn(binary, [...own, ...args], {
    argv0: SERVER_ARGV0,
    detached: true,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = new LastLines(LOG_LINES_KEPT);
  const end = { reason: undefined as string | undefined };
  const exited = new Promise<void>((resolve) => {
    const ended = (reason: string): void => {
      end.reason = reason;
      resolve();
    };
    child.once('error', (error) => ended(error.message));
    child.once('exit', (code, signal) => ended(`it ended with ${signal ?? `exit code ${code}`}`));
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => log.add(chunk.toString('latin1')));
    unrefStream(stream);
  }
  child.unref();
  if (child.pid === undefined) {
    await exited;
    throw new ServerSetupError('ERR_SERVER_START', `${binary} could not be started: ${end.reason}`);
  }
  const launched = { pid: child.pid, child, guard: guardProcess(child.pid, folder), exited };
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(port, launched.pid, Math.max(1, deadline - Date.now())))) {
    if (end.reason === undefined && Date.now() < deadline) {
      await Promise.race([delay(RETRY_MS), exited]);
      continue;
    }
    const reason = end.reason ?? `no answer to PING within ${START_TIMEOUT_MS / 1000} s`;
    await endServer(launched);
    throw new ServerSetupError(
      'ERR_SERVER_START',
      `${binary} did not come up on 127.0.0.1:${port}: ${reason}. Its last log lines:\n${log.text()}`,
    );
  }
  return launched;
}

/** Asks the server to end, and ends it by force when it does not within three seconds. May be called again. */
export async function endServer({ child, guard, exited }: Launched): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }
  // From here on the pid may belong to another process, so the guard must never use it.
  guard.kill('SIGKILL');
}

/**
 * One check: true if this very process answers on the port and has loaded its data. An error such as NOAUTH is an answer, too;
 * then its process cannot be asked.
 */
function answers(port: number, pid: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    let answer = '';
    const finish = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.once('connect', () => socket.write('PING\r\nINFO server\r\n'));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (!answer.includes('\r\n')) return;
      if (answer.startsWith('-')) finish(!answer.startsWith('-LOADING'));
      const owner = /\r\nprocess_id:(\d+)\r\n/.exec(answer);
      if (owner !== null) finish(Number(owner[1]) === pid);
    });
  });
}
