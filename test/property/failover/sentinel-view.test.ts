// Whatever several Sentinels say in whatever order, and whatever servers answer: there is one address; it changes only within
// a pause, to what a majority named since the pause began, and whose server said since the last announcement that it is primary.
// And no pause that a Sentinel announced ends at the old address before this Sentinel has had its say.
import fc from 'fast-check';
import t from 'tap';
import type { Decision } from '../../../src/failover/decisions.js';
import { SentinelView } from '../../../src/failover/sentinel-view.js';
import { type PrimaryAddress, sameAddress } from '../../../src/failover/whereabouts.js';

const SERVERS: readonly PrimaryAddress[] = [6380, 6381, 6382].map((port) => ({ host: 'h', port }));
const PAUSE_MS = 10_000;
/** For this time the Sentinel that announced a failover is waited for: when it is silent, and when it names another primary. */
const SILENCE_LIMIT_MS = 20_000;
const FOLLOW_LIMIT_MS = 5000;

const sentinel = fc.nat(2);
const server = fc.constantFrom(...SERVERS);
const step = fc.oneof(
  fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 20, 300, 1000, 3000) }),
  fc.record({
    do: fc.constant('answer' as const),
    sentinel,
    server,
    epoch: fc.nat(4),
    leaves: fc.option(server, { nil: undefined }),
    late: fc.constantFrom(0, 0, 5, 500),
  }),
  fc.record({ do: fc.constant('agree' as const), server, epoch: fc.nat(4) }),
  fc.record({
    do: fc.constant('event' as const),
    sentinel,
    type: fc.constantFrom('promoting' as const, 'switched' as const),
    from: server,
    to: server,
  }),
  fc.record({ do: fc.constant('begun' as const), sentinel, from: server }),
  fc.record({ do: fc.constant('abort' as const), sentinel }),
  fc.record({ do: fc.constant('silent' as const), sentinel, isDead: fc.boolean() }),
  fc.record({ do: fc.constant('sign' as const) }),
  fc.record({ do: fc.constant('fence' as const), late: fc.constantFrom(0, 0, 30), primary: fc.boolean() }),
  fc.record({ do: fc.constant('stray' as const), server }),
  fc.record({ do: fc.constant('hold' as const) }),
  fc.record({ do: fc.constant('release' as const) }),
  fc.record({ do: fc.constant('switching' as const), sentinel }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Claim {
  readonly address: PrimaryAddress;
  readonly askedAt: number;
}

/** Plays `steps`, and calls `check` for each decision with what an onlooker knows. */
function play(
  steps: readonly Step[],
  onMinority: 'admit' | 'pause',
  check: (
    decision: Decision,
    known: {
      claims: readonly (Claim | undefined)[];
      since: number;
      fencedAt: number;
      doubtAt: number;
      held: boolean;
      /** The Sentinel that announced a failover away from the address may still complete it. */
      open: boolean;
    },
  ) => void,
): SentinelView {
  let now = 10_000;
  const view = new SentinelView({ sentinels: 3, pauseMs: PAUSE_MS, resume: 'agreed', onMinority }, now);
  const claims: (Claim | undefined)[] = [undefined, undefined, undefined];
  const known = { claims, since: now, fencedAt: 0, doubtAt: now, held: false, open: false };
  const dead = new Set<number>();
  let announced: { readonly sentinel: number; readonly at: number } | undefined;
  const isOpen = (): boolean => {
    if (announced === undefined || dead.has(announced.sentinel)) return false;
    const claim = claims[announced.sentinel];
    const age = now - announced.at;
    if (claim === undefined || claim.askedAt < announced.at) return age < SILENCE_LIMIT_MS;
    return !sameAddress(claim.address, view.address) && age < FOLLOW_LIMIT_MS;
  };
  const act = (decisions: readonly Decision[]): void => {
    for (const decision of decisions) {
      if (decision.type === 'pause') {
        known.since = known.doubtAt = now;
        announced = undefined;
      }
      known.open = isOpen();
      check(decision, known);
      if (decision.type === 'gone' || decision.type === 'resume') known.held = false;
    }
  };
  const answer = (
    sentinel: number,
    address: PrimaryAddress,
    epoch: number,
    leaves: PrimaryAddress | undefined,
    askedAt: number,
  ) => {
    claims[sentinel] = { address, askedAt };
    dead.delete(sentinel);
    act(view.answered(sentinel, { address, epoch, leaves, downAfterMs: 5000, askedAt }, now));
  };
  for (const step of steps) {
    if (step.do === 'pass') {
      now += step.ms;
      act(view.tick(now));
    } else if (step.do === 'answer')
      answer(step.sentinel, step.server, step.epoch, step.leaves, now - step.late);
    else if (step.do === 'agree')
      for (const i of [0, 1, 2]) answer(i, step.server, step.epoch, undefined, now);
    else if (step.do === 'event') {
      const { type, from, to } = step;
      const counts = !sameAddress(to, view.address);
      act(view.heard(step.sentinel, { type, from, address: to }, now));
      if (counts && type === 'promoting') known.doubtAt = now;
      if (counts && view.state !== 'here')
        announced = sameAddress(from, view.address) ? { sentinel: step.sentinel, at: now } : undefined;
    } else if (step.do === 'begun') {
      act(view.heard(step.sentinel, { type: 'begun', from: step.from }, now));
      if (sameAddress(step.from, view.address)) announced = { sentinel: step.sentinel, at: now };
    } else if (step.do === 'abort') {
      if (announced?.sentinel === step.sentinel) announced = undefined;
      act(view.heard(step.sentinel, { type: 'aborted' }, now));
    } else if (step.do === 'silent') {
      if (step.isDead) dead.add(step.sentinel);
      else dead.delete(step.sentinel);
      claims[step.sentinel] = undefined;
      act(view.silent(step.sentinel, step.isDead, now));
    } else if (step.do === 'hold') {
      known.held ||= view.state === 'here';
      act(view.hold('a planned switch', now));
    } else if (step.do === 'release') {
      known.held = false;
      act(view.release(now));
    } else if (step.do === 'switching') {
      known.held = false;
      act(view.switching(step.sentinel, now));
    } else if (step.do === 'sign') act(view.sign('lost', now));
    else {
      const address = step.do === 'stray' ? step.server : view.toFence(now);
      if (address === undefined) continue;
      known.fencedAt = step.do === 'stray' ? now : now - step.late;
      const trouble = step.do === 'stray' || step.primary ? undefined : 'no';
      act(view.fenced({ address, askedAt: known.fencedAt, trouble }, now));
    }
  }
  return view;
}

function hasMajority(
  claims: readonly (Claim | undefined)[],
  address: PrimaryAddress,
  since: number,
): boolean {
  return (
    claims.filter((claim) => sameAddress(claim?.address, address) && (claim as Claim).askedAt >= since)
      .length >= 2
  );
}

const scripts = fc.array(step, { minLength: 1, maxLength: 60 });

t.test('the address changes only within a pause, by a majority and the word of the server', async () => {
  fc.assert(
    fc.property(scripts, fc.constantFrom('admit' as const, 'pause' as const), (steps, onMinority) => {
      let state = 'gone';
      let address: PrimaryAddress | undefined;
      let blind = false;
      play(steps, onMinority, (decision, { claims, since, fencedAt, doubtAt, held, open }) => {
        if (decision.type === 'pause') {
          if (state !== 'here') throw new Error(`pause when ${state}`);
          state = 'paused';
        } else if (decision.type === 'gone') {
          if (state !== 'paused') throw new Error(`gone when ${state}`);
          state = 'gone';
        } else if (decision.type === 'blind') blind = decision.reason !== null;
        else if (decision.type === 'resume') {
          if (state === 'here') throw new Error('resumed twice');
          if (decision.moved === sameAddress(decision.address, address)) throw new Error('moved is wrong');
          if (open && !decision.moved)
            throw new Error('back at the old address, and the announced failover may go on');
          if (held && !decision.moved) throw new Error('a held pause ended at the same address');
          if (fencedAt < doubtAt) throw new Error('an old word of the server counted');
          const agreed = hasMajority(claims, decision.address, state === 'paused' ? since : 0);
          if (!agreed && !(blind && onMinority === 'admit')) throw new Error('no majority');
          state = 'here';
          address = decision.address;
        }
      });
    }),
    { numRuns: 2000 },
  );
});

t.test('from any state, the address that all agree on and a server confirms is used in the end', async () => {
  fc.assert(
    fc.property(
      scripts,
      fc.constantFrom('admit' as const, 'pause' as const),
      fc.nat(2),
      (steps, onMinority, which) => {
        const end: Step[] = [0, 1, 2, 3, 4].flatMap(() => [
          { do: 'pass', ms: 3000 },
          { do: 'agree', server: SERVERS[which] as PrimaryAddress, epoch: 9 },
          { do: 'pass', ms: 1 },
          { do: 'agree', server: SERVERS[which] as PrimaryAddress, epoch: 9 },
          { do: 'fence', late: 0, primary: true },
        ]);
        const view = play([...steps, ...end], onMinority, () => {});
        return view.state === 'here' && sameAddress(view.address, SERVERS[which]);
      },
    ),
    { numRuns: 1000 },
  );
});
