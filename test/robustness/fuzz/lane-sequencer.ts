// The reply sequencer with local and swallowed replies among those that pass, against the model of it; the bytes cut
// anywhere, replies owed before or while they come. Mutated streams are compared up to the first item that is no
// RESP; from where the sequencer gives up, every byte passes.
import { Pending } from '../../../src/core/session/reply/pending-kind.js';
import { ReplySequencer } from '../../../src/core/session/reply/reply-sequencer.js';
import { lend } from '../../support/session-lab.js';
import { CheckedSink, quote } from './checked-sink.js';
import { pieceSizes } from './duel.js';
import type { Lane } from './fuzz-case.js';
import { mutate } from './mutate.js';
import { Random } from './random.js';
import { ERRORS, push, reply } from './replies.js';
import { firstFault } from './resp-letter.js';
import { SequencerModel } from './sequencer-model.js';

const KINDS = [
  ...[Pending.PASS, Pending.PASS, Pending.PASS, Pending.FOLLOW_UP, Pending.FOLLOW_UP, Pending.SWALLOW],
  ...[Pending.LOCAL_OOM, Pending.LOCAL_OOM, Pending.REFUSAL, Pending.MULTI, Pending.EXEC, Pending.AUTH],
  ...[Pending.AUTH_PROBE, Pending.REPLY_CHECK, Pending.OPAQUE],
];
const INTEGERS = [':1\r\n', ':0\r\n'];
const STATUSES = ['+OK\r\n', '+PONG\r\n', '+QUEUED\r\n', ...INTEGERS];
const ARRAYS = ['*-1\r\n', '*0\r\n', '*2\r\n+OK\r\n-OOM x\r\n', '_\r\n'];

export const sequencerLane: Lane = {
  name: 'sequencer',
  draw(seed) {
    const random = new Random(seed);
    const owed: number[] = [];
    let items = '';
    let replies = 0;
    for (let left = 1 + random.below(25); left > 0; left--) {
      const kind = random.pick(KINDS);
      const count = kind <= Pending.LOCAL_OOM ? 1 + random.below(4) : 1;
      owed.push(kind, kind === Pending.FOLLOW_UP ? random.below(3) : 0, count);
      replies += count;
      if (kind === Pending.LOCAL_OOM) continue;
      for (let i = 0; i < count; i++) {
        if (random.oneIn(8)) items += push(random);
        items += answerTo(kind, random);
      }
    }
    const bytes = Buffer.from(items, 'latin1');
    const streams = [random.oneIn(3) ? mutate(bytes, bytes, random) : bytes];
    return { case: { lane: 'sequencer', variant: 0, seed, streams, owed }, requests: 0, replies };
  },
  check(fuzzCase) {
    const [bytes] = fuzzCase.streams;
    const due = new SequencerModel(firstFault(bytes));
    const found = new Recording();
    const random = new Random(fuzzCase.seed + 1);
    const nextSize = pieceSizes(random, bytes.length);
    const owed = oweings(fuzzCase.owed);
    const early = random.oneIn(2) ? owed.length : 1;
    const owe = () => {
      const entry = owed.shift();
      if (entry === undefined) return;
      due.owe(...entry);
      found.owe(...entry);
    };
    for (let i = 0; i < early; i++) owe();
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + nextSize());
      at += piece.length;
      due.receive(piece);
      found.receive(piece);
      if (!agree(due, found)) return;
      if (due.mayOwe && random.oneIn(2)) owe();
    }
    while (owed.length > 0 && due.mayOwe) owe();
    agree(due, found);
  },
};

type Entry = [kind: Pending, detail: number, count: number];

function oweings(numbers: readonly number[]): Entry[] {
  const entries: Entry[] = [];
  for (let i = 0; i < numbers.length; i += 3)
    entries.push([numbers[i] as Pending, numbers[i + 1], numbers[i + 2]]);
  return entries;
}

function answerTo(kind: Pending, random: Random): string {
  switch (kind) {
    case Pending.PASS:
    case Pending.OPAQUE:
      return reply(random);
    case Pending.EXEC:
      return random.pick(random.oneIn(4) ? ERRORS : ARRAYS);
    default:
      if (random.oneIn(3)) return random.pick(ERRORS);
      return random.pick(kind === Pending.FOLLOW_UP ? INTEGERS : STATUSES);
  }
}

/** The sequencer under test, and what it does. */
class Recording {
  readonly client = new CheckedSink();
  readonly events: string[] = [];
  private readonly sequencer: ReplySequencer;

  constructor() {
    const note = (event: string) => this.events.push(event);
    this.sequencer = new ReplySequencer(this.client, {
      followUpAnswered: (slot, outcome) => note(`follow-up ${slot} ${outcome}`),
      multiRefused: (transaction) => note(`multi refused ${transaction}`),
      execAnswered: (executed) => note(`exec ${executed}`),
      replyCheckAnswered: (silent) => note(`silent ${silent}`),
      stateAnswered: (_kind, taken) => void (taken && note('user changed')),
      consoleAllowed: () => {},
      connectionReset: () => {},
      letIn: () => {},
      loginWanted: () => {},
      protocolRefused: () => {},
      upstreamOom: () => note('oom'),
      upstreamReadonly: () => {},
    });
  }

  get raw(): boolean {
    return this.sequencer.raw;
  }

  owe(...entry: Entry): void {
    this.sequencer.owe(...entry);
  }

  receive(piece: Buffer): void {
    const { raw } = this.sequencer;
    const before = this.client.length;
    lend(piece, (bytes) => this.sequencer.receive(bytes as Buffer));
    if (raw && this.client.length - before !== piece.length)
      throw new Error('bytes are kept back that pass unread');
  }
}

/** False when the two cannot be compared any further. */
function agree(due: SequencerModel, { client, events, raw }: Recording): boolean {
  const got = client.all();
  const expected = Buffer.from(due.client, 'latin1');
  // An item that passes goes on as it comes; the model waits for its end.
  const begins = got.subarray(0, expected.length).equals(expected);
  if (due.broken && begins) return false;
  if (raw && !due.broken) throw new Error('well-formed items are called malformed');
  const told = due.broken || due.unsure || due.events.join() === events.join();
  if (begins && told && (!due.atBoundary || got.length === expected.length)) return true;
  throw new Error(
    `the client gets ${quote(got)} and not ${quote(expected)}; ${events} and not ${due.events}`,
  );
}
