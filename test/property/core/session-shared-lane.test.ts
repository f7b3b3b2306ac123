// The lane of a shared connection: any interleaving of owners, any split of the bytes. Each owner gets its own replies,
// in order, and no byte of another; a loss fails what was owed, but for the one that had begun to get its reply.
import fc from 'fast-check';
import t from 'tap';
import { SharedLane } from '../../../src/core/session/pooling/shared-lane.js';
import { Pending } from '../../../src/core/session/reply/pending-kind.js';
import type { ReplyOwner } from '../../../src/core/session/reply/reply-owner.js';
import { ReplySequencer } from '../../../src/core/session/reply/reply-sequencer.js';
import type { ReplyListener } from '../../../src/core/session/reply/upstream-state.js';
import { Sink } from '../../support/session-lab.js';

const OWNERS = 5;
const ERROR = Buffer.from('-LOST\r\n');
const nothing = (): void => {};
const listener: ReplyListener = {
  upstreamReadonly: () => {},
  followUpAnswered: nothing,
  multiRefused: nothing,
  execAnswered: nothing,
  replyCheckAnswered: nothing,
  stateAnswered: nothing,
  consoleAllowed: nothing,
  connectionReset: nothing,
  letIn: nothing,
  loginWanted: nothing,
  upstreamOom: nothing,
  protocolRefused: nothing,
};

/** A session's downstream half on a lane, and what it has asked for and got. */
class Owner implements ReplyOwner {
  readonly client = new Sink();
  readonly replies: ReplySequencer;
  expected = '';
  /** Replies that it waits for. */
  owed = 0;

  constructor(
    private readonly lane: SharedLane,
    told = listener,
  ) {
    this.replies = new ReplySequencer(this.client, told);
    this.replies.attach(lane, this);
  }

  get taken(): number {
    return this.replies.taken;
  }

  ask(kind: Pending, count: number): void {
    this.replies.owe(kind, 0, count);
    this.owed += count;
  }

  takeShared(buf: Uint8Array, at: number, end: number, most: number): number {
    const behind = this.replies.receive(buf, at, end, most);
    if (this.taken > most) throw new Error(`took ${this.taken} of ${most} replies`);
    this.owed -= this.taken;
    return behind;
  }

  cutShared(): void {
    this.replies.abandon();
  }

  failShared(count: number, error: Uint8Array): void {
    this.replies.fail(count, error);
    this.owed -= count;
  }

  check(): void {
    if (this.client.all() !== this.expected)
      throw new Error(`got ${JSON.stringify(this.client.all())}, not ${JSON.stringify(this.expected)}`);
    if (this.lane.idle && this.owed !== 0) throw new Error(`${this.owed} owed by a lane that is idle`);
  }
}

const word = fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'é', '\r', '\n', '$', '*', '-', ':') });
const bulk = word.map((text) => `$${text.length}\r\n${text}\r\n`);
const reply: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: bulk },
  fc.constantFrom('+OK\r\n', ':12\r\n', '-ERR no\r\n', '$-1\r\n', '*-1\r\n', '_\r\n', '*0\r\n', '%0\r\n'),
  fc.array(bulk, { maxLength: 3 }).map((items) => `*${items.length}\r\n${items.join('')}`),
  bulk.map((text) => `%1\r\n${text}*2\r\n${text}:1\r\n`),
  bulk.map((text) => `|1\r\n+k\r\n${text}+OK\r\n`),
);
/** Somebody asks for some replies, which its client gets or not; or some bytes come. */
const asking = fc.record({
  owner: fc.nat(OWNERS - 1),
  replies: fc.array(reply, { minLength: 1, maxLength: 4 }),
  kind: fc.constantFrom(Pending.PASS, Pending.PASS, Pending.PASS, Pending.SWALLOW),
});
const step = fc.oneof(asking, asking, fc.record({ bytes: fc.integer({ min: 1, max: 60 }) }));

/** A swallowed reply is what Spillway asked for: no array, so that a message in between can be told from it. */
const simple = (replies: readonly string[]): string[] => replies.map(() => '+OK\r\n');

t.test('each client of a shared connection gets its own replies', async (t) => {
  let runs = 0;
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }),
      fc.boolean(),
      (steps, lost) => {
        const lane = new SharedLane();
        const owners = Array.from({ length: OWNERS }, () => new Owner(lane));
        /** What is on its way: the bytes of each reply, and for whom, if for anybody. */
        const way: { bytes: Buffer; to: Owner | undefined; from: Owner }[] = [];
        let sent = Buffer.alloc(0);
        const deliver = (bytes: number): void => {
          const piece = Buffer.from(sent.subarray(0, bytes));
          sent = sent.subarray(piece.length);
          for (let left = piece.length; left > 0; ) {
            const [first] = way;
            const part = first.bytes.subarray(0, left);
            if (first.to !== undefined) first.to.expected += part.toString('latin1');
            left -= part.length;
            first.bytes = first.bytes.subarray(part.length);
            if (first.bytes.length === 0) way.shift();
          }
          if (!lane.receive(piece)) throw new Error('nobody’s');
          for (const owner of owners) owner.check();
        };
        for (const step of steps) {
          if ('bytes' in step) {
            deliver(step.bytes);
            continue;
          }
          const owner = owners[step.owner];
          const passes = step.kind === Pending.PASS;
          const replies = passes ? step.replies : simple(step.replies);
          for (const text of replies) {
            const bytes = Buffer.from(text, 'latin1');
            way.push({ bytes, to: passes ? owner : undefined, from: owner });
            sent = Buffer.concat([sent, bytes]);
          }
          owner.ask(step.kind, replies.length);
          runs++;
        }
        if (!lost) {
          deliver(sent.length);
          if (!lane.idle) throw new Error('not idle, and all has come');
          if (lane.receive(Buffer.from('+OK\r\n'))) throw new Error('what nobody asked for is somebody’s');
        } else {
          const [first] = way;
          const begun = first !== undefined && !lane.scanner.atBoundary ? first.from : undefined;
          for (const { to } of way) if (to !== undefined && to !== begun) to.expected += String(ERROR);
          if (lane.fail(ERROR) !== begun) throw new Error('another one had begun to get its reply');
          if (!lane.idle) throw new Error('not idle, and all has failed');
        }
        for (const owner of owners) {
          owner.check();
          if (!owner.replies.idle) throw new Error('still waits');
        }
      },
    ),
    { numRuns: 2000 },
  );
  t.ok(runs > 10_000, `${runs} times somebody asked`);
});

t.test('an owner that breaks in the middle gets nothing more, and the others all of theirs', async (t) => {
  let broken = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(2), reply, fc.boolean()), { minLength: 1, maxLength: 30 }),
      fc.nat(30),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (asked, breaksAt, pieces) => {
        const lane = new SharedLane();
        let answered = 0;
        const failing: ReplyListener = {
          ...listener,
          followUpAnswered() {
            if (answered++ === breaksAt) throw new Error('a fault');
          },
        };
        const owners = [new Owner(lane, failing), new Owner(lane), new Owner(lane)];
        let stream = '';
        for (const [to, text, behind] of asked) {
          const owner = owners[to];
          owner.ask(Pending.PASS, 1);
          stream += text;
          if (owner !== owners[0]) owner.expected += text;
          if (!behind) continue;
          owner.ask(Pending.FOLLOW_UP, 1);
          stream += ':1\r\n';
        }
        const bytes = Buffer.from(stream, 'latin1');
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const piece = bytes.subarray(at, at + pieces[i % pieces.length]);
          at += piece.length;
          if (!lane.receive(piece)) throw new Error('nobody’s');
        }
        if (owners[0].replies.broken !== undefined) broken++;
        owners[1].check();
        owners[2].check();
        if (!lane.idle) throw new Error('not idle, and all has come');
      },
    ),
    { numRuns: 1000 },
  );
  t.ok(broken > 20, `${broken} times one broke`);
});

t.test('bytes that are no replies are nobody’s', async (t) => {
  for (const bytes of ['+OK\r\n', '+OK\r\n?what\r\n', '>1\r\n+push\r\n']) {
    const lane = new SharedLane();
    const owner = new Owner(lane);
    if (bytes !== '+OK\r\n') owner.ask(Pending.PASS, 1);
    t.equal(lane.receive(Buffer.from(bytes)), bytes === '>1\r\n+push\r\n', JSON.stringify(bytes));
  }
});

t.test('bytes that are not RESP are told, between two replies and in one', async (t) => {
  for (const bytes of ['>?', '>1\r\n?', ':1\r\n>?', '*1\r\n?']) {
    const lane = new SharedLane();
    const owner = new Owner(lane);
    if (!bytes.startsWith('>')) owner.ask(Pending.PASS, 1);
    t.notOk(lane.receive(Buffer.from(bytes)), bytes);
  }
});

t.test('runs of one owner are one entry, and many owners find room', async (t) => {
  const lane = new SharedLane();
  const owners = Array.from({ length: 100 }, () => new Owner(lane));
  for (let round = 0; round < 3; round++) for (const owner of owners) owner.ask(Pending.PASS, 2);
  for (let round = 0; round < 3; round++) {
    for (const [i, owner] of owners.entries()) {
      for (const n of [1, 2]) {
        const text = `:${i}${n}\r\n`;
        owner.expected += text;
        t.ok(lane.receive(Buffer.from(text)));
      }
    }
  }
  for (const owner of owners) owner.check();
  t.equal(lane.idle, true);
});
