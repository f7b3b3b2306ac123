// The set-ups that the sessions of a fuzz run stand in: rules, shedding, bounds, and what the server allows.
// Each is built once and shared by all sessions of a run, as in a proxy: they must not disturb one another.
import { ALL } from '../../../src/core/policy/shed.js';
import { makeSession, type Scenario, type ServerOptions } from '../../support/session-lab.js';
import type { Vocabulary } from './requests.js';

export interface Variant {
  readonly scenario: Omit<Scenario, 'client'>;
  readonly vocabulary: Vocabulary;
  /** Growing writes from some size on may be shed whatever their key, which the server here cannot be told. */
  readonly shedsBySize?: boolean;
}

const STATES: Vocabulary = { connection: true, silence: true, endings: true };
/** Nothing after which sheds depend on what the session has understood. */
const TRACKED: Vocabulary = { connection: true, silence: true };

/** Pushes before some replies, once the client speaks RESP3. */
const noise: ServerOptions['noise'] = ([name, , more], { resp }) =>
  resp === 3 && more === undefined && name.length === 4 ? '>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n' : '';

/** No rule, so that bytes go up as they come. */
export const PLAIN_VARIANTS: readonly Variant[] = [
  { scenario: { rules: [] }, vocabulary: { connection: true, endings: true } },
  { scenario: { rules: [], pendingRuns: 2 }, vocabulary: { connection: true } },
  { scenario: { rules: [], server: { password: true } }, vocabulary: { connection: true, endings: true } },
  { scenario: { rules: [], server: { noise } }, vocabulary: { connection: true } },
];

export const RULE_VARIANTS: readonly Variant[] = [
  { scenario: {}, vocabulary: STATES },
  { scenario: { shedding: true }, vocabulary: TRACKED },
  { scenario: { shedding: true, lookaheadBytes: 64 }, vocabulary: TRACKED },
  { scenario: { shedding: true, pendingRuns: 2 }, vocabulary: TRACKED },
  { scenario: { shedding: true, server: { password: true } }, vocabulary: TRACKED },
  { scenario: { followUps: false, pendingRuns: 3 }, vocabulary: STATES },
  { scenario: { server: { denied: ['pexpire'] } }, vocabulary: STATES },
  { scenario: { server: { before7: true } }, vocabulary: STATES },
  { scenario: { server: { watchFails: true, noise } }, vocabulary: STATES },
  { scenario: { server: { denied: ['multi', 'subscribe'] }, shedding: true }, vocabulary: TRACKED },
  { scenario: { rules: [] }, vocabulary: STATES },
  {
    scenario: {
      gate: (gate) => {
        gate.active = true;
        gate.byKey = true;
        gate.headroom.fill(100_000);
        gate.thresholds[0] = ALL / 2;
      },
    },
    vocabulary: STATES,
    shedsBySize: true,
  },
];

export type Laboratory = ReturnType<typeof makeSession>;
const laboratories = new Map<Variant, Laboratory>();

export function laboratoryOf(variant: Variant): Laboratory {
  let laboratory = laboratories.get(variant);
  // A session that failed in the middle has left its growth with the gate.
  if (laboratory === undefined || laboratory.gate.answered !== laboratory.gate.admitted) {
    laboratory = makeSession(variant.scenario);
    laboratories.set(variant, laboratory);
  }
  const { writes, sheds, followUps } = laboratory.observer;
  // What it remembers of all sessions so far is no part of any check here.
  writes.length = sheds.length = followUps.length = 0;
  return laboratory;
}
