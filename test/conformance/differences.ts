// What differs beyond what may differ anyway, where clients share upstream connections and on some servers: by name of
// the pipeline, with the reason. Told in docs/COMPATIBILITY.md. Everything else is compared, with either pooling.
import { POOL } from '../support/proxy.js';
import type { Server } from './server-version.js';

const POOLED_DIFFERENCES: Readonly<Record<string, string>> = {
  'an HTTP request':
    'Redis closes a connection on which it sees an HTTP header, and what it has answered in the same turn is lost. ' +
    'The request line is answered on a shared connection before.',
};

const LOST = 'One of its AUTH fails behind other commands: Spillway lets it wait, so that it is answered.';
/** With a server that leaves such errors out. */
const AUTH_DIFFERENCES: Readonly<Record<string, string>> = {
  'AUTH in its forms': LOST,
  'HELLO with options that are refused': LOST,
};

/** Redis 8.6 reads on where a length has no end, so there is no answer to compare. */
const ENDLESS: Readonly<Record<string, string>> = {
  'a length line without end': 'Others end the connection beyond 64 KB.',
};

/** What is played only where the server has the command that it waits for: elsewhere it would wait for ever. */
const NEEDS: readonly (readonly [name: RegExp, command: string])[] = [
  [/^CLIENT REPLY OFF, then RESET$|^MONITOR, then RESET$/, 'reset'],
  // CLIENT PAUSE … WRITE came with the same version.
  [/^CLIENT PAUSE holds writes/, 'reset'],
  [/^BLMOVE/, 'blmove'],
  [/^B[LZ]MPOP|^blocking commands that time out|^CLIENT UNBLOCK/, 'blmpop'],
  [/^shards beside channels/, 'spublish'],
  // So did the refusal of SHUTDOWN inside MULTI, and PEXPIRE … NX: a follow-up by a script reads the key, and a client that
  // tracks it is told once more (docs/COMPATIBILITY.md).
  [/^a busy (?:script|function)$|^SHUTDOWN SAVE, inside MULTI$/, 'function'],
  [/^invalidations while another writes$|^client\|(?:getredir|trackinginfo)$/, 'function'],
  // Its lines end the server of 6.0.
  [/^debug$/, 'function'],
  // Before 7.0 it runs inside MULTI, and its lines have times among replies.
  [/^monitor$/, 'function'],
];

/** Whether the case of this name can be compared under the pooling that the tests run with, and on this server. */
export function comparable(
  name: string,
  { losesAuthErrors, readsLengthsForEver, commands }: Server,
): boolean {
  if (NEEDS.some(([pattern, command]) => pattern.test(name) && !commands.has(command))) return false;
  if (readsLengthsForEver && Object.hasOwn(ENDLESS, name)) return false;
  if (losesAuthErrors && Object.hasOwn(AUTH_DIFFERENCES, name)) return false;
  return POOL !== 'command' || !Object.hasOwn(POOLED_DIFFERENCES, name);
}
