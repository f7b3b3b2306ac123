// An ordinary client in a process of its own: the event loop of whoever plays the offender would add to its times.
// Asks one thing at a time, checks each reply, times it. Started by bystander.ts, which speaks to it by IPC.

import net from 'node:net';
import { createHistogram } from 'node:perf_hooks';

/** Between two requests: it is to notice what others do to it, not to be a load itself. */
const PAUSE_MS = 1;

interface Run {
  readonly port: number;
}

let end: () => void = () => {};

function watch(port: number): void {
  const nanos = createHistogram();
  let wrong = 0;
  let example = '';
  let round = 0;
  let askedAt = 0n;
  let expected = '';
  let received = '';
  let ending = false;
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const ask = (): void => {
    const token = `ordinary-${round++}`;
    expected = `$${token.length}\r\n${token}\r\n`;
    received = '';
    askedAt = process.hrtime.bigint();
    socket.write(`*2\r\n$4\r\nECHO\r\n$${token.length}\r\n${token}\r\n`);
  };
  const complain = (seen: string): void => {
    if (wrong++ === 0) example = seen;
  };
  const finish = (): void => {
    socket.destroy();
    const ms = (value: number): number => value / 1e6;
    process.send?.({
      samples: nanos.count,
      wrong,
      example,
      p50Ms: ms(nanos.percentile(50)),
      p99Ms: ms(nanos.percentile(99)),
      maxMs: ms(nanos.max),
    });
  };
  socket.on('connect', ask);
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    if (received.length < expected.length) return;
    nanos.record(process.hrtime.bigint() - askedAt);
    if (received !== expected) complain(received);
    if (nanos.count === 1) process.send?.('ready');
    if (ending) finish();
    else setTimeout(ask, PAUSE_MS);
  });
  socket.on('error', (error) => complain(error.message));
  socket.on('close', () => {
    if (ending) return;
    complain('closed');
    ending = true;
    end = finish;
  });
  end = () => {
    // With the reply under way: a long wait for it is what is looked for.
    ending = true;
  };
}

process.on('message', (message: Run | 'end') => {
  if (message === 'end') end();
  else watch(message.port);
});
process.on('disconnect', () => process.exit(0));
