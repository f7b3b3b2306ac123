// Whether the commands that went up are those that were sent but for the changes the rules promise: an injected PX,
// a clamped expiry, a follow-up behind a write (behind ASKING with an ASKING of its own), a write that was shed, a question about CLIENT REPLY or AUTH.
// Reads the rules' data, none of the code that applies them. Where several readings are possible, one suffices.
import { NOW, RULES } from '../../support/session-lab.js';
import type { Variant } from './variants.js';

const STRING_WRITES = ['set', 'setnx', 'setex', 'psetex', 'getset', 'mset', 'append'];
const GROWING = new Set([...STRING_WRITES, 'incr', 'rpush', 'hset', 'lset']);
const EXPIRIES = new Set(['ex', 'px', 'exat', 'pxat']);
const CLAMPED = new Set(['set', 'getex', 'setex', 'psetex']);
const MAX_TTLS = ['10', '10000', String(Math.floor((NOW + 10_000) / 1000)), String(NOW + 10_000)];

export interface Traffic {
  readonly sent: readonly (readonly string[])[];
  readonly forwarded: readonly (readonly string[])[];
}

/** @throws Error naming the first command that has no place among those that were sent. */
export function insistOnPromises({ sent, forwarded }: Traffic, variant: Variant): void {
  const rules = variant.scenario.rules ?? RULES;
  const sheds = variant.scenario.shedding === true || variant.shedsBySize === true;
  const written = new Set<string>();
  for (const args of sent) for (const arg of args) written.add(arg);

  const mayBeShed = (args: readonly string[]): boolean =>
    sheds &&
    GROWING.has(args[0].toLowerCase()) &&
    (variant.shedsBySize === true || args.some((arg) => arg.startsWith('low:')));
  const isFollowUp = ([name, ...args]: readonly string[] = []): boolean =>
    variant.scenario.server?.before7
      ? name === 'EVAL' && args.length === 4 && args[0].includes('PEXPIRE') && args[1] === '1'
      : name === 'PEXPIRE' && args.length === 3 && args[2] === 'NX';
  const asks = sent.some(([name]) => name.toLowerCase() === 'asking');
  const mayBeAdded = (args: readonly string[], behind?: readonly string[]): boolean => {
    if (asks && args.length === 1 && args[0] === 'ASKING' && behind !== undefined && isFollowUp(behind))
      return mayBeAdded(behind);
    if (isFollowUp(args)) {
      const [key, ttl] = args[0] === 'EVAL' ? args.slice(3) : args.slice(1);
      const rule = written.has(key) ? ruleOf(key) : undefined;
      if (rule !== undefined) return !rule.observe && String(rule.ttlMs) === ttl;
    }
    const text = args.join(' ');
    if (text === 'HELLO 2' || text === 'GET') return sheds;
    return /^CLIENT REPLY (ON|OFF|SKIP)$/.test(text);
  };
  const ruleOf = (key: string) =>
    rules.find(({ globs }) =>
      key.startsWith(Buffer.from(globs[0]).toString('latin1', 0, globs[0].length - 1)),
    );
  const mayBecome = (before: readonly string[], after: readonly string[]): boolean => {
    const changed = before.flatMap((arg, i) => (arg === after[i] ? [] : [i]));
    if (changed.length === 0 && before.length === after.length) return true;
    const rule = ruleOf(before[1] ?? '');
    const name = before[0].toLowerCase();
    if (rule === undefined || rule.observe) return false;
    // A point in time becomes a span.
    const [unit, number] = changed;
    const point = changed.length === 2 && /^(EX|PX)AT$/i.test(before[unit]) && number === unit + 1;
    if (point && after[unit] === 'PX') return CLAMPED.has(name) && after[number] === String(rule.maxTtlMs);
    if (changed.length === 0) {
      const added = after.slice(before.length);
      const hadExpiry = before.slice(3).some((arg) => EXPIRIES.has(arg.toLowerCase()));
      return name === 'set' && !hadExpiry && added.join(' ') === `PX ${rule.ttlMs}` && rule.ttlMs > 0;
    }
    // Behind a value that streams an expiry is cut as it comes, and so is one that is given again.
    const isCut = (at: number) => MAX_TTLS.includes(after[at]) && Number(after[at]) < Number(before[at]);
    const clamps = CLAMPED.has(name) && rule.maxTtlMs > 0 && before.length === after.length;
    return clamps && changed.every(isCut);
  };

  /** How many of the sent commands may be accounted for so far. */
  let places = new Set([0]);
  const skipShed = () => {
    for (const place of places) if (place < sent.length && mayBeShed(sent[place])) places.add(place + 1);
  };
  for (const [i, after] of forwarded.entries()) {
    skipShed();
    const next = new Set<number>();
    const added = mayBeAdded(after, forwarded[i + 1]);
    for (const place of places) {
      if (place < sent.length && mayBecome(sent[place], after)) next.add(place + 1);
      if (added) next.add(place);
    }
    if (next.size === 0) {
      const due = [...places].map((place) => JSON.stringify(sent[place])?.slice(0, 160));
      throw new Error(`${JSON.stringify(after).slice(0, 160)} went up where due was ${due.join(' or ')}`);
    }
    places = next;
  }
  skipShed();
  if (!places.has(sent.length))
    throw new Error(`only ${Math.max(...places)} of ${sent.length} commands went up`);
}
