// Reads used_memory from Redis every few milliseconds on a connection of its own, in a process of its own: the busy
// event loop of the writers would miss the peaks. Started by sampler.ts, which speaks to it by IPC.
import net from 'node:net';

const INTERVAL_MS = 5;

const socket = net.connect({ port: Number(process.argv[2]), host: '127.0.0.1', noDelay: true });
let maximum = 0;
let samples = 0;
let text = '';

socket.on('connect', () => socket.write('INFO memory\r\n'));
socket.on('data', (chunk) => {
  text += chunk.toString('latin1');
  // A bulk string: its last line end follows the one of its last field.
  if (!text.endsWith('\r\n\r\n')) return;
  const used = Number(/used_memory:(\d+)/.exec(text)?.[1] ?? 0);
  text = '';
  samples++;
  if (samples === 1) process.send?.('ready');
  maximum = Math.max(maximum, used);
  setTimeout(() => socket.write('INFO memory\r\n'), INTERVAL_MS);
});
socket.on('error', () => process.exit(1));

process.on('message', () => {
  process.send?.({ maximum, samples }, () => process.exit(0));
});
process.on('disconnect', () => process.exit(0));
