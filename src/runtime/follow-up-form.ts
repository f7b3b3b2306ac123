// Which command gives a key of this server its TTL behind a write. Owns the version that decides.
import { EXPIRE_BY_SCRIPT, EXPIRE_NX } from '../core/resp/encode.js';
import type { FollowUpForm } from '../core/session/request/follow-ups.js';
import type { ServerFacts } from '../memory/server-facts.js';

/** PEXPIRE … NX came with this major version. */
const NX_MAJOR = 7;

/** For a server that has not told what it is. */
export const LIKELY_FORM: FollowUpForm = { followUps: true, followUp: EXPIRE_NX };

/** A server that tells no version, or no commands, is taken to be a new one that has them. */
export function followUpFormOf({ version, commands }: ServerFacts): FollowUpForm {
  const has = (name: string): boolean =>
    commands.length === 0 || commands.some((command) => command.name === name);
  if (!(Number.parseInt(version, 10) < NX_MAJOR)) return { followUps: has('pexpire'), followUp: EXPIRE_NX };
  return { followUps: has('eval'), followUp: EXPIRE_BY_SCRIPT };
}
