// What rules with TTLs promise, said the plain way: the commands that a client would send to have the same TTLs
// without Spillway. Played on a server of its own, they leave the TTLs that the proxied keys must have.
// Knows the rules by the first letter of a key (see modes.ts), and the documented ways to miss a TTL.
import { JITTERED_TTL_MS, MAX_TTL_MS, TTL_MS } from './modes.js';
import { type Command, nameOf, type Session, type Step, type Turn, type Words, wordsOf } from './session.js';
import { writeOf } from './writes.js';

const TTL_BY_PREFIX: Record<string, number> = { s: TTL_MS, a: TTL_MS, j: JITTERED_TTL_MS };
const MAX_BY_PREFIX: Record<string, number> = { s: MAX_TTL_MS, a: MAX_TTL_MS };
const SET_FLAGS = new Set(['NX', 'XX', 'GET', 'KEEPTTL']);

const IF_NONE = "if redis.call('TTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end";

const prefixOf = (key: string): string => (/^[a-z]:/.test(key) ? key[0] : '');
const isTtl = (text: string): boolean => /^[1-9]\d*$/.test(text);

/** What each client's transaction has put off to its end; undefined outside one. */
type Waiting = (Command[] | undefined)[];

/** `before7`: played on a server that knows no PEXPIRE … NX. */
export function promised(session: Session, before7: boolean): Session {
  const waiting: Waiting = session.clients.map(() => undefined);
  const ofStep = (step: Step): Step => step.map((turn) => ofTurn(turn, waiting, before7));
  return { ...session, steps: session.steps.map(ofStep) };
}

function ofTurn(turn: Turn, waiting: Waiting, before7: boolean): Turn {
  const commands: Command[] = [];
  for (const command of turn.commands) {
    const { name } = nameOf(command);
    const right = wordsOf(command).length === 1;
    const put = waiting[turn.client];
    if (name === 'EXEC' && right && put !== undefined) commands.push(...put);
    // EXEC with an argument ends a transaction, DISCARD with one does not.
    if (name === 'EXEC' || ((name === 'DISCARD' || name === 'RESET') && right))
      waiting[turn.client] = undefined;
    // What was written to the database selected before gets no TTL in a transaction.
    if (name === 'SELECT' && put !== undefined) waiting[turn.client] = [];
    commands.push(withExpiry(command));
    (put ?? commands).push(...followUps(command, before7));
    if (name === 'MULTI') waiting[turn.client] ??= [];
  }
  return { ...turn, commands };
}

function withExpiry(command: Command): Command {
  if (writeOf(command) === undefined) return command;
  const words = wordsOf(command);
  switch (nameOf(command).name) {
    case 'SET':
      return ofSet(words) ?? command;
    case 'SETEX':
      return clamped(words, 2, 1000);
    case 'PSETEX':
      return clamped(words, 2, 1);
    case 'GETEX':
      return String(words[2]).toUpperCase() === 'EX' && words.length === 4
        ? clamped(words, 3, 1000)
        : command;
    default:
      return command;
  }
}

/** SET with an expiry, where it has none and its options are right; undefined: as it is. */
function ofSet(words: Words): Words | undefined {
  const options = readSet(words);
  const key = String(words[1]);
  if (options === undefined) return undefined;
  if (options.expiryAt !== undefined) return clamped(words, options.expiryAt, 1000);
  const ttl = TTL_BY_PREFIX[prefixOf(key)];
  return ttl === undefined || options.keeps ? undefined : [...words, 'PX', String(ttl)];
}

interface SetOptions {
  readonly keeps: boolean;
  readonly expiryAt: number | undefined;
}

/** Undefined for what Redis refuses. */
function readSet(words: Words): SetOptions | undefined {
  const flags = new Set<string>();
  let expiryAt: number | undefined;
  for (let i = 3; i < words.length; i++) {
    const word = String(words[i]).toUpperCase();
    if (word === 'EX' && i + 1 < words.length) expiryAt = ++i;
    else if (SET_FLAGS.has(word)) flags.add(word);
    else return undefined;
  }
  if (flags.has('NX') && flags.has('XX')) return undefined;
  if (flags.has('KEEPTTL') && expiryAt !== undefined) return undefined;
  return { keeps: flags.has('KEEPTTL'), expiryAt };
}

function clamped(words: Words, at: number, unitMs: number): Words {
  const max = MAX_BY_PREFIX[prefixOf(String(words[1]))];
  const text = String(words[at]);
  if (max === undefined || !isTtl(text) || Number(text) * unitMs <= max) return words;
  return words.map((word, i) => (i === at ? String(max / unitMs) : word));
}

function followUps(command: Command, before7: boolean): Words[] {
  const write = writeOf(command);
  if (write === undefined) return [];
  const words = wordsOf(command);
  const name = nameOf(command).name;
  const keepsTtl = name === 'SET' && readSet(words)?.keeps === true;
  const oddPairs = (name === 'MSET' || name === 'MSETNX') && words.length % 2 === 0;
  if (oddPairs || (write.followUp === 'none' && !keepsTtl)) return [];
  return write.written.flatMap((key) => {
    const ttl = TTL_BY_PREFIX[prefixOf(key)];
    const due = ttl !== undefined && (keepsTtl || write.followUp === 'strings' || prefixOf(key) === 'a');
    if (!due) return [];
    return [before7 ? ['EVAL', IF_NONE, '1', key, String(ttl)] : ['PEXPIRE', key, String(ttl), 'NX']];
  });
}
