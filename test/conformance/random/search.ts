// Looks for a session in which Spillway shows: draws sessions from a seed for as long as it may, and makes the first
// one that fails smaller. The same seed draws the same sessions, so a failing one's seed finds it at once.
import fc from 'fast-check';
import { compare, unrepeatable } from './compare.js';
import { fit } from './fit.js';
import { print } from './kept-form.js';
import type { Mode } from './modes.js';
import { nameOf, type Session } from './session.js';
import { anySession } from './sessions.js';
import type { Stage } from './stage.js';

const SESSIONS_PER_SEED = 10;
const PATIENCE_MS = 20_000;
/** While a failing session is made smaller, most of what waits does so for ever. */
const SHRINKING_PATIENCE_MS = 1000;
const SHRINKING_MS = 40_000;

export interface Limits {
  readonly seed: number;
  readonly modes: readonly Mode[];
  readonly milliseconds: number;
  readonly sessions: number;
}

export interface Tally {
  sessions: number;
  commands: number;
  /** Which commands these were. */
  readonly names: Set<string>;
  /** Sessions that differ between two servers without any proxy, too: they say nothing of Spillway. */
  readonly unrepeatable: string[];
  readonly byMode: Record<Mode, number>;
}

export interface Failure {
  readonly seed: number;
  readonly difference: string;
  /** A file for the folder of kept sessions. */
  readonly kept: string;
}

/** Adds to `tally`. Resolves with the first failure, or with undefined when a limit is reached. */
export async function search(stage: Stage, limits: Limits, tally: Tally): Promise<Failure | undefined> {
  const end = Date.now() + limits.milliseconds;
  const last = tally.sessions + limits.sessions;
  for (let seed = limits.seed; Date.now() < end && tally.sessions < last; seed++) {
    const failure = await searchSeed(
      stage,
      limits.modes,
      seed,
      tally,
      () => Date.now() < end && tally.sessions < last,
    );
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** A seed to start from: what `asked` says, or another one each time. */
export function startSeed(asked = process.env.SPILLWAY_SEED): number {
  return asked === undefined || asked === '' ? Date.now() % 1_000_000_000 : Number(asked);
}

export function newTally(): Tally {
  return {
    sessions: 0,
    commands: 0,
    names: new Set(),
    unrepeatable: [],
    byMode: { plain: 0, ttl: 0, shed: 0 },
  };
}

function count(tally: Tally, mode: Mode, { steps }: Session): void {
  tally.sessions++;
  tally.byMode[mode]++;
  for (const command of steps.flat().flatMap((turn) => turn.commands)) {
    tally.commands++;
    tally.names.add(nameOf(command).name);
  }
}

async function searchSeed(
  stage: Stage,
  modes: readonly Mode[],
  seed: number,
  tally: Tally,
  goOn: () => boolean,
): Promise<Failure | undefined> {
  let smallest: { mode: Mode; session: Session; difference: string } | undefined;
  let shrinkUntil = Number.POSITIVE_INFINITY;
  let serverEnded = false;
  const property = fc.asyncProperty(fc.constantFrom(...modes), anySession, async (mode, any) => {
    if (serverEnded || (smallest === undefined ? !goOn() : Date.now() > shrinkUntil)) return;
    const patience = smallest === undefined ? PATIENCE_MS : SHRINKING_PATIENCE_MS;
    const { session, difference } = await compare(stage, mode, any, patience).catch((error: unknown) => ({
      session: fit(any, mode),
      difference: String(error),
    }));
    if (smallest === undefined) count(tally, mode, session);
    if (difference === undefined) return;
    if (smallest === undefined) shrinkUntil = Date.now() + SHRINKING_MS;
    smallest = { mode, session, difference };
    serverEnded = [stage.direct, stage.behind, stage.promised].some(({ watch }) => watch.admin.closed);
    throw new Error(difference);
  });
  const result = await fc.check(property, { seed, numRuns: SESSIONS_PER_SEED });
  if (!result.failed) return undefined;
  if (smallest === undefined) throw result.errorInstance;
  const { mode, session, difference } = smallest;
  const kept = print(difference.slice(0, 120), mode, session);
  // What no proxy is in front of has ended: a fault of the server, or of the session.
  if (serverEnded) throw new Error(`a server itself ended (${difference}) in or before\n${kept}`);
  if ((await unrepeatable(stage, mode, session, PATIENCE_MS)) === undefined)
    return { seed, difference, kept };
  tally.unrepeatable.push(kept);
  return undefined;
}
