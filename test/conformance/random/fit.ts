// Takes out of a random session what makes it impossible to repeat, and what a mode is documented not to promise.
// Each exclusion stands here with its reason, and nowhere else. Works by the words alone: it walks each client's
// commands in order and knows no replies, so it errs on the side of leaving out.
import { POOL } from '../../support/proxy.js';
import type { Mode } from './modes.js';
import { type Command, isRaw, nameOf, type Session, type Step, type Turn, wordsOf } from './session.js';

/** What the words of one client have led to. */
interface State {
  protocol: 2 | 3;
  /** No command has been kept yet. */
  fresh: boolean;
  inMulti: boolean;
  silent: boolean;
  skipping: boolean;
  /** Its last command is still to be sent whole. */
  open: boolean;
  /** RESET may have been executed: who the client is must be learnt again. */
  reset: boolean;
  over: boolean;
}

export function fit(session: Session, mode: Mode): Session {
  const states = session.clients.map(
    (protocol): State => ({
      ...{ protocol, fresh: protocol === 2, inMulti: false, silent: false, skipping: false },
      ...{ open: false, reset: false, over: false },
    }),
  );
  const redirects = session.steps.flat().some(({ commands }) => commands.some(isRedirect));
  const steps: Step[] = [];
  for (const step of session.steps) {
    const clients = new Set<number>();
    const completes = step.some(({ client }) => states[client]?.open);
    const turns = step
      .filter(({ client }) => client < states.length && clients.size < clients.add(client).size)
      .map((turn) => fitTurn(turn, states[turn.client], mode, step.length > 1))
      .filter(({ commands }) => commands.length > 0);
    // Where one client's writes reach another's connection, their order is each run's own; and what was left open may
    // be such a write, of a step that it had for itself.
    if (redirects || completes) steps.push(...turns.map((turn) => [turn]));
    else if (turns.length > 0) steps.push(turns);
  }
  return { ...session, steps };
}

function fitTurn(turn: Turn, state: State, mode: Mode, together: boolean): Turn {
  const commands: Command[] = [];
  for (const command of turn.commands) {
    if (state.over) break;
    if (isRepeatable(command, state, together) && isPromised(command, state, mode)) {
      commands.push(command);
      advance(command, state);
      // What waits behind a blocked command is executed some time after what has woken it.
      if (mayBlockForEver(command)) break;
    }
  }
  // Commands that end the connection must come whole: what is sent to a closed one meets a reset.
  const cuts = state.over && commands.some(isBroken) ? [] : turn.cuts;
  // The models add words to commands: half a command of theirs is not half of this.
  // One that blocks comes whole: the client's next commands would be behind it otherwise.
  const blocks = commands.some(mayBlockForEver);
  const open = turn.open === true && mode === 'plain' && !together && !state.over && !blocks;
  if (commands.length > 0) state.open = open;
  return { ...turn, commands, cuts, open };
}

/** Commands that look at, or change, what clients that run at the same time have in common. */
const SHARED = new Set([
  ...'FLUSHALL FLUSHDB SWAPDB DBSIZE KEYS EVALSHA SCRIPT FUNCTION PUBSUB FCALL'.split(' '),
  'FCALL_RO',
]);

function isRepeatable(command: Command, state: State, together: boolean): boolean {
  const { name, sub } = nameOf(command);
  // In silence a server ends the connection only if something else is being written to it at the time.
  if ((name === 'QUIT' || isBroken(command)) && (state.silent || state.skipping)) return false;
  return (
    !together || !(SHARED.has(name) || (name === 'CLIENT' && sub === 'UNBLOCK') || mayBlockForEver(command))
  );
}

function isPromised(command: Command, state: State, mode: Mode): boolean {
  if (mode === 'plain') return true;
  const { name, sub } = nameOf(command);
  const opaque = OPAQUE.has(name) || (name === 'CLIENT' && sub === 'REPLY');
  // Together with these in a transaction, or with these in silence, Spillway passes bytes unread from there on.
  if ((opaque || name === 'AUTH') && state.inMulti) return false;
  if (opaque && (state.silent || state.skipping) && !(name === 'CLIENT' && sub === 'REPLY')) return false;
  if ((name === 'RESET' || name === 'MULTI') && (state.silent || state.skipping)) return false;
  // Whether an empty command uses a SKIP up differs by server, so here, too.
  if (isEmpty(command) && state.skipping) return false;
  return mode === 'ttl' ? isTtlPromised(command, state) : isRefusalPromised(command, state);
}

const OPAQUE = new Set([
  ...'SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE HELLO'.split(' '),
  'MONITOR',
]);
const LARGE = 16 * 1024;
/** Their replies, or what they do, depend on whether a key has a TTL. */
const TELLS_TTL = new Set('PERSIST TTL PTTL EXPIRETIME PEXPIRETIME DUMP OBJECT MEMORY'.split(' '));

function isTtlPromised(command: Command, state: State): boolean {
  const { name, sub } = nameOf(command);
  const words = wordsOf(command);
  const keys = words.slice(1).filter((word) => /^[a-z]:/.test(String(word)));
  if (TELLS_TTL.has(name)) return false;
  // Follow-ups show: tracked keys are invalidated, watched ones touched where a key of `s:` or `j:` lacked a TTL.
  if (name === 'CLIENT' && sub === 'TRACKING') return false;
  if (name === 'WATCH' && keys.some((key) => /^[sj]:|^a:.*4$/.test(String(key)))) return false;
  // It would leave keys of `a:` without a TTL, and then the line above holds for them, too.
  if (state.inMulti && (name === 'SELECT' || name === 'SWAPDB' || name === 'MOVE')) return false;
  // The follow-up would come behind what woke it and what that did next.
  if (name === 'BLMOVE' && mayBlockForEver(command)) return false;
  // More words than a server takes from a stranger: in pieces they pass untouched.
  if (state.fresh && words.length > 10) return false;
  // Behind a large value the TTL is given by a follow-up, which a key that is there may get as well.
  const options = words.slice(3).map((word) => String(word).toUpperCase());
  const large = typeof words[2] === 'number' && words[2] >= LARGE;
  const certain = /^[duo]:|^a:.*[0-3]$/.test(String(words[1]));
  return !(name === 'SET' && large && options.length > 0 && !options.includes('EX') && !certain);
}

const RELIEVES = new Set('CONFIG DEBUG FLUSHALL FLUSHDB FUNCTION MEMORY SCRIPT SWAPDB'.split(' '));

function isRefusalPromised(command: Command, state: State): boolean {
  const { name, sub } = nameOf(command);
  // Behind what may free memory, or change its limit, nothing is refused until memory has been read again.
  if (RELIEVES.has(name)) return false;
  if (mayBeSpared(command)) return false;
  // What a write invalidates for its own client follows its reply: a refusal that Spillway gives may come first.
  if (name === 'CLIENT' && sub === 'TRACKING') return false;
  // Redis would answer a stranger before it sees all keys: Spillway must not hold his commands back. With command pooling
  // a client is one on each connection of its own.
  const large = wordsOf(command).some((word) => typeof word === 'number' && word >= LARGE);
  const stranger = state.protocol === 2 || state.reset || POOL === 'command';
  return !((name === 'MSET' || name === 'MSETNX') && large && stranger);
}

const COUNTS = /^(?:INCR|DECR)(?:BY|BYFLOAT)?$/;
const BRIEF_MS = 60_000;

/** A counter or a lock that is taken to be there already adds nothing, so it passes. What one proxy takes to be there, it has from
 *  sessions before. */
function mayBeSpared(command: Command): boolean {
  const words = wordsOf(command).map((word) => String(word).toUpperCase());
  if (!words[1]?.startsWith('A:')) return false;
  const lives = (unit: string, ms: number) => {
    const at = words.indexOf(unit);
    return at > 2 && Number(words[at + 1]) * ms <= BRIEF_MS;
  };
  const isLock = words[0] === 'SET' && words.includes('NX') && (lives('EX', 1000) || lives('PX', 1));
  return isLock || COUNTS.test(words[0] ?? '');
}

function advance(command: Command, state: State): void {
  const { name, sub } = nameOf(command);
  const argc = wordsOf(command).length;
  if (argc > 0) state.fresh = false;
  state.skipping = false;
  if (name === 'MULTI') state.inMulti = true;
  // EXEC with an argument ends a transaction, DISCARD with one does not.
  if (name === 'EXEC' || ((name === 'DISCARD' || name === 'RESET') && argc === 1)) state.inMulti = false;
  if (name === 'RESET') state.reset = true;
  if (name === 'RESET') state.silent = false;
  if (name === 'CLIENT' && sub === 'REPLY') {
    const how = String(wordsOf(command)[2]).toUpperCase();
    if (how === 'OFF') state.silent = true;
    if (how === 'ON') state.silent = false;
    state.skipping = how === 'SKIP';
  }
  if (name === 'QUIT' || isBroken(command)) state.over = true;
}

function isRedirect(command: Command): boolean {
  return wordsOf(command).some((word) => String(word).toUpperCase() === 'REDIRECT');
}

/** A blank line, or a command of no words. */
function isEmpty(command: Command): boolean {
  return wordsOf(command).length === 0 && !isBroken(command);
}

/** Bytes that a server answers with a protocol error. */
function isBroken(command: Command): boolean {
  return isRaw(command) && /^\*[1-9]/.test(command.raw);
}

function mayBlockForEver(command: Command): boolean {
  const { name } = nameOf(command);
  const words = wordsOf(command);
  if (name === 'XREAD' || name === 'XREADGROUP') {
    const at = words.findIndex((word) => String(word).toUpperCase() === 'BLOCK');
    return at > 0 && words[at + 1] === '0';
  }
  return (
    /^B(L|R|Z)(POP|MOVE|MPOP)/.test(name) &&
    (words.at(-1) === '0' || (name.endsWith('MPOP') && words[1] === '0'))
  );
}
