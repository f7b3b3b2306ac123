// What a fresh own connection has to show, under any order of what may happen: it is asked until it has shown it, or the
// client has left; and a client never stays on a connection that may have the rights of another login.
import fc from 'fast-check';
import t from 'tap';
import { arityFits } from '../../../src/core/commands/spec.js';
import { defaultCommandTable } from '../../../src/core/commands/table.js';
import { OwnProof, Proof, Refusal } from '../../../src/core/session/pooling/own-proof.js';

const table = defaultCommandTable();
const LINES = [
  ...[
    'AUTH secret',
    'HELLO 3 AUTH admin secret',
    'MULTI now',
    'WATCH',
    'HELLO 3',
    'RESET',
    'QUIT',
    'WATCH k',
  ],
  ...['SUBSCRIBE c', 'BLPOP q 0', 'EXEC', 'NOSUCH', 'SELECT 1', 'CLIENT GETNAME', 'EVAL x 0'],
];

type Event =
  | { readonly what: 'fresh'; readonly asNext: boolean; readonly isDoubted: boolean }
  | { readonly what: 'command'; readonly line: string; readonly streams: boolean }
  | { readonly what: 'shown' }
  | { readonly what: 'answered'; readonly mayLeave: boolean };

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ what: fc.constant('fresh' as const), asNext: fc.boolean(), isDoubted: fc.boolean() }),
  fc.record({
    what: fc.constant('command' as const),
    line: fc.constantFrom(...LINES),
    streams: fc.boolean(),
  }),
  fc.record({ what: fc.constant('shown' as const) }),
  fc.record({ what: fc.constant('answered' as const), mayLeave: fc.boolean() }),
);

/** What may happen next, as CommandRouter, UpstreamState and Placement let it happen. */
function play(events: readonly Event[]): Set<string> {
  const proof = new OwnProof();
  const seen = new Set<string>();
  /** The client's own connection: none, or whether it may have other rights than the client. */
  let own: { doubted: boolean; other: boolean } | undefined;
  for (const event of events) {
    if (event.what === 'fresh') {
      if (proof.isOnTrial) continue;
      const { asNext, isDoubted } = event;
      proof.begin(asNext, isDoubted);
      own = { doubted: asNext || isDoubted, other: asNext };
    } else if (own === undefined) {
      continue;
    } else if (event.what === 'command') {
      if (proof.isOnTrial) continue;
      if (proof.isDue !== own.doubted) throw new Error('a connection is asked until it has shown its rights');
      if (!proof.isDue) continue;
      const words = event.line.split(' ');
      const name = Buffer.from(words[0]);
      const spec = table.find(name, 0, name.length);
      const fits = spec !== undefined && arityFits(spec.arity, words.length);
      const way = event.streams
        ? proof.firstLarge(spec, words.length)
        : proof.first(spec, fits, words.length);
      if (proof.isOnTrial !== (way === Proof.TRIAL) || proof.isDue) throw new Error(`on trial by ${way}`);
      // Its answer, or HELLO's, shows the rights; or the server's NOAUTH ends the client.
      if (way !== Proof.TRIAL) own = { doubted: false, other: false };
      seen.add(`way ${way}`);
    } else if (event.what === 'shown') {
      const { isDue } = proof;
      if (proof.isOnTrial) own = { doubted: false, other: false };
      proof.shown();
      if (proof.isDue !== isDue || proof.isOnTrial) throw new Error('what is due is not shown by others');
    } else if (proof.isOnTrial) {
      const { other } = own;
      const refusal = proof.refused(event.mayLeave);
      seen.add(`refusal ${refusal}`);
      if ((refusal === Refusal.LEAVES) !== event.mayLeave) throw new Error('a client leaves if it may');
      if (refusal === Refusal.STAYS && other) throw new Error('it stays with the rights of another login');
      if (proof.isDue !== (refusal === Refusal.STAYS))
        throw new Error('where it stays, the next command is asked');
      if (refusal !== Refusal.STAYS) own = undefined;
    }
    if (proof.isDue && proof.isOnTrial) throw new Error('due and on trial');
  }
  return seen;
}

t.test('a fresh own connection is asked until it has shown its rights', async (t) => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      for (const what of play(events)) seen.add(what);
    }),
    { numRuns: 2000 },
  );
  t.same([...seen].sort(), ['refusal 0', 'refusal 1', 'refusal 2', 'way 0', 'way 1', 'way 2']);
});
