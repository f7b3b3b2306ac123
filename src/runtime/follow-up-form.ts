// Which command gives a key its TTL after a write on this server, and which expiries its commands accept. Owns the server
// versions that decide this.
import { EXPIRE_BY_SCRIPT, EXPIRE_NX } from '../core/resp/encode.js';
import type { FollowUpForm } from '../core/session/request/follow-ups.js';
import type { ServerFacts } from '../memory/server-facts.js';

/** PEXPIRE … NX came with this major version. */
const NX_MAJOR = 7;

/** GETEX, EXAT and PXAT came with this version. */
const POINTS_IN_TIME = 6.2;

/** For a server whose version is unknown yet. */
export const LIKELY_FORM: FollowUpForm = { followUps: true, followUp: EXPIRE_NX };

/** A server that reports no version or no commands counts as a new one. */
export function followUpFormOf({ version, commands }: ServerFacts): FollowUpForm {
  const has = (name: string): boolean =>
    commands.length === 0 || commands.some((command) => command.name === name);
  if (!(Number.parseInt(version, 10) < NX_MAJOR)) return { followUps: has('pexpire'), followUp: EXPIRE_NX };
  return { followUps: has('eval'), followUp: EXPIRE_BY_SCRIPT };
}

/** Whether the server has GETEX, EXAT and PXAT. A server that reports no version counts as a new one. */
export function hasPointsInTime({ version }: ServerFacts): boolean {
  return !(Number.parseFloat(version) < POINTS_IN_TIME);
}
