// A drain at any moment: what has gone up is whole and in order, and the first command that has not is one for which the client
// waits for a reply. So a client is told of whatever is dropped, silenced or not.
import fc from 'fast-check';
import t from 'tap';
import { type Greeting, ownGreeting, sharedGreeting } from '../../../src/core/session/pooling/identity.js';
import { Place } from '../../../src/core/session/pooling/placement.js';
import { SharedLane } from '../../../src/core/session/pooling/shared-lane.js';
import {
  cmd,
  lend,
  makeSession,
  randomWay,
  ScriptedRedis,
  type ServerOptions,
  Sink,
  Store,
} from '../../support/session-lab.js';

/** In lower case: what Spillway sends of its own is in upper case. */
const LINES = [
  ...['set k 1', 'set k 2', 'setnx ttl:k 3', 'hset ttl:h f v', 'set k LARGE', 'get k'],
  ...['client reply off', 'client reply off', 'client reply skip', 'client reply on'],
  ...['multi', 'exec', 'exec', 'discard', 'reset', 'auth admin secret', 'hello 3', 'wait 0 0'],
];
const encode = (line: string): string => cmd(...line.replace('LARGE', 'v'.repeat(20_000)).split(' '));

/** What is answered to the last of these. */
function lastReply(lines: readonly string[], options: ServerOptions): string {
  const server = new ScriptedRedis(options);
  const bytes = lines.map((line) => Buffer.from(encode(line)));
  return (
    bytes
      .map((each) => server.receive(each))
      .at(-1)
      ?.toString() ?? ''
  );
}

interface Far {
  readonly server: ScriptedRedis;
  readonly sink: Sink;
  readonly lane: SharedLane | undefined;
  replies: Buffer;
}

/** A client, its session and its connections. `ran`: what went up of the client's own. */
class Rig {
  readonly ran: string[] = [];
  readonly made;
  private readonly store = new Store();
  private readonly shared: Far;
  private own: Far | undefined;

  constructor(
    private readonly options: ServerOptions,
    private readonly pooled: boolean,
    private readonly random: () => number,
    private readonly serverPiece: () => number,
  ) {
    this.made = makeSession({ pendingRuns: 3 }, pooled);
    this.shared = this.connect([], new SharedLane());
    if (!pooled) this.own = { ...this.connect([]), sink: this.made.upstream };
  }

  get session() {
    return this.made.session;
  }

  private connect(greeting: readonly Greeting[], lane?: SharedLane): Far {
    const server = new ScriptedRedis(this.options, this.store);
    for (const { command } of greeting) server.receive(command);
    return { server, sink: new Sink(), lane, replies: Buffer.alloc(0) };
  }

  /** What the session wants, soon. */
  provide(): void {
    const { session } = this;
    while (session.wants !== Place.NOWHERE && session.idle && this.random() < 0.5) {
      if (session.wants === Place.OWN) {
        this.own = this.connect(ownGreeting(session.identity));
        session.attach(this.own.sink, true);
      } else if (session.isNew) session.vouched(true);
      else {
        if (session.hasOwnUpstream) session.detach();
        const far = this.connect(sharedGreeting(session.identity), new SharedLane());
        Object.assign(this.shared, far);
        const { sink, lane } = far;
        if (lane) session.attachShared({ batch: sink, lane, allowance: Number.POSITIVE_INFINITY });
      }
    }
  }

  /** The server takes what went up. */
  serve(far: Far): void {
    const before = far.server.commands.length;
    far.replies = Buffer.concat([far.replies, far.server.receive(far.sink.take())]);
    for (const words of far.server.commands.slice(before))
      if (words[0] === words[0].toLowerCase()) this.ran.push(cmd(...words));
  }

  /** Some of the replies come. Returns whether anything is still to happen. */
  deliver(): boolean {
    let any = this.session.wants !== Place.NOWHERE;
    for (const far of [this.shared, this.own]) {
      if (far === undefined) continue;
      this.serve(far);
      const piece = far.replies.subarray(0, this.serverPiece());
      far.replies = far.replies.subarray(piece.length);
      if (piece.length === 0) continue;
      any = true;
      const { lane } = far;
      lend(piece, (bytes) => (lane === undefined ? this.session.fromUpstream(bytes) : lane.receive(bytes)));
    }
    if (this.pooled && this.session.mayRest && this.random() < 0.3) this.session.detach();
    this.provide();
    return any || this.session.wants !== Place.NOWHERE;
  }
}

for (const pooled of [false, true]) {
  t.test(`with ${pooled ? 'command' : 'session'} pooling`, { timeout: 60_000 }, async (t) => {
    let dropped = 0;
    const play = (lines: readonly string[], options: ServerOptions, share: number, seed: number): void => {
      const { turns, ...way } = randomWay(seed, 200);
      const random = typeof turns === 'function' ? turns : () => 0;
      const rig = new Rig(options, pooled, random, way.serverPiece);
      const { session } = rig;
      const bytes = Buffer.from(lines.map(encode).join(''));
      const until = Math.round(share * bytes.length);
      for (let at = 0; at < until; ) {
        if (random() < 0.3) {
          rig.deliver();
          continue;
        }
        const to = Math.min(until, at + way.clientPiece() * (random() < 0.2 ? 100 : 1));
        lend(bytes.subarray(at, to), (piece) => session.fromClient(piece));
        at = to;
        rig.provide();
      }
      session.drain();
      while (!session.isDrained && rig.deliver());
      rig.deliver();
      session.close();
      if (session.fault !== undefined) throw session.fault;
      const ends = lines.map(
        (_, i) =>
          lines
            .slice(0, i + 1)
            .map(encode)
            .join('').length,
      );
      const whole = ends.filter((end) => end <= until).length;
      const ran = rig.ran.length;
      if (rig.ran.join('') !== lines.slice(0, ran).map(encode).join(''))
        throw new Error('what went up is not what was sent first');
      if (ran >= whole) return;
      dropped++;
      if (lastReply(lines.slice(0, ran + 1), options) === '')
        throw new Error(`${lines[ran]}, number ${ran}, is dropped without a word`);
    };
    const line = fc.constantFrom(...LINES);
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 14 }),
        fc.record({ denied: fc.constantFrom([], [], [], ['client'], ['multi']) }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer(),
        play,
      ),
      { numRuns: 2500 },
    );
    t.ok(dropped > 20, `${dropped} had something dropped`);
  });
}
