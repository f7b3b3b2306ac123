// Mutated clients against whole sessions, two at a time in one set-up, with a far side that answers.
// 'pass', without rules: what goes up is at every moment what was sent but for what is held, whatever it is, and the
// client gets what the far side answered. 'rules': up goes what was sent with the promised changes and nothing else,
// broken bytes as they are, and the client gets what a server that is full for the shed keys would tell it.
import { quote } from './checked-sink.js';
import { Duel, play } from './duel.js';
import { FarSide } from './far-side.js';
import type { Drawn, FuzzCase, Lane } from './fuzz-case.js';
import { mutate, noise } from './mutate.js';
import { insistOnPromises } from './promised-changes.js';
import { Random } from './random.js';
import { RequestWriter } from './requests.js';
import { laboratoryOf, PLAIN_VARIANTS, RULE_VARIANTS, type Variant } from './variants.js';

export const passLane: Lane = {
  name: 'pass',
  draw: (seed) => draw('pass', PLAIN_VARIANTS, seed),
  check(fuzzCase) {
    for (const duel of playCase(fuzzCase, PLAIN_VARIANTS[fuzzCase.variant], true).duels) {
      const sent = duel.stream.length - duel.heldAtEnd;
      if (duel.up.length !== sent) throw new Error(`only ${duel.up.length} of ${sent} bytes went up`);
    }
  },
};

export const rulesLane: Lane = {
  name: 'rules',
  draw: (seed) => draw('rules', RULE_VARIANTS, seed),
  check(fuzzCase) {
    const variant = RULE_VARIANTS[fuzzCase.variant];
    const { duels, raw } = playCase(fuzzCase, variant, false);
    for (const duel of duels) compareWithDirect(duel, variant, raw);
  },
};

function draw(lane: string, variants: readonly Variant[], seed: number): Drawn {
  const random = new Random(seed);
  const variant = random.below(variants.length);
  const writer = new RequestWriter(random, variants[variant].vocabulary);
  let requests = 0;
  const streams = ['A', 'B'].map((mark) => {
    const size = 1 + random.below(random.oneIn(10) ? 80 : 30);
    requests += size;
    const stream = writer.stream(size, mark);
    if (random.oneIn(4)) return stream;
    if (random.oneIn(200)) return noise(random);
    return mutate(stream, stream, random);
  });
  return { case: { lane, variant, seed, streams, owed: [] }, requests, replies: 0 };
}

function playCase({ streams, seed }: FuzzCase, variant: Variant, transparent: boolean) {
  const { context, gate } = laboratoryOf(variant);
  const before = streams.map((stream) => Buffer.from(stream));
  const rawBefore = context.counters.raw;
  const server = variant.scenario.server ?? {};
  const duels = streams.map((stream) => new Duel(context, stream, server, transparent));
  play(duels, new Random(seed + 1));
  for (const [i, { session, stream, far }] of duels.entries()) {
    if (session.stalled && far.rest?.what !== 'refused') throw new Error('a session is left stalled');
    duels[i].end();
    if (!stream.equals(before[i])) throw new Error("the client's bytes were changed");
  }
  if (gate.answered !== gate.admitted) throw new Error('growth is left under way');
  return { duels, raw: context.counters.raw > rawBefore };
}

/** Names behind which a session may pass bytes unread, so that it sheds nothing more. */
const MAY_GO_RAW = new Set(['monitor', 'sync', 'psync', 'replconf', 'quit']);

function compareWithDirect({ stream, far, down }: Duel, variant: Variant, raw: boolean): void {
  const { shedding = false, server = {} } = variant.scenario;
  const full = shedding ? (key: string) => key.startsWith('low:') : () => false;
  const direct = new FarSide({ ...server, full });
  const expected = direct.receive(stream);
  insistOnPromises({ sent: direct.commands, forwarded: far.commands }, variant);
  if (direct.rest?.what === 'refused') {
    const [due, found] = [direct, far].map((side) => side.unread.subarray(side.restOffset));
    if (!due.equals(found)) throw new Error(`broken bytes went up as ${quote(found)}, not ${quote(due)}`);
  }
  const { commands, rest } = direct;
  const unread = raw && (direct.doubtful || commands.some(mayGoRaw));
  const unsure = unread || commands.some(mayPassTheGate) || mayPassTheGate(rest?.args);
  if (variant.shedsBySize || (shedding && unsure)) return;
  const got = down.all();
  if (got.equals(expected)) return;
  let same = 0;
  while (same < got.length && got[same] === expected[same]) same++;
  const [seen, due] = [got, expected].map((bytes) => quote(bytes.subarray(Math.max(0, same - 20))));
  throw new Error(`at byte ${same} the client gets ${seen}, not ${due}`);
}

/** SUBSCRIBE, HELLO, AUTH and CLIENT REPLY do only inside a transaction or silence; that is not told apart here. */
function mayGoRaw(args: readonly string[], _: number, all: readonly (readonly string[])[]): boolean {
  const name = args[0].toLowerCase();
  if (MAY_GO_RAW.has(name)) return true;
  if (!/^(hello|auth|client|reset|[ps]?(un)?subscribe)$/.test(name)) return false;
  return all.some(
    ([other, what]) => /^multi$/i.test(other) || (/^client$/i.test(other) && /^reply$/i.test(what)),
  );
}

/** Of a write of many keys that comes in pieces, those count that are known when it must be shown to the server. */
function mayPassTheGate(args: readonly string[] = []): boolean {
  return /^mset$/i.test(args[0] ?? '') && args.some((arg, i) => i > 1 && arg.startsWith('low:'));
}
