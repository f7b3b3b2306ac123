// Plays a session: against a server itself, to learn what there is to see, or through a proxy, to compare.
// Direct play is exact: a step ends when the server has read every byte and every byte it wrote has come here.
// What cannot be repeated is left out while playing: turns of a client that is blocked or was closed.
import { Crew } from './crew.js';
import type { Look, ServerWatch } from './server-watch.js';
import type { Session, Step, Turn } from './session.js';

/** What each client got in one step, and whether it is closed. */
export interface SeenStep {
  readonly replies: readonly string[];
  readonly closed: readonly boolean[];
}

export interface Played {
  /** What was really played, the end included. */
  readonly session: Session;
  readonly seen: readonly SeenStep[];
}

/**
 * Every client sends what it still owes, and QUIT, one after the other. Aloud: in silence a server ends the
 * connection only if something else is being written to it.
 */
function farewell({ clients }: Session): Step[] {
  const commands = [['CLIENT', 'REPLY', 'ON'], ['QUIT']];
  return clients.map((_, client) => [{ client, commands, cuts: [] }]);
}

/** `inItsPlace`: what is sent for a step, where that is something else. */
export async function playDirect(
  watch: ServerWatch,
  port: number,
  session: Session,
  inItsPlace: (step: Step) => Step = (step) => step,
): Promise<Played> {
  const start = await watch.look();
  const crew = await Crew.open(port, session);
  try {
    const addresses = crew.clients.map(({ socket }) => `127.0.0.1:${socket.localPort}`);
    const done = (now: Look): boolean =>
      now.read - start.read === crew.sent &&
      now.written - start.written === crew.received &&
      !now.pending &&
      !now.timing &&
      crew.clients.every(({ closed }, i) => closed || now.clients.has(addresses[i]));
    let now = await watch.until('the handshakes', done);
    const steps: Step[] = [];
    const seen: SeenStep[] = [];
    const mayPlay = ({ client }: Turn): boolean =>
      !crew.clients[client].closed && !now.clients.get(addresses[client])?.includes('b');
    for (const whole of [...session.steps, ...farewell(session)]) {
      const step = whole.filter(mayPlay);
      if (step.length === 0) continue;
      await crew.send(inItsPlace(step));
      now = await watch.until(`the end of ${JSON.stringify(step).slice(0, 400)}`, done);
      steps.push(step);
      seen.push({ replies: await crew.take(), closed: crew.closed() });
    }
    return { session: { ...session, steps }, seen };
  } finally {
    crew.destroy();
    await watch.until('the clients to be gone', (now) => now.clients.size === 0);
  }
}

/**
 * Plays through a proxy what was played direct; `watch` looks at the server behind it. Returns the first difference,
 * or undefined. `patience`: for how long bytes may be missing.
 */
export async function playThrough(
  watch: ServerWatch,
  port: number,
  { session, seen }: Played,
  patience: number,
): Promise<string | undefined> {
  const crew = await Crew.open(port, session);
  try {
    await watch.settled(() => crew.received);
    for (const [i, step] of session.steps.entries()) {
      await crew.send(step);
      const { replies, closed } = seen[i];
      const complete = (): boolean =>
        replies.every((text, client) => crew.peek(client).length >= text.length) &&
        crew.closed().every((is, client) => is || !closed[client]);
      await watch.until('', complete, patience).catch(() => undefined);
      await watch.settled(() => crew.received);
      const got = { replies: await crew.take(), closed: crew.closed() };
      const different = difference(seen[i], got);
      if (different !== undefined) return `step ${i}: ${different}`;
    }
    return undefined;
  } finally {
    crew.destroy();
    // Connections upstream may be shared and stay; nothing of these clients may go on upon them.
    await watch.until('the clients to be gone', ({ clients }) => [...clients.values()].every(isPlain));
  }
}

/** Neither blocked, nor subscribed, nor tracking, nor in a transaction. */
function isPlain(flags: string): boolean {
  return flags === 'N';
}

function difference(direct: SeenStep, proxied: SeenStep): string | undefined {
  for (const [client, wanted] of direct.replies.entries()) {
    const found = proxied.replies[client];
    if (wanted !== found) return `client ${client} got ${apart(wanted, found)}`;
    if (direct.closed[client] !== proxied.closed[client]) {
      return `client ${client} is ${direct.closed[client] ? 'closed' : 'open'} when direct`;
    }
  }
  return undefined;
}

function apart(wanted: string, found: string): string {
  let at = 0;
  while (at < wanted.length && wanted[at] === found[at]) at++;
  const around = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 40), at + 120));
  return `${wanted.length} bytes direct, ${found.length} proxied, apart at ${at}: ${around(wanted)} and ${around(found)}`;
}
