// Mutated servers against whole sessions. 'replies': without rules nothing is Spillway's own, so the client gets the
// server's bytes as they come, whatever they are. 'chaos': with rules and sheds, replies that have nothing to do with
// the requests, the client's end and a drain at any time: nothing throws, bounds hold, and unread bytes pass.
import { Session } from '../../../src/core/session/session.js';
import { lend } from '../../support/session-lab.js';
import { CheckedSink } from './checked-sink.js';
import { pieceSizes } from './duel.js';
import type { Drawn, FuzzCase, Lane } from './fuzz-case.js';
import { mutate, noise } from './mutate.js';
import { Random } from './random.js';
import { itemStream } from './replies.js';
import { RequestWriter } from './requests.js';
import { type Laboratory, laboratoryOf, PLAIN_VARIANTS, RULE_VARIANTS, type Variant } from './variants.js';

const HELD_BYTES = 64 * 1024;

export const repliesLane: Lane = {
  name: 'replies',
  draw: (seed) => draw('replies', PLAIN_VARIANTS, seed),
  check: (fuzzCase) => playBoth(fuzzCase, laboratoryOf(PLAIN_VARIANTS[fuzzCase.variant]), true),
};

export const chaosLane: Lane = {
  name: 'chaos',
  draw: (seed) => draw('chaos', RULE_VARIANTS, seed),
  check: (fuzzCase) => playBoth(fuzzCase, laboratoryOf(RULE_VARIANTS[fuzzCase.variant]), false),
};

function draw(lane: string, variants: readonly Variant[], seed: number): Drawn {
  const random = new Random(seed);
  const variant = random.below(variants.length);
  const requests = 1 + random.below(20);
  const replies = 1 + random.below(30);
  const sent = new RequestWriter(random, variants[variant].vocabulary).stream(requests, 'R');
  const items = itemStream(random, replies);
  const streams = [
    random.oneIn(5) ? mutate(sent, items, random) : sent,
    random.oneIn(100) ? noise(random) : random.oneIn(3) ? items : mutate(items, sent, random),
  ];
  return { case: { lane, variant, seed, streams, owed: [] }, requests, replies };
}

function playBoth(
  { streams: [requests, replies], seed }: FuzzCase,
  { context, gate }: Laboratory,
  exact: boolean,
): void {
  const random = new Random(seed + 1);
  const up = new CheckedSink();
  const down = new CheckedSink(exact ? replies : undefined);
  const session = new Session(context, down, up);
  const sizes = [pieceSizes(random, requests.length), pieceSizes(random, replies.length)];
  const rawBefore = context.counters.raw;
  let sent = 0;
  let answered = 0;
  while (sent < requests.length || answered < replies.length) {
    const mayRead = !session.stalled || session.heldBytes < HELD_BYTES;
    if (sent < requests.length && mayRead && (answered === replies.length || random.oneIn(2))) {
      const piece = requests.subarray(sent, sent + sizes[0]());
      sent += piece.length;
      lend(piece, (bytes) => session.fromClient(bytes));
      const bound =
        Math.max(HELD_BYTES, context.lookaheadBytes) + (session.stalled ? HELD_BYTES + piece.length : 0);
      if (session.heldBytes > bound) throw new Error(`${session.heldBytes} bytes are held`);
    } else if (answered < replies.length) {
      const piece = replies.subarray(answered, answered + sizes[1]());
      answered += piece.length;
      lend(piece, (bytes) => session.fromUpstream(bytes));
    } else break;
    if (exact && down.length !== answered)
      throw new Error(`${down.length} of ${answered} bytes reached the client`);
    if (!exact && random.oneIn(60)) session.clientEnded();
    if (!exact && random.oneIn(90)) session.drain();
  }
  if (!exact) insistOnRaw(session, down, context.counters.raw > rawBefore && !session.stalled);
  session.close();
  if (gate.answered !== gate.admitted) throw new Error('growth is left under way');
}

const UNREAD = Buffer.from('no reply at all');

/** Once the bytes are no RESP, all that comes passes at once. */
function insistOnRaw(session: Session, down: CheckedSink, raw: boolean): void {
  if (!raw || !session.idle) return;
  const before = down.length;
  session.fromUpstream(UNREAD);
  const passed = down.all().subarray(before);
  if (!passed.equals(UNREAD)) throw new Error('a session that passes bytes unread keeps some back');
}
