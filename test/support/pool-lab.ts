// Several sessions that share upstream connections to one small scripted Redis, without I/O: does by hand what
// wire/client/client-link and wire/upstream/upstream-pool do. Strict where they are lenient: a connection of a client's own is never
// kept for later, so nothing that the client relies on may have stayed behind on it.
import {
  type Greeting,
  type Identity,
  ownGreeting,
  sharedGreeting,
} from '../../src/core/session/pooling/identity.js';
import { Place } from '../../src/core/session/pooling/placement.js';
import { SharedLane } from '../../src/core/session/pooling/shared-lane.js';
import type { Session } from '../../src/core/session/session.js';
import type { SessionContext } from '../../src/core/session/session-context.js';
import {
  consoleAnswer,
  lend,
  makeSession,
  messageText,
  type Scenario,
  ScriptedRedis,
  Sink,
  Store,
  type Way,
  without,
} from './session-lab.js';

const MINUS = 0x2d;
/** Bytes of replies that a client may be owed on a shared connection: less once the server has ended one. */
const ALLOWANCES = [256 * 1024, 64 * 1024, 16 * 1024] as const;

/** A connection to the server. */
interface Far {
  readonly server: ScriptedRedis;
  readonly sink: Sink;
  replies: Buffer;
}

interface Shared extends Far {
  readonly batch: Sink;
  readonly lane: SharedLane;
  readonly allowance: number;
}

interface Player {
  readonly session: Session;
  readonly client: Sink;
  readonly context: SessionContext;
  readonly sent: Buffer;
  at: number;
  /** The messages that the server told it unasked. */
  readonly told: string[];
  own: Far | undefined;
  /** No connection could be made for it. */
  ended: boolean;
}

export interface PooledOutcome {
  /** What each client got, but for the messages that the server told it unasked. */
  readonly clients: readonly string[];
  /** Which of them ended with bytes that pass unread. */
  readonly raw: readonly boolean[];
  /** Connections of their own that were made, and shared ones. */
  readonly own: number;
  readonly shared: number;
  /** See Store. */
  readonly lifetimes: Record<string, number>;
}

/** Plays the scenarios at once. All have the server options of the first. @throws Error when a session is left stalled or busy. */
export function runPooled(scenarios: readonly Scenario[], way: Way): PooledOutcome {
  const store = new Store();
  const shared = new Map<string, Shared>();
  const random = typeof way.turns === 'function' ? way.turns : () => 0;
  let made = 0;

  const connect = (greeting: readonly Greeting[]): Far | undefined => {
    const server = new ScriptedRedis(scenarios[0].server ?? {}, store);
    for (const { command, essential } of greeting) {
      const refused = server.receive(command)[0] === MINUS;
      if (refused && essential) return undefined;
    }
    return { server, sink: new Sink(), replies: Buffer.alloc(0) };
  };
  const sharedFor = (identity: Identity, pausable: boolean): Shared | undefined => {
    const { resp, credential, db } = identity;
    const key = JSON.stringify([resp, credential, db, pausable]);
    const there = shared.get(key);
    if (there !== undefined) return there;
    const far = connect(sharedGreeting(identity));
    if (far === undefined) return undefined;
    const allowance = ALLOWANCES[Math.floor(random() * ALLOWANCES.length)];
    const fresh = { ...far, batch: far.sink, lane: new SharedLane(), allowance };
    shared.set(key, fresh);
    return fresh;
  };
  const provide = (player: Player): void => {
    const { session } = player;
    while (session.wants !== Place.NOWHERE && session.idle && !player.ended) {
      if (session.wants === Place.OWN) {
        player.own = connect(ownGreeting(session.identity));
        made++;
        if (player.own === undefined) player.ended = true;
        else session.attach(player.own.sink, true);
      } else {
        if (session.hasOwnUpstream) release(player);
        if (session.isNew) {
          session.vouched(scenarios[0].server?.password !== true);
          continue;
        }
        const far = sharedFor(session.identity, session.wantsPausable);
        if (far === undefined) player.ended = true;
        else session.attachShared(far);
      }
    }
  };
  const release = (player: Player): void => {
    player.session.detach();
    player.own = undefined;
  };

  const players = scenarios.map((scenario): Player => {
    // Now and then there is none at hand.
    const switchboard = (pausable: boolean): Shared | undefined =>
      random() < 0.1 ? undefined : sharedFor(session.identity, pausable);
    const { session, client, context } = makeSession(scenario, true, switchboard);
    const sent = Buffer.from(scenario.client, 'latin1');
    return { session, client, context, sent, at: 0, told: [], own: undefined, ended: false };
  });
  /** All are paused, as when the primary may move; nothing of those that were idle may go up. */
  let quiet: readonly Player[] = [];
  const pause = (choice: number): void => {
    if (choice < 0.1) {
      quiet = players.filter((player) => quiet.includes(player) || player.session.idle);
      for (const { session } of players) session.pause();
    } else if (choice < 0.15) {
      quiet = players;
      for (const { session } of players) session.pause(true);
    } else if (choice < 0.3) goOn();
  };
  const goOn = (): void => {
    quiet = [];
    for (const player of players) {
      player.session.unpause();
      provide(player);
    }
  };
  const sent = (): number => {
    let bytes = 0;
    for (const { sink } of shared.values()) bytes += sink.bytes;
    for (const { own } of players) bytes += own?.sink.bytes ?? 0;
    return bytes;
  };
  const send = (player: Player): void => {
    const before = sent();
    sendPiece(player);
    if (quiet.includes(player) && sent() > before) throw new Error('a command has gone up in a pause');
  };
  const sendPiece = (player: Player): void => {
    const to = Math.min(player.sent.length, player.at + way.clientPiece());
    lend(player.sent.subarray(player.at, to), (bytes) => player.session.fromClient(bytes));
    player.at = to;
    provide(player);
  };
  const answer = (player: Player): boolean => {
    const question = player.session.takeQuestion();
    if (question === undefined) return false;
    player.session.answer(question, Buffer.from(consoleAnswer(question.words, question.resp), 'latin1'));
    provide(player);
    return true;
  };
  const tell = ({ own, told }: Player): void => {
    const message = own?.server.tell(messageText(told.length), random()) ?? '';
    if (own === undefined || message === '') return;
    told.push(message);
    own.replies = Buffer.concat([own.replies, Buffer.from(message, 'latin1')]);
  };
  const serve = (far: Far): void => {
    far.replies = Buffer.concat([far.replies, far.server.receive(far.sink.take())]);
  };
  const take = (far: Far): Buffer => {
    const piece = far.replies.subarray(0, way.serverPiece());
    far.replies = far.replies.subarray(piece.length);
    return piece;
  };
  const deliver = (): boolean => {
    let any = false;
    for (const player of players) {
      const { own } = player;
      if (own === undefined) continue;
      serve(own);
      const piece = take(own);
      if (piece.length === 0) continue;
      any = true;
      lend(piece, (bytes) => player.session.fromUpstream(bytes));
      if (player.session.mayRest) release(player);
      provide(player);
    }
    for (const far of shared.values()) {
      serve(far);
      const piece = take(far);
      if (piece.length === 0) continue;
      any = true;
      if (!lend(piece, (bytes) => far.lane.receive(bytes))) throw new Error('replies that are nobody’s');
      for (const player of players) provide(player);
    }
    for (const player of players) {
      if (random() < 0.5 && answer(player)) any = true;
    }
    return any;
  };

  for (let left = players.filter(({ at, sent }) => at < sent.length); left.length > 0; ) {
    const one = left[Math.floor(random() * left.length)];
    const listener = left.find(({ own }) => own !== undefined && own.server.subscriptions > 0);
    if (random() < 0.6) send(one);
    else if (listener === undefined || !scenarios[0].telling || random() < 0.7) deliver();
    else {
      // A client that waits for nothing any more goes on in the middle of a message.
      do deliver();
      while (!listener.session.idle && listener.own?.replies.length);
      tell(listener);
      deliver();
      send(listener);
    }
    if (scenarios[0].impatient && random() < 0.3) {
      one.session.giveUpQuestion();
      provide(one);
    }
    if (scenarios[0].pausing) pause(random());
    left = left.filter(({ at, sent }) => at < sent.length);
  }
  goOn();
  while (deliver() || players.some(answer)) {
    // Until nothing is left to say.
  }
  for (const { session, ended, own } of players) {
    if (ended || own?.server.closed) continue;
    if (session.stalled) throw new Error('left stalled');
  }
  for (const { session } of players) {
    session.close();
    if (session.fault !== undefined) throw session.fault;
  }
  return {
    clients: players.map(({ client, told }) => without(told, client.all())),
    raw: players.map(({ context }) => context.counters.raw > 0),
    own: made,
    shared: shared.size,
    lifetimes: store.lifetimes,
  };
}
