// What a network does for a while, by random numbers: each spell begins, lasts, and ends, and then the network is as before.
// Connections may be lost in it, or not be made; nothing else may happen to anybody.
import type { Toxics } from '../../support/faulty-lane.js';
import type { FaultyLink } from '../../support/faulty-link.js';
import { starve } from '../bound/proc.js';
import type { Random } from '../fuzz/random.js';

export interface Spell {
  readonly name: string;
  begin(): unknown;
  end(): unknown;
}

/** What can be troubled behind the proxy, besides the link. */
export interface Behind {
  /** The processes of the proxy that serve clients. */
  readonly pids: readonly number[];
  /** Signals the server. */
  kill(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void>;
}

type Part = (random: Random) => Toxics;

/** These only trouble … */
const TROUBLES: readonly Part[] = [
  () => ({ slicer: { bytes: 0 } }),
  (random) => ({ slicer: { bytes: 1 + random.below(200), delayMs: random.below(2) } }),
  (random) => ({ latency: { ms: random.below(40), jitterMs: random.below(20) } }),
  (random) => ({ stall: { everyBytes: 1 + random.below(20_000), ms: 20 + random.below(100) } }),
  // Nothing moves in this direction until the spell is over.
  (random) => ({ stall: { everyBytes: random.below(5000), ms: 3_600_000 } }),
  (random) => ({ bandwidth: { bytesPerSecond: 5000 + random.below(200_000) } }),
  (random) => ({ slowClose: { ms: random.below(100) } }),
];

/** … and these cut. */
const CUTS: readonly Part[] = [
  (random) => ({ resetPeer: { afterBytes: random.below(8000) } }),
  (random) => ({ limitData: { afterBytes: random.below(8000) } }),
  (random) => ({ halfClose: { afterBytes: random.below(8000) } }),
  (random) => ({ timeout: { afterBytes: random.below(8000), ms: random.below(100) } }),
];

function toxics(random: Random): Toxics {
  const parts = [random.pick(TROUBLES)];
  if (random.oneIn(2)) parts.push(random.pick(TROUBLES));
  if (random.oneIn(2)) parts.push(random.pick(CUTS));
  return Object.assign({}, ...parts.map((part) => part(random)));
}

/** One spell of a link; with `behind`, the link leads to the server. */
export function drawSpell(random: Random, link: FaultyLink, behind?: Behind): Spell {
  const recover = async (): Promise<void> => {
    link.poison({});
    await link.recover();
  };
  const kinds: (() => Spell)[] = [
    () => {
      const [up, down] = [toxics(random), toxics(random)];
      const both = random.pick([{ up }, { down }, { up, down }]);
      return { name: JSON.stringify(both), begin: () => link.poison(both), end: recover };
    },
    () => ({ name: 'connections go silent', begin: () => link.silence(), end: recover }),
    () => ({ name: 'connections are accepted and never heard', begin: () => link.deafen(), end: recover }),
    () => ({
      name: 'silent, and accepted and never heard',
      begin: () => {
        link.silence();
        link.deafen();
      },
      end: recover,
    }),
    () => ({ name: 'connections are refused', begin: () => link.shut(), end: recover }),
    () => ({
      name: 'connections are reset, and refused',
      begin: async () => {
        await link.shut();
        link.poison({ up: { resetPeer: { afterBytes: 0 } }, down: { resetPeer: { afterBytes: 0 } } });
      },
      end: recover,
    }),
  ];
  if (behind === undefined) return random.oneIn(2) ? (kinds[0] as () => Spell)() : random.pick(kinds)();
  kinds.push(
    () => ({
      name: 'the server stops',
      begin: () => behind.kill('SIGSTOP'),
      end: () => behind.kill('SIGCONT'),
    }),
    () => {
      const spare = random.below(4);
      let feeds: (() => void)[] = [];
      return {
        name: `no more than ${spare} descriptors are left`,
        begin: () => {
          feeds = behind.pids.map((pid) => starve(pid, spare));
        },
        end: () => {
          for (const feed of feeds) feed();
        },
      };
    },
  );
  return random.oneIn(2) ? (kinds[0] as () => Spell)() : random.pick(kinds)();
}
