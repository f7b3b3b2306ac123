// The least that a proxy on Node can do: it sends on what it reads, each way, and looks at nothing. What Spillway needs beyond
// this is its own doing; what this needs beyond HAProxy is Node's. `relay.mjs FILE`: FILE is JSON, { port, redisPort }.
import { readFileSync } from 'node:fs';
import net from 'node:net';

const { port, redisPort } = JSON.parse(readFileSync(process.argv[2], 'utf8'));

/** Writes each chunk as it comes; waits while `to` is behind, as pipe() does, without its streams' machinery. */
function relay(from, to) {
  from.on('data', (chunk) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('close', () => to.destroy());
  from.on('error', () => to.destroy());
}

net
  .createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const server = net.connect({ port: redisPort, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    relay(client, server);
    relay(server, client);
  })
  .listen(port, '127.0.0.1');
