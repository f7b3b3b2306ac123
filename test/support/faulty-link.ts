// A TCP link that misbehaves as told: stands before a port, on a port of its own, with toxics for each direction.
// Owns its sockets. What is random in it comes from its seed and the number of the connection; what breaks on one
// side breaks on the other (a reset passes as a reset). Toxics hold at once, for connections that stand as well.
import net, { type AddressInfo, type Socket } from 'node:net';
import { createRandom } from '../../src/cli/demo/random.js';
import { type Cut, Lane, type Toxics } from './faulty-lane.js';
import type { TestScope } from './redis.js';

/** `up` is what the connecting side sends, `down` what it gets. */
export interface LinkToxics {
  readonly up?: Toxics;
  readonly down?: Toxics;
}

export interface FaultyLink {
  readonly port: number;
  /** Connections that its toxics have cut, or half cut, so far. */
  readonly cuts: number;
  /** Connections that were made through it so far. */
  readonly accepted: number;
  poison(toxics: LinkToxics): void;
  /**
   * Connections that stand go silent without an end, as behind a firewall that has lost its state: what either side sends
   * from now on, its end included, is lost. New ones are served.
   */
  silence(): void;
}

/** A link to 127.0.0.1:`target`, at first without a fault; gone when `t` ends. */
export async function withFaultyLink(t: TestScope, target: number, seed: number): Promise<FaultyLink> {
  const link = new Link(target, seed);
  await link.listen();
  t.teardown(() => link.close());
  return link;
}

class Link implements FaultyLink {
  cuts = 0;
  accepted = 0;
  readonly #target: number;
  readonly #seed: number;
  readonly #server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#accept(near));
  readonly #pairs = new Set<Pair>();
  #toxics: LinkToxics = {};

  constructor(target: number, seed: number) {
    this.#target = target;
    this.#seed = seed;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen({ port: 0, host: '127.0.0.1', backlog: 511 }, resolve);
    });
  }

  poison(toxics: LinkToxics): void {
    this.#toxics = toxics;
    for (const pair of this.#pairs) pair.poison(toxics);
  }

  silence(): void {
    for (const pair of this.#pairs) pair.silence();
  }

  close(): void {
    this.#server.close();
    for (const pair of this.#pairs) pair.destroy('reset');
  }

  #accept(near: Socket): void {
    const far = net.connect({
      port: this.#target,
      host: '127.0.0.1',
      noDelay: true,
      allowHalfOpen: true,
    });
    const pair = new Pair(near, far, this.#toxics, this.#seed + this.accepted++, {
      cut: () => this.cuts++,
      closed: () => this.#pairs.delete(pair),
    });
    this.#pairs.add(pair);
  }
}

interface PairEvents {
  cut(): void;
  closed(): void;
}

/** The two sockets of one connection and the lanes between them. */
class Pair {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #up: Lane;
  readonly #down: Lane;
  #silent = false;

  constructor(near: Socket, far: Socket, toxics: LinkToxics, seed: number, events: PairEvents) {
    this.#near = near;
    this.#far = far;
    const random = createRandom(seed);
    const cut = (how: Cut): void => {
      events.cut();
      if (how !== 'half') this.destroy(how);
    };
    this.#up = new Lane(near, far, toxics.up ?? {}, random, cut);
    this.#down = new Lane(far, near, toxics.down ?? {}, random, cut);
    let open = 2;
    for (const socket of [near, far]) {
      socket.on('error', () => {
        if (!this.#silent) this.destroy('reset');
      });
      socket.on('close', () => {
        open--;
        if (open === 0) events.closed();
      });
    }
  }

  poison({ up = {}, down = {} }: LinkToxics): void {
    this.#up.poison(up);
    this.#down.poison(down);
  }

  silence(): void {
    this.#silent = true;
    this.#up.close();
    this.#down.close();
  }

  destroy(how: 'close' | 'reset'): void {
    this.#up.close();
    this.#down.close();
    for (const socket of [this.#near, this.#far]) {
      // While its end is on its way libuv refuses to reset a socket, and Node then never closes the handle.
      const ending = socket.writableEnded && !socket.writableFinished;
      if (how === 'reset' && !ending) socket.resetAndDestroy();
      else if (how === 'reset') socket.destroy();
      else socket.destroySoon();
    }
  }
}
