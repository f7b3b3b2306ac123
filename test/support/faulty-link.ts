// A link that misbehaves as told: stands before a port or a unix socket, at a place of its own, with toxics for each direction.
// Owns its sockets. What is random in it comes from its seed and the number of the connection; what breaks on one
// side breaks on the other (a reset passes as a reset). Toxics hold at once, for connections that stand as well.
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { createRandom } from '../../src/cli/demo/random.js';
import { type Cut, Lane, type Toxics } from './faulty-lane.js';
import type { TestScope } from './redis.js';
import type { Place } from './transport.js';

/** `up` is what the connecting side sends, `down` what it gets. */
export interface LinkToxics {
  readonly up?: Toxics;
  readonly down?: Toxics;
}

export interface FaultyLink {
  readonly port: number;
  /** Where it listens. */
  readonly place: Place;
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
  /** New connections are accepted and led nowhere. */
  deafen(): void;
  /** New connections are refused; those that stand stay. */
  shut(): Promise<void>;
  /** Listens, and hears; connections that were silent or led nowhere are reset. */
  recover(): Promise<void>;
  /** Another server has taken the place: all connections are reset, new ones lead there. */
  lead(target: Place): void;
}

/** A link to `target`, a port of 127.0.0.1 or elsewhere, at first without a fault; gone when `t` ends. */
export async function withFaultyLink(
  t: TestScope,
  target: number | Place,
  seed: number,
  at: Place = { host: '127.0.0.1', port: 0 },
): Promise<FaultyLink> {
  const link = new Link(typeof target === 'number' ? { host: '127.0.0.1', port: target } : target, seed, at);
  await link.listen();
  t.teardown(() => link.close());
  return link;
}

class Link implements FaultyLink {
  cuts = 0;
  accepted = 0;
  place: Place;
  #target: Place;
  readonly #seed: number;
  readonly #server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#accept(near));
  readonly #pairs = new Set<Pair>();
  readonly #nowhere = new Set<Socket>();
  #isDeaf = false;
  #toxics: LinkToxics = {};

  constructor(target: Place, seed: number, at: Place) {
    this.#target = target;
    this.#seed = seed;
    this.place = at;
  }

  get port(): number {
    return 'port' in this.place ? this.place.port : Number.NaN;
  }

  async listen(): Promise<void> {
    this.#server.listen({ ...this.place, backlog: 511 });
    await once(this.#server, 'listening');
    if ('host' in this.place) {
      const { port } = this.#server.address() as AddressInfo;
      this.place = { ...this.place, port };
    }
  }

  poison(toxics: LinkToxics): void {
    this.#toxics = toxics;
    for (const pair of this.#pairs) pair.poison(toxics);
  }

  silence(): void {
    for (const pair of this.#pairs) pair.silence();
  }

  deafen(): void {
    this.#isDeaf = true;
  }

  async shut(): Promise<void> {
    // It is closed only once its connections have ended, but refuses at once.
    this.#server.close();
    await new Promise(setImmediate);
  }

  async recover(): Promise<void> {
    this.#isDeaf = false;
    for (const near of this.#nowhere) reset(near);
    for (const pair of this.#pairs) if (pair.isSilent) pair.destroy('reset');
    if (!this.#server.listening) await this.listen();
  }

  lead(target: Place): void {
    this.#target = target;
    for (const pair of this.#pairs) pair.destroy('reset');
  }

  close(): void {
    this.#server.close();
    for (const near of this.#nowhere) near.destroy();
    for (const pair of this.#pairs) pair.destroy('reset');
  }

  #accept(near: Socket): void {
    if (this.#isDeaf) {
      this.#nowhere.add(near);
      near.on('error', () => {});
      near.on('close', () => this.#nowhere.delete(near));
      return;
    }
    const far = net.connect({ ...this.#target, noDelay: true, allowHalfOpen: true } as net.NetConnectOpts);
    const pair = new Pair(near, far, this.#toxics, this.#seed + this.accepted++, {
      cut: () => this.cuts++,
      closed: () => this.#pairs.delete(pair),
    });
    this.#pairs.add(pair);
  }
}

/** A unix socket knows no reset: its other side sees an end, or EPIPE. */
function reset(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
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
  isSilent = false;

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
        if (!this.isSilent) this.destroy('reset');
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
    this.isSilent = true;
    this.#up.close();
    this.#down.close();
  }

  destroy(how: 'close' | 'reset'): void {
    this.#up.close();
    this.#down.close();
    for (const socket of [this.#near, this.#far]) {
      // While its end is on its way libuv refuses to reset a socket, and Node then never closes the handle.
      const ending = socket.writableEnded && !socket.writableFinished;
      if (how === 'reset' && !ending) reset(socket);
      else if (how === 'reset') socket.destroy();
      else socket.destroySoon();
    }
  }
}
