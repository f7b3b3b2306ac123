// Follows MOVED and ASK to the server of a Cluster that has the key now. Owns the connections that it makes for that.
import { Aside } from './aside.js';
import { Batch, type KeyCommand } from './batch.js';
import { type Endpoint, endpointName, refusal, ServerError } from './endpoint.js';
import type { Reply } from './pipe.js';

/** While slots move, servers may point at each other for a while. */
const MOST_HOPS = 16;

export interface KeyQuestion {
  readonly command: KeyCommand;
  readonly key: Buffer;
}

interface Open extends KeyQuestion {
  readonly index: number;
  readonly asking: boolean;
}

/** Whether the error says that another server has the key. */
export function isElsewhere({ message }: Error): boolean {
  return message.startsWith('MOVED ') || message.startsWith('ASK ');
}

/** Asks about keys, wherever they are now. */
export class Follower {
  private readonly asides = new Map<string, Aside>();

  constructor(
    /** For CLIENT LIST. */
    private readonly name: string,
  ) {}

  /**
   * One reply for each question, none of them MOVED or ASK.
   * @param endpoint the server to ask first
   * @throws ConnectionLost, ServerError when the server refuses
   */
  async ask(endpoint: Endpoint, db: number, questions: readonly KeyQuestion[]): Promise<Reply[]> {
    const answers: Reply[] = [];
    let open = new Map([
      [endpoint, questions.map((each, index): Open => ({ ...each, index, asking: false }))],
    ]);
    for (let hop = 0; open.size > 0; hop++) {
      if (hop > MOST_HOPS)
        throw new ServerError(
          `${endpointName(endpoint)}: its Cluster redirects in circles; try again when its slots have stopped moving`,
        );
      const next = new Map<Endpoint, Open[]>();
      for (const [at, list] of open) await this.hop(at, db, list, answers, next);
      open = next;
    }
    return answers;
  }

  close(): void {
    for (const aside of this.asides.values()) aside.close();
  }

  private async hop(
    at: Endpoint,
    db: number,
    list: readonly Open[],
    answers: Reply[],
    next: Map<Endpoint, Open[]>,
  ): Promise<void> {
    const batch = new Batch();
    for (const { command, key, asking } of list) {
      if (asking) batch.command('ASKING');
      batch.about(command, key);
    }
    const replies = await this.asideOf(at, db).ask(batch);
    let i = 0;
    for (const each of list) {
      if (each.asking) i++;
      const reply = replies[i++];
      if (!(reply instanceof Error)) {
        answers[each.index] = reply;
        continue;
      }
      if (!isElsewhere(reply)) throw refusal(endpointName(at), reply);
      const to = target(reply, at, [...next.keys()]);
      next.set(to, [...(next.get(to) ?? []), { ...each, asking: reply.message.startsWith('ASK ') }]);
    }
  }

  private asideOf(endpoint: Endpoint, db: number): Aside {
    const id = `${db} ${endpointName(endpoint)}`;
    const known = this.asides.get(id) ?? new Aside(endpoint, db, this.name);
    this.asides.set(id, known);
    return known;
  }
}

/** Parses `MOVED 3999 127.0.0.1:6381`. No host means the host that was asked. Returns the same object for the same server. */
function target({ message }: Error, asked: Endpoint, known: readonly Endpoint[]): Endpoint {
  const [, host = '', port = ''] = /^\S+ \d+ (.*):(\d+)$/.exec(message) ?? [];
  const to = { ...asked, host: host === '' ? asked.host : host, port: Number(port) };
  return known.find((each) => endpointName(each) === endpointName(to)) ?? to;
}
