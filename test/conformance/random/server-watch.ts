// Knows when a server has done all it was asked: by its own counts of bytes read and written, so without a clock.
// Owns one connection to the server, and takes the bytes of that one out of the counts.
// Invariant: nobody else but the players' clients talks to a server that is asked for exact counts.
import { setImmediate as turn } from 'node:timers/promises';
import { connectRaw, type RawClient } from '../../support/raw-client.js';
import { commands, integer } from '../../support/twins.js';

const LOOK = commands('INFO stats', 'INFO clients', 'CLIENT LIST');
/** A proxy may have to connect first: each step of that shows in the state below, a turn of its event loop apart. */
const CALM_ROUNDS = 6;
export const WAIT_MS = 30_000;

export interface Look {
  /** Bytes that the server has read from, and written to, all other connections since it began. */
  readonly read: number;
  readonly written: number;
  readonly blocked: number;
  /** Some client is blocked with a timeout: the server is not done yet. */
  readonly timing: boolean;
  /** Some client's replies are still to be written. */
  readonly pending: boolean;
  /** Flags by address. */
  readonly clients: ReadonlyMap<string, string>;
}

export class ServerWatch {
  private constructor(
    readonly admin: RawClient,
    private readonly id: number,
  ) {}

  static async open(port: number): Promise<ServerWatch> {
    const admin = await connectRaw(port, WAIT_MS);
    return new ServerWatch(admin, await integer(admin, 'CLIENT', 'ID'));
  }

  async look(): Promise<Look> {
    const { socket } = this.admin;
    const readBefore = socket.bytesRead;
    void this.admin.write(LOOK);
    const [stats, clients, list] = (await this.admin.readReplies(3)).map(String);
    const others = [...list.matchAll(/^(?:[$=]\d+\r\n)?(?:txt:)?id=(\d+) addr=(\S+) (.*)$/gm)].filter(
      ([, id]) => Number(id) !== this.id,
    );
    return {
      read: field(stats, 'total_net_input_bytes') - socket.bytesWritten,
      written: field(stats, 'total_net_output_bytes') - readBefore,
      blocked: field(clients, 'blocked_clients'),
      timing: field(clients, 'clients_in_timeout_table') > 0,
      pending: others.some(([, , , rest]) => !/ obl=0 oll=0 /.test(rest)),
      clients: new Map(others.map(([, , address, rest]) => [address, / flags=(\S+)/.exec(rest)?.[1] ?? ''])),
    };
  }

  /** The first look for which `condition` holds. @throws Error when it doesn't for long. */
  async until(what: string, condition: (now: Look) => boolean, waitMs = WAIT_MS): Promise<Look> {
    const deadline = Date.now() + waitMs;
    for (;;) {
      const now = await this.look();
      if (condition(now)) return now;
      if (Date.now() > deadline) {
        throw new Error(`waited for ${what}: ${JSON.stringify({ ...now, clients: [...now.clients] })}`);
      }
      await turn();
    }
  }

  /**
   * The look from which on nothing moves any more, as seen from here: for a server behind a proxy, whose bytes are
   * not only the clients'. `more`: what else must not move.
   */
  async settled(more: () => number, waitMs = WAIT_MS): Promise<Look> {
    let rounds = 0;
    let last = '';
    return this.until(
      'the server to settle',
      (now) => {
        const state = `${now.read} ${now.written} ${now.blocked} ${now.clients.size} ${more()}`;
        const calm = state === last && !now.timing && !now.pending;
        last = state;
        rounds = calm ? rounds + 1 : 0;
        return rounds >= CALM_ROUNDS;
      },
      waitMs,
    );
  }
}

function field(info: string, name: string): number {
  const found = new RegExp(`^${name}:(\\d+)`, 'm').exec(info);
  if (found === null) throw new Error(`INFO has no ${name}`);
  return Number(found[1]);
}
