// The entry of a worker process: its channel to the primary, its log, and its end. It ignores signals, and ends when the primary
// does.
import type { Socket } from 'node:net';
import { LogOutput, logTo } from '../log/log-output.js';
import type { FromWorker, ToWorker } from './messages.js';
import { Outbox } from './outbox.js';
import { Worker } from './worker.js';

const STDOUT = 1;

const primary = new Outbox<FromWorker>((message, sent) => {
  process.send?.(message, undefined, undefined, () => sent());
});

// Ctrl-C and service managers signal the whole process group; the primary turns that into a drain.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
let exit = (code: number): unknown => process.exit(code);
process.on('disconnect', () => exit(0));
process.once('message', (message: ToWorker) => {
  if (message.type === 'start') run(message);
});

function run(start: Extract<ToWorker, { type: 'start' }>): void {
  const output = new LogOutput(STDOUT);
  const log = logTo(output, start.config.log, { worker: start.worker });
  exit = (code) => output.exit(code);
  let worker: Worker | undefined;
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'crashed');
    exit(1);
    // A worker in an unknown state must not serve clients.
    process.removeAllListeners('message');
    worker?.stopServing();
  });
  worker = new Worker(start, log, output, (message) => primary.post(message));
  process.on('message', (message: ToWorker, socket?: Socket) => worker.hear(message, socket));
}
