// The two sockets of a relay that a test puts between a client and a server.
import type { Socket } from 'node:net';

/** When one of them has closed, for whatever reason, so does the other. */
export function tied(near: Socket, far: Socket): void {
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on('error', () => {});
    one.on('close', () => other.destroy());
  }
}
