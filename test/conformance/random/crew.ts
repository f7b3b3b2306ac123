// The clients of one session at one port: opens them, sends their turns piece by piece, takes what came.
// Never judges, and never waits for a reply but the handshakes'.
import { setImmediate as turn } from 'node:timers/promises';
import { connectRaw, type RawClient } from '../../support/raw-client.js';
import { WAIT_MS } from './server-watch.js';
import { cutPlaces, encode, type Session, type Step, type Turn, usesIds } from './session.js';

/** A connection's id is each server's own. */
const ID = /(\$2\r\nid\r\n|tracking-redir-broken\r\n):\d+\r\n/g;

/** Confirmations of UNSUBSCRIBE without a channel come in an order of each server's own. */
const UNSUBSCRIBED =
  /[*>]3\r\n\$\d+\r\n([ps]?)unsubscribe\r\n\$\d+\r\n[^\r]*\r\n:\d+\r\n(?:[*>]3\r\n\$\d+\r\n\1unsubscribe\r\n\$\d+\r\n[^\r]*\r\n:\d+\r\n)+/g;
const CHANNEL = /(?<=unsubscribe\r\n)\$\d+\r\n[^\r]*\r\n/g;

/** What came, without what no two servers have in common. */
function comparable(text: string): string {
  return text.replace(ID, '$1:N\r\n').replace(UNSUBSCRIBED, (run) => {
    const channels = (run.match(CHANNEL) ?? []).sort();
    let next = 0;
    return run.replace(CHANNEL, () => channels[next++]);
  });
}

export class Crew {
  private constructor(
    readonly clients: readonly RawClient[],
    private readonly ids: readonly string[],
    /** What open turns have left unsent. */
    private readonly unsent: Buffer[],
  ) {}

  static async open(port: number, session: Session): Promise<Crew> {
    const clients: RawClient[] = [];
    const ids: string[] = [];
    const askIds = usesIds(session);
    for (const protocol of session.clients) {
      const client = await connectRaw(port, WAIT_MS);
      clients.push(client);
      if (protocol === 3) await client.call('HELLO', 3);
      if (askIds) ids.push(String(await client.call('CLIENT', 'ID')).slice(1, -2));
    }
    return new Crew(
      clients,
      ids,
      clients.map(() => Buffer.alloc(0)),
    );
  }

  async send(step: Step): Promise<void> {
    await Promise.all(step.map((one) => this.sendTurn(one)));
  }

  /** Bytes sent and bytes received so far, over all clients. */
  get sent(): number {
    return this.clients.reduce((sum, { socket }) => sum + socket.bytesWritten, 0);
  }

  get received(): number {
    return this.clients.reduce((sum, { socket }) => sum + socket.bytesRead, 0);
  }

  /** What has come for a client and was not taken, ids made equal. */
  peek(client: number): string {
    return comparable(this.clients[client].peek().toString('latin1'));
  }

  /** All that has come since the last time, by client. */
  async take(): Promise<string[]> {
    const all = this.clients.map((_, i) => this.peek(i));
    for (const client of this.clients) await client.readExactly(client.peek().length);
    return all;
  }

  closed(): boolean[] {
    return this.clients.map(({ closed }) => closed);
  }

  destroy(): void {
    for (const client of this.clients) client.destroy();
  }

  private async sendTurn({ client, commands, cuts, open }: Turn): Promise<void> {
    const socket = this.clients[client];
    const before = this.unsent[client];
    const own = Buffer.concat(commands.map((one) => encode(one, this.ids)));
    const bytes = Buffer.concat([before, own]);
    const ends = cutPlaces(commands, cuts, this.ids).map((cut) => before.length + cut);
    if (open !== true || ends.length === 0) ends.push(bytes.length);
    this.unsent[client] = bytes.subarray(ends[ends.length - 1]);
    let from = 0;
    for (const to of ends) {
      // What a closed connection does with it shows in what comes back.
      await socket.write(bytes.subarray(from, to)).catch(() => {});
      // A proxy in this very process reads a piece by itself only when it has its turn before the next is sent.
      await turn();
      from = to;
    }
  }
}
