// The password of the default user comes and goes while clients share connections, log in, fail to, and use connections of
// their own: what each is answered is what a connection of its own would have answered it, or it is told why it is ended.
// That may be where it needs a new connection that it cannot have any more, and nowhere else.
import fc from 'fast-check';
import t from 'tap';
import {
  type Greeting,
  type Identity,
  ownGreeting,
  sharedGreeting,
} from '../../../src/core/session/pooling/identity.js';
import { Place } from '../../../src/core/session/pooling/placement.js';
import { SharedLane } from '../../../src/core/session/pooling/shared-lane.js';
import { cmd, lend, makeSession, randomWay, ScriptedRedis, Sink, Store } from '../../support/session-lab.js';

const CLIENTS = 2;
const REFUSED_LOGIN = /^-(?:WRONGPASS|NOAUTH|ERR AUTH)/;
/** What a client sends in one step. */
const STEPS = [
  ...[['get k'], ['set k 1', 'get k'], ['acl whoami'], ['client getname', 'select 1', 'select 0']],
  ...[['auth secret'], ['auth wrong'], ['auth wrong'], ['auth wrong', 'get k', 'watch k']],
  ...[['auth admin secret'], ['auth admin wrong'], ['auth', 'get k'], ['auth wrong', 'auth secret', 'get k']],
  ...[['hello 2 auth default wrong'], ['hello 3 auth default wrong', 'get k'], ['hello 3 auth admin secret']],
  ...[['hello 2 auth default wrong setname me'], ['hello 3 auth admin wrong setname me']],
  ...[['hello 2'], ['hello 3'], ['client setname me'], ['select 1'], ['select 0']],
  ...[['nosuch'], ['nosuch', 'get k'], ['multi'], ['exec'], ['watch k'], ['watch k', 'get k'], ['unwatch']],
  ...[['multi', 'get k', 'exec'], ['multi now'], ['subscribe c', 'unsubscribe c', 'get k'], ['reset']],
] as const satisfies readonly (readonly string[])[];
const WANTS_OWN =
  /^(multi|watch|subscribe|unwatch|nosuch|auth$|hello [23]$|client|select|reset|unsubscribe|exec)/;

interface Far {
  readonly server: ScriptedRedis;
  readonly sink: Sink;
  readonly lane: SharedLane | undefined;
  replies: Buffer;
}

const encode = (line: string): Buffer => Buffer.from(cmd(...line.split(' ')), 'latin1');

/** One server, and what leads to it: as wire/upstream does it, without time. */
class Rig {
  readonly store = new Store();
  private readonly shared = new Map<string, Far>();

  connect(greeting: readonly Greeting[], lane?: SharedLane): Far | Buffer {
    const server = new ScriptedRedis({}, this.store);
    for (const { command, essential } of greeting) {
      const answer = server.receive(command);
      if (essential && answer.toString('latin1').startsWith('-')) return answer;
    }
    return { server, sink: new Sink(), lane, replies: Buffer.alloc(0) };
  }

  /** A connection without a login may run commands, and will. */
  get isOpen(): boolean {
    return this.store.wantsPassword !== true;
  }

  sharedFor(identity: Identity): Far | Buffer {
    const { resp, credential, db } = identity;
    const key = JSON.stringify([resp, credential, db]);
    const there = this.shared.get(key);
    if (there !== undefined) return there;
    if (credential === undefined && !this.isOpen) return Buffer.from('-NOAUTH\r\n');
    const far = this.connect(sharedGreeting(identity), new SharedLane());
    if (!Buffer.isBuffer(far)) this.shared.set(key, far);
    return far;
  }

  get lanes(): Iterable<Far> {
    return this.shared.values();
  }
}

class Player {
  readonly made = makeSession({ rules: [] }, true);
  readonly direct: ScriptedRedis;
  own: Far | undefined;
  isParked = false;
  private asNext = false;
  /** Why no connection could be made for it. */
  ended: string | undefined;

  constructor(
    private readonly rig: Rig,
    directStore: Store,
  ) {
    this.direct = new ScriptedRedis({}, directStore);
    this.session.vouched(rig.isOpen);
    if (rig.isOpen) rig.sharedFor(this.session.identity);
    this.provide();
  }

  get session() {
    return this.made.session;
  }

  get isOver(): boolean {
    return this.ended !== undefined;
  }

  end(words: string): void {
    this.ended ??= words;
    this.own = undefined;
  }

  provide(): void {
    const { session, rig } = this;
    while (session.wants !== Place.NOWHERE && session.idle && !this.isOver) {
      if (session.wants === Place.OWN) this.provideOwn();
      else {
        if (session.hasOwnUpstream) this.park();
        if (session.isNew) {
          session.vouched(rig.isOpen);
          continue;
        }
        const far = rig.sharedFor(session.identity);
        if (!Buffer.isBuffer(far)) {
          const { sink, lane } = far;
          if (lane) {
            session.attachShared({ batch: sink, lane, allowance: Number.POSITIVE_INFINITY });
          }
        } else if (this.own !== undefined && this.isParked) session.keepOwn('client-state');
        else this.end(far.toString('latin1'));
      }
    }
  }

  private provideOwn(): void {
    const { session, rig } = this;
    const fresh = this.own === undefined;
    if (fresh) {
      let far = rig.connect(ownGreeting(session.identity));
      const next = session.nextIdentity;
      this.asNext = Buffer.isBuffer(far) && REFUSED_LOGIN.test(far.toString('latin1')) && next !== undefined;
      if (this.asNext && next !== undefined) far = rig.connect(ownGreeting(next));
      if (Buffer.isBuffer(far)) {
        if (this.asNext && REFUSED_LOGIN.test(far.toString('latin1'))) session.refuseLogin(far);
        else this.end(far.toString('latin1'));
        return;
      }
      this.own = far;
    }
    this.isParked = false;
    if (this.own !== undefined) session.attach(this.own.sink, fresh, this.asNext);
  }

  park(): void {
    this.session.detach();
    this.isParked = true;
  }

  /** A second passes: a shared connection takes over its rights, if one can. */
  rest(): void {
    const { session, rig } = this;
    if (!(this.isParked || session.mayRest) || Buffer.isBuffer(rig.sharedFor(session.identity))) return;
    if (!this.isParked) session.detach();
    this.own = undefined;
    this.isParked = false;
  }

  /** Behind what its own connection has brought. */
  answered(): void {
    const { session } = this;
    if (session.hasOtherRights) {
      this.end(this.made.client.all().split('\r\n').at(-2) ?? '');
      return;
    }
    if (!session.hasOwnUpstream && !this.isParked) this.own = undefined;
    if (session.mayRelease) this.park();
    this.provide();
  }
}

/** Plays `steps`. Returns how many clients were ended. @throws Error where a client sees what it should not */
function play(steps: readonly Step[], seed: number): number {
  const rig = new Rig();
  const directStore = new Store();
  const { clientPiece, serverPiece, turns } = randomWay(seed, 60);
  const random = typeof turns === 'function' ? turns : () => 0;
  const players = Array.from({ length: CLIENTS }, () => new Player(rig, directStore));
  let ended = 0;
  const serve = (far: Far): Buffer => {
    far.replies = Buffer.concat([far.replies, far.server.receive(far.sink.take())]);
    const piece = far.replies.subarray(0, serverPiece());
    far.replies = far.replies.subarray(piece.length);
    return piece;
  };
  const deliver = (): boolean => {
    let any = false;
    for (const player of players) {
      if (player.own === undefined || player.isParked) continue;
      const piece = serve(player.own);
      if (piece.length === 0) continue;
      any = true;
      lend(piece, (bytes) => player.session.fromUpstream(bytes));
      player.answered();
    }
    for (const far of rig.lanes) {
      const piece = serve(far);
      if (piece.length === 0) continue;
      any = true;
      if (!lend(piece, (bytes) => far.lane?.receive(bytes))) throw new Error('replies that are nobody’s');
      for (const player of players) player.provide();
    }
    return any;
  };
  for (const step of steps) {
    if (step.what === 'password') {
      for (const store of [rig.store, directStore]) store.wantsPassword = step.wanted;
      continue;
    }
    const player = players[step.client];
    if (step.what === 'second') {
      player.rest();
      continue;
    }
    if (player.isOver) continue;
    const { session, made } = player;
    const lines = step.lines.map(encode);
    const due = lines.map((line) => player.direct.receive(line).toString('latin1'));
    const before = made.client.all().length;
    const bytes = Buffer.concat(lines);
    for (let at = 0; at < bytes.length; ) {
      const to = Math.min(bytes.length, at + clientPiece());
      lend(bytes.subarray(at, to), (piece) => session.fromClient(piece));
      at = to;
      player.provide();
      while (random() < 0.5 && deliver());
    }
    while (deliver());
    if (session.fault !== undefined) throw session.fault;
    const got = made.client.all().slice(before);
    if (!player.isOver) {
      if (session.stalled) throw new Error(`left stalled by ${step.lines}`);
      if (got !== due.join(''))
        throw new Error(`${step.lines}: ${JSON.stringify(got)}, not ${JSON.stringify(due)}`);
      continue;
    }
    ended++;
    // What it got before its last words, if it was answered that far.
    const at = due.findLastIndex((_, n) => got.startsWith(due.slice(0, n).join('')));
    const line: string = step.lines[at] ?? '';
    const isHello = /^hello .*setname/.test(line);
    if (!(WANTS_OWN.test(line) || isHello) || !REFUSED_LOGIN.test(player.ended ?? ''))
      throw new Error(
        `${step.lines}: ${JSON.stringify(got)} and the end (${player.ended}), not ${JSON.stringify(due)}`,
      );
  }
  return ended;
}

type Step =
  | { readonly what: 'password'; readonly wanted: boolean }
  | { readonly what: 'second'; readonly client: number }
  | { readonly what: 'lines'; readonly client: number; readonly lines: readonly string[] };

const client = fc.nat({ max: CLIENTS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constant('password' as const), wanted: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('second' as const), client }) },
  {
    weight: 8,
    arbitrary: fc.record({ what: fc.constant('lines' as const), client, lines: fc.constantFrom(...STEPS) }),
  },
);

t.test(
  'clients have the rights that a connection of their own would have',
  { timeout: 60_000 },
  async (t) => {
    let ended = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 3, maxLength: 20 }), fc.integer(), (steps, seed) => {
        ended += play(steps, seed);
      }),
      { numRuns: 800 },
    );
    t.ok(ended > 20, `${ended} ended`);
  },
);
