// Which command gives a key its TTL behind a write on this server. Owns the server version, which decides it.
import { EXPIRE_BY_SCRIPT, EXPIRE_NX } from '../core/resp/encode.js';
import type { FollowUpForm } from '../core/session/request/follow-ups.js';
import type { ServerFacts } from '../memory/server-facts.js';

/** PEXPIRE … NX came with this major version. */
const NX_MAJOR = 7;

/** For a server whose version is not known yet. */
export const LIKELY_FORM: FollowUpForm = { followUps: true, followUp: EXPIRE_NX };

/** A server that tells no version or no commands counts as a new one. */
export function followUpFormOf({ version, commands }: ServerFacts): FollowUpForm {
  const has = (name: string): boolean =>
    commands.length === 0 || commands.some((command) => command.name === name);
  if (!(Number.parseInt(version, 10) < NX_MAJOR)) return { followUps: has('pexpire'), followUp: EXPIRE_NX };
  return { followUps: has('eval'), followUp: EXPIRE_BY_SCRIPT };
}
