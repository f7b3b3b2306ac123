// What a session counts, notes and sends up for random writes, against a plain model of it: one entry for each key of each
// write, for each budget and for the ring of keys to evict; growth, quotas, and every byte. Whole, and with large values in pieces.
import fc from 'fast-check';
import t from 'tap';
import { hashKey } from '../../../src/core/policy/hash.js';
import { type HeldKeys, Lifetime } from '../../../src/core/policy/held-keys.js';
import { KeyMemory, TtlEffect } from '../../../src/core/policy/key-memory.js';
import { TtlOutcome } from '../../../src/core/policy/observer.js';
import { growthOf } from '../../../src/core/policy/policy.js';
import { Priority, type Rule } from '../../../src/core/policy/rule.js';
import { INTEGER_CLASS, SizeClass, sizeClassOf } from '../../../src/core/policy/size-class.js';
import { cmd, lend, makeSession, NOW, RULES, randomWay, ScriptedRedis } from '../../support/session-lab.js';
import { FULL } from '../../support/tier.js';

const RUNS = FULL ? 1000 : 300;
/** An argument of this many bytes streams, unless it comes in one piece. */
const LARGE = 16 * 1024;
const NO_LIMIT = { writesPerSecond: 1e6, bytesPerSecond: 1e9, valueBytes: 0, error: undefined };
/** Rules of every kind: with a limit, with a budget, with keys to evict. */
const ALL_RULES: readonly Rule[] = [
  ...RULES.map((rule) => ({
    ...rule,
    ...(rule.slot === 2 ? { limit: NO_LIMIT, evict: true } : {}),
    ...(rule.slot === 4 ? { evict: true } : {}),
    ...(rule.slot === 5 ? { maxTtlMs: 20_000 } : {}),
  })),
  {
    ...RULES[0],
    ...{
      slot: 7,
      name: 'held:*',
      globs: [Buffer.from('held:*')],
      ttlMs: 20_000,
      maxTtlMs: 40_000,
      evict: true,
    },
    ...{ budget: { bytes: 1e12 }, limit: NO_LIMIT },
  },
];
const UNREGISTERED = { slot: 0, priority: Priority.NORMAL } as Rule;
const ruleOf = (key: string): Rule =>
  ALL_RULES.find(({ globs: [glob] }) => key.startsWith(Buffer.from(glob).toString().slice(0, -1))) ??
  UNREGISTERED;
const gives = ({ ttlMs, durable }: Rule): boolean => ttlMs > 0 && !durable;

/** The commands of the model: their keys, values and kinds, by Redis's documentation. */
interface Facts {
  /** Redis refuses it when its memory is full. */
  readonly grows?: boolean;
  /** Where the value stands behind its key, if the key becomes that string. */
  readonly value?: number;
  /** The key has no TTL behind it, unless it gives one. */
  readonly replaces?: boolean;
  readonly ifMissing?: boolean;
  /** It may create a key of any type. */
  readonly creates?: boolean;
  /** It writes into a key that is there. */
  readonly inside?: boolean;
}
const FACTS: Readonly<Record<string, Facts>> = {
  set: { grows: true, value: 1, replaces: true },
  setnx: { grows: true, value: 1, ifMissing: true },
  getset: { grows: true, value: 1, replaces: true },
  mset: { grows: true, value: 1, replaces: true },
  setex: { grows: true, value: 2, replaces: true },
  psetex: { grows: true, value: 2, replaces: true },
  getex: {},
  incr: { grows: true, creates: true },
  append: { grows: true, creates: true },
  hset: { grows: true, creates: true },
  rpush: { grows: true, creates: true },
  lmove: { creates: true },
  rpushx: { grows: true, inside: true },
  smove: { creates: true },
};

/** The laboratory's server does not know these, so in a transaction they are refused. */
const FOREIGN = ['RPUSHX', 'SMOVE', 'LPOP', 'PERSIST', 'UNLINK', 'EXPIRE', 'FLUSHALL', 'CONFIG', 'NOSUCH'];

const keys = ['ttl:a', 'str:a', 'str:b', 'low:a', 'max:a', 'watch:a', 'queue:a', 'held:a', 'held:b', 'other'];
const key = fc.constantFrom(...keys);
const small = fc.integer({ min: 0, max: 300 }).map((length) => 'v'.repeat(length));
const large = fc.integer({ min: LARGE, max: LARGE + 3000 }).map((length) => 'V'.repeat(length));
const value = fc.oneof({ weight: 3, arbitrary: small }, { weight: 1, arbitrary: large });
const seconds = fc.constantFrom('1', '9', '11', '25', '99', '0', 'x');
const millis = fc.constantFrom('1', '9999', '10000', '10001', '25000', '99999', '-1');
const option = fc.oneof(
  seconds.map((n) => ['EX', n]),
  millis.map((n) => ['px', n]),
  fc.constantFrom(5, 90, 900).map((n) => ['EXAT', String(NOW / 1000 + n)]),
  fc.constantFrom(5000, 90_000).map((n) => ['PXAT', String(NOW + n)]),
  fc.constantFrom(['NX'], ['XX'], ['GET'], ['KEEPTTL'], ['BOGUS'], ['EX']),
);
const words: fc.Arbitrary<readonly string[]> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(key, value).map(([k, v]) => ['SET', k, v]) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(key, value, fc.array(option, { minLength: 1, maxLength: 2 }))
      .map(([k, v, options]) => ['set', k, v, ...options.flat()]),
  },
  fc.tuple(fc.constantFrom('SETNX', 'GETSET', 'APPEND', 'RPUSH', 'RPUSHX'), key, value),
  fc.tuple(key, value, value).map(([k, v, w]) => ['HSET', k, v, w]),
  fc.tuple(fc.constant('SETEX'), key, seconds, value),
  fc.tuple(fc.constant('PSETEX'), key, millis, value),
  fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 3 }).map((pairs) => ['MSET', ...pairs.flat()]),
  fc.tuple(key, key, small).map(([k, l, v]) => ['MSET', k, v, l]),
  fc.tuple(fc.constant('INCR'), key),
  fc
    .tuple(key, fc.option(fc.constantFrom(['PX', '9'], ['EX', '99'], ['PERSIST'])))
    .map(([k, o]) => ['GETEX', k, ...(o ?? [])]),
  fc.tuple(key, key).map(([k, l]) => ['LMOVE', k, l, 'LEFT', 'RIGHT']),
  fc.tuple(fc.constant('SMOVE'), key, key, value),
  fc.tuple(fc.constantFrom('DEL', 'UNLINK'), key, key),
  fc.tuple(fc.constantFrom('GET', 'LPOP', 'PERSIST', 'DEL'), key),
  fc.tuple(fc.constant('PEXPIRE'), key, millis),
  fc.tuple(fc.constant('PEXPIRE'), key, millis, fc.constantFrom('NX', 'xx', 'GT', 'lt', 'BOGUS')),
  fc.tuple(fc.constant('EXPIRE'), key, seconds),
  fc.constantFrom(['PING'], ['SETNX', 'str:a'], ['NOSUCH', 'str:a'], ['FLUSHALL']),
  fc.constantFrom(['CONFIG', 'SET', 'maxmemory', '0'], ['config', 'set', 'a', 'b'], ['CONFIG', 'GET', 'SET']),
);

interface Setting {
  readonly pieces: boolean;
  readonly shedding: boolean;
  readonly multi: boolean;
  readonly followUps: boolean;
  readonly db: number;
}

/** What rules make of a write. */
interface Judged {
  /** As it goes up. */
  readonly words: readonly string[];
  /** For each of its keys; undefined: Redis refuses it, or it changes no TTL. */
  readonly outcomes?: readonly TtlOutcome[];
  readonly replaces: boolean;
  readonly ifMissing: boolean;
  readonly persists: boolean;
  readonly lifetimeMs: number;
}

interface Books {
  readonly entries: string[];
  up: string;
  growth: number;
  /** What was announced of commands that stream. */
  promised: number;
  /** Commands that may change what a reading of memory is worth. */
  reliefs: number;
  /** Of the rules with a limit: writes and bytes, by slot. */
  readonly taken: Record<number, [number, number]>;
}

const readPositive = (text: string): number => (/^[1-9]\d*$/.test(text) ? Number(text) : -1);

/** What t_string.c makes of the options of SET or GETEX. */
function readOptions(options: readonly string[], persist: boolean) {
  const seen = { at: -1, unit: '', keeps: false, ifMissing: false, malformed: false, exists: '' };
  for (let i = 0; i < options.length; i++) {
    const word = options[i].toUpperCase();
    if (['EX', 'PX', 'EXAT', 'PXAT'].includes(word)) {
      if (seen.keeps || (seen.unit !== '' && seen.unit !== word) || i + 1 >= options.length)
        seen.malformed = true;
      seen.unit = word;
      seen.at = ++i;
    } else if (word === (persist ? 'PERSIST' : 'KEEPTTL')) {
      if (seen.unit !== '') seen.malformed = true;
      seen.keeps = true;
    } else if (!persist && (word === 'NX' || word === 'XX')) {
      if (seen.exists !== '' && seen.exists !== word) seen.malformed = true;
      seen.exists = word;
      if (word === 'NX') seen.ifMissing = true;
    } else if (persist || word !== 'GET') seen.malformed = true;
  }
  return seen;
}

/** The least of Spillway's own decisions about one command, put down as plainly as they can be. */
class Model implements Books {
  readonly entries: string[] = [];
  up = '';
  growth = 0;
  promised = 0;
  reliefs = 0;
  readonly taken: Record<number, [number, number]> = {};
  /** Follow-ups of an open transaction. */
  private waiting = '';

  constructor(private readonly setting: Setting) {}

  command(text: string, words: readonly string[]): void {
    const name = words[0].toLowerCase();
    const { db, multi } = this.setting;
    if (name === 'setnx' && words.length !== 3) this.up += text;
    else if (name === 'del' || name === 'unlink') {
      this.up += text;
      for (const each of words.slice(1)) this.held(each, multi ? `changed ${each} 0` : `ended ${each}`);
      for (const each of words.slice(1)) this.entries.push(`memory forget ${each} ${db}`);
      for (const each of words.slice(1)) this.entries.push(`ring ended ${each} ${db}`);
    } else if (name === 'flushall') {
      this.up += text;
      this.entries.push('held clear', 'memory forget all', 'ring clear');
      this.relieves();
    } else if (name === 'config') {
      this.up += text;
      if (words[1].toUpperCase() === 'SET') this.relieves();
    } else if (name === 'persist') {
      this.up += text;
      this.held(words[1], multi ? `changed ${words[1]} 0` : `lives ${words[1]} ${Lifetime.NONE}`);
      this.entries.push(`memory persists ${words[1]} ${db}`);
      if (!multi) this.entries.push(`ring lives ${words[1]} ${db} ${Lifetime.NONE}`);
    } else if (name === 'pexpire' || name === 'expire') {
      this.up += text;
      const number = Math.max(0, readPositive(words[2]));
      this.expires(words[1], name === 'expire' ? number * 1000 : number, words[3]?.toUpperCase());
    } else if (FACTS[name] === undefined) this.up += text;
    else this.write(name, FACTS[name], text, words);
  }

  /** The transaction has been executed, or not. */
  ended(executed: boolean): void {
    if (executed) this.up += this.waiting;
  }

  /** Of a transaction, EXEC counts. */
  private relieves(): void {
    this.reliefs = this.setting.multi ? 1 : this.reliefs + 1;
  }

  private held(name: string, what: string): void {
    if (ruleOf(name).budget) this.entries.push(`held ${what}`);
  }

  private expires(name: string, ms: number, option: string | undefined): void {
    const { db, multi } = this.setting;
    const surely = ms > 0 && !multi && option === undefined;
    this.held(name, surely ? `lives ${name} ${ms}` : `changed ${name} ${Lifetime.KEPT}`);
    if (option === undefined || option === 'NX' || option === 'LT') {
      const ifNone = option === undefined ? '' : ' if none';
      this.entries.push(
        ms > 0 ? `memory expires ${name} ${db} ${ms}${ifNone}` : `memory forget ${name} ${db}`,
      );
    }
    if (surely) this.entries.push(`ring lives ${name} ${db} ${ms}`);
  }

  private write(name: string, facts: Facts, text: string, words: readonly string[]): void {
    const { shedding, pieces, db, multi } = this.setting;
    const streams = pieces && words.some((word) => word.length >= LARGE);
    const pairs = name === 'mset';
    const names = pairs
      ? words.filter((_, i) => i % 2 === 1)
      : [words[name === 'lmove' || name === 'smove' ? 2 : 1]];
    const rules = names.map(ruleOf);
    const size = text.length;
    // Of one that streams, the rest was not known when it was decided.
    const known = streams ? knownOf(words) : size;
    if (shedding && facts.grows) {
      const low = rules.filter(({ priority }) => priority === Priority.LOW);
      const refused = low.find(({ observe }) => !observe);
      const by = refused ?? low.at(-1);
      if (by) this.entries.push(`shed ${by.slot} ${name} ${known} ${refused === undefined}`);
      if (refused) return;
    }
    if (streams) this.promised += known;
    const bytesOf = (i: number): number =>
      pairs && (streams || names.length > 1)
        ? cmd(names[i], words[2 * i + 2] ?? '').length - '*2\r\n'.length
        : size;
    if (facts.grows) {
      this.growth += growthOf(size, names.length, words.length);
      for (const [i, { slot, limit }] of rules.entries()) {
        if (limit === undefined) continue;
        this.taken[slot] ??= [0, 0];
        this.taken[slot][0]++;
        this.taken[slot][1] += pairs ? bytesOf(i) : known;
      }
    }
    const verdict = this.verdict(name, facts, words, rules, streams);
    const changed = verdict.words;
    const isSame = changed.every((word, i) => word === words[i]) && changed.length === words.length;
    this.up += isSame ? text : cmd(...changed);
    if (verdict.persists) {
      this.held(names[0], `changed ${names[0]} ${Lifetime.KEPT}`);
      this.entries.push(`memory persists ${names[0]} ${db}`);
      if (!multi) this.entries.push(`ring lives ${names[0]} ${db} ${Lifetime.NONE}`);
    }
    const outcomes = verdict.outcomes ?? [];
    for (const [i, outcome] of outcomes.entries()) {
      const { slot, ttlMs, budget, evict } = rules[i];
      const bytes = bytesOf(i);
      const { replaces, ifMissing, lifetimeMs } = verdict;
      this.entries.push(`write ${slot} ${name} ${bytes} ${outcome} ${names[i]} ${db} ${multi}`);
      const string = facts.value === undefined ? undefined : words[2 * i + 1 + facts.value];
      const sizeClass =
        string !== undefined
          ? sizeClassOf(string.length)
          : ({ incr: INTEGER_CLASS, getex: 0 }[name] ?? SizeClass.OTHER);
      const follows = outcome === TtlOutcome.FOLLOW_UP;
      const effect = effectOf(outcome, replaces);
      const given = follows ? ttlMs : lifetimeMs;
      this.entries.push(`memory note ${slot} ${effect} ${given} ${sizeClass} ${ifMissing} ${names[i]} ${db}`);
      const lives = lifetimeBehind(outcome, replaces, lifetimeMs, ttlMs);
      if (budget !== undefined) {
        if (string !== undefined) {
          this.entries.push(`held replaced ${names[i]} ${streams ? bytes : string.length} ${lives}`);
        } else if (facts.grows && !facts.inside)
          this.entries.push(`held grown ${names[i]} ${bytes} ${lives}`);
        else this.entries.push(`held changed ${names[i]} ${lives}`);
      }
      if (evict) this.entries.push(`ring written ${slot} ${names[i]} ${db} ${sizeClass} ${lives}`);
      if (!follows) continue;
      const followUp = cmd('PEXPIRE', names[i], ttlMs, 'NX');
      if (multi) this.waiting += followUp;
      else this.up += followUp;
    }
  }

  private verdict(
    name: string,
    facts: Facts,
    words: readonly string[],
    rules: readonly Rule[],
    streams: boolean,
  ): Judged {
    const [rule] = rules;
    const replaces = facts.replaces === true;
    const found = { replaces, ifMissing: facts.ifMissing === true, lifetimeMs: 0, persists: false, words };
    const kept = (each: Rule) => this.keptOutcome(each);
    if (name === 'mset') {
      if (words.length % 2 === 0) return found;
      return { ...found, outcomes: rules.map((each) => this.followUpOutcome(each)) };
    }
    if (name === 'setnx' || name === 'getset') return { ...found, outcomes: [this.followUpOutcome(rule)] };
    if (facts.inside) return { ...found, outcomes: [TtlOutcome.KEPT] };
    if (facts.creates) return { ...found, outcomes: [rule.applyToAll ? kept(rule) : TtlOutcome.KEPT] };
    if (name === 'setex' || name === 'psetex') {
      return { ...found, ...this.expiry(words, 2, name === 'setex' ? 'EX' : 'PX', rule, false, true) };
    }
    const from = name === 'set' ? 3 : 2;
    const options = readOptions(words.slice(from), name === 'getex');
    if (name === 'getex') {
      if (options.keeps) return { ...found, persists: true };
      return options.unit === ''
        ? found
        : { ...found, ...this.expiry(words, from + options.at, options.unit, rule, false, true) };
    }
    const changed = streams ? this.cutOnTheWay(words, from, rule) : words;
    if (options.malformed) return { ...found, words: changed };
    const state = { ...found, ifMissing: options.ifMissing, replaces: !options.ifMissing && !options.keeps };
    if (options.keeps) return { ...state, outcomes: [kept(rule)] };
    if (options.unit !== '') {
      const once = words.slice(from).filter((word) => word.toUpperCase() === options.unit).length === 1;
      const result = this.expiry(words, from + options.at, options.unit, rule, streams, once);
      return { ...state, ...result, words: streams ? changed : result.words };
    }
    if (streams && words.length > 3) return { ...state, outcomes: [this.followUpOutcome(rule)] };
    if (!gives(rule)) return { ...state, outcomes: [TtlOutcome.WITHOUT_TTL] };
    if (rule.observe) return { ...state, outcomes: [TtlOutcome.WOULD_INJECT] };
    const injected = [...words, 'PX', String(rule.ttlMs)];
    return { ...state, outcomes: [TtlOutcome.INJECTED], lifetimeMs: rule.ttlMs, words: injected };
  }

  /** Of a value that streams, the options come one by one: each number is cut as it passes. */
  private cutOnTheWay(words: readonly string[], from: number, rule: Rule): readonly string[] {
    const options = words.slice(from);
    return words.map((word, i) => {
      const { at, unit, malformed } = readOptions(options.slice(0, i - from + 1), false);
      if (i < from || malformed || at !== i - from) return word;
      return this.expiry(words, i, unit, rule, true, true).words[i];
    });
  }

  /** The expiry at `index`. `streams`: its unit has gone up already. `once`: it stands there once. */
  private expiry(
    words: readonly string[],
    index: number,
    unit: string,
    rule: Rule,
    streams: boolean,
    once: boolean,
  ) {
    const number = readPositive(words[index]);
    if (number < 0) return { words };
    const absolute = unit.endsWith('AT');
    const scale = unit.startsWith('EX') ? 1000 : 1;
    const lifetimeMs = number * scale - (absolute ? NOW : 0);
    const { maxTtlMs, observe } = rule;
    const most = Math.max(1, Math.floor(maxTtlMs / scale));
    const isLong = maxTtlMs > 0 && (absolute ? lifetimeMs > maxTtlMs : number > most);
    if (!isLong || (absolute && !once && !streams))
      return { words, lifetimeMs, outcomes: [TtlOutcome.HAD_TTL] };
    if (observe) return { words, lifetimeMs, outcomes: [TtlOutcome.WOULD_CLAMP] };
    const changed = [...words];
    changed[index] = String(absolute ? (streams ? NOW / scale + most : maxTtlMs) : most);
    if (absolute && !streams) changed[index - 1] = 'PX';
    const cut = absolute ? maxTtlMs : most * scale;
    return { words: changed, lifetimeMs: cut, outcomes: [TtlOutcome.CLAMPED] };
  }

  private keptOutcome(rule: Rule): TtlOutcome {
    if (!gives(rule) || !this.setting.followUps) return TtlOutcome.KEPT;
    return rule.observe ? TtlOutcome.WOULD_INJECT : TtlOutcome.FOLLOW_UP;
  }

  private followUpOutcome(rule: Rule): TtlOutcome {
    return gives(rule) && this.setting.followUps ? this.keptOutcome(rule) : TtlOutcome.WITHOUT_TTL;
  }
}

/** The bytes of a command up to the end of its first large argument. */
function knownOf(words: readonly string[]): number {
  const large = words.findIndex((word) => word.length >= LARGE);
  return cmd(...words.slice(0, large + 1)).length - String(large + 1).length + String(words.length).length;
}

const { INJECTED, CLAMPED, HAD_TTL, FOLLOW_UP, WOULD_CLAMP } = TtlOutcome;
const EXPIRIES: readonly TtlOutcome[] = [CLAMPED, HAD_TTL, WOULD_CLAMP];

function effectOf(outcome: TtlOutcome, replaces: boolean): TtlEffect {
  if (outcome === INJECTED) return TtlEffect.OWN;
  if (EXPIRIES.includes(outcome)) return TtlEffect.GIVEN;
  if (outcome === FOLLOW_UP) return replaces ? TtlEffect.OWN : TtlEffect.OWN_IF_NONE;
  return replaces ? TtlEffect.NONE : TtlEffect.KEPT;
}

function lifetimeBehind(outcome: TtlOutcome, replaces: boolean, ownMs: number, ruleMs: number): number {
  if (outcome === INJECTED || EXPIRIES.includes(outcome)) return ownMs;
  if (outcome === FOLLOW_UP) return replaces ? ruleMs : -ruleMs;
  return replaces ? Lifetime.NONE : Lifetime.KEPT;
}

/** The same commands through a session. */
function play(
  setting: Setting,
  texts: readonly string[],
  seed: number,
): Books & { replies: string; commands: number } {
  const { pieces, shedding, multi, followUps, db } = setting;
  const entries: string[] = [];
  const nameAt = (buf: Uint8Array, start: number, end: number, hash?: number): string => {
    if (hash !== undefined && hash !== hashKey(buf, start, end)) entries.push('another hash');
    return Buffer.from(buf.slice(start, end)).toString('latin1');
  };
  const memory = new KeyMemory(() => 0);
  memory.note = (slot, effect, ttlMs, size, ifMissing, buf, start, end, hash, db) =>
    entries.push(
      `memory note ${slot} ${effect} ${ttlMs} ${size} ${ifMissing} ${nameAt(buf, start, end, hash)} ${db}`,
    );
  memory.forget = (buf, start, end, hash, db) =>
    entries.push(`memory forget ${nameAt(buf, start, end, hash)} ${db}`) < 0;
  memory.forgetAll = () => entries.push('memory forget all');
  memory.persists = (buf, start, end, hash, db) =>
    entries.push(`memory persists ${nameAt(buf, start, end, hash)} ${db}`);
  memory.expires = (ms, ifNone, buf, start, end, hash, db) =>
    entries.push(`memory expires ${nameAt(buf, start, end, hash)} ${db} ${ms}${ifNone ? ' if none' : ''}`);
  const held: HeldKeys = {
    replaced: (buf, start, end, hash, bytes, ms) =>
      entries.push(`held replaced ${nameAt(buf, start, end, hash)} ${bytes} ${ms}`),
    grown: (buf, start, end, hash, bytes, ms) =>
      entries.push(`held grown ${nameAt(buf, start, end, hash)} ${bytes} ${ms}`),
    changed: (buf, start, end, hash, ms) =>
      entries.push(`held changed ${nameAt(buf, start, end, hash)} ${ms}`),
    lives: (buf, start, end, hash, ms) => entries.push(`held lives ${nameAt(buf, start, end, hash)} ${ms}`),
    ended: (buf, start, end, hash) => entries.push(`held ended ${nameAt(buf, start, end, hash)}`),
    clear: () => entries.push('held clear'),
  };
  const { session, context, upstream, client, gate, observer } = makeSession({
    ...{ rules: ALL_RULES, shedding, followUps, keys: memory },
    // Less than a large value: no write is held until it is whole.
    lookaheadBytes: pieces ? LARGE / 2 : 1024 * 1024,
    evictable: {
      written: (slot, buf, start, end, hash, db, size, ms) =>
        entries.push(`ring written ${slot} ${nameAt(buf, start, end, hash)} ${db} ${size} ${ms}`),
      ended: (buf, start, end, hash, db) => entries.push(`ring ended ${nameAt(buf, start, end, hash)} ${db}`),
      lives: (buf, start, end, hash, db, ms) =>
        entries.push(`ring lives ${nameAt(buf, start, end, hash)} ${db} ${ms}`),
      clear: () => entries.push('ring clear'),
    },
  });
  let promised = 0;
  const promise = gate.promise.bind(gate);
  gate.promise = (bytes) => {
    promised += bytes;
    promise(bytes);
  };
  const { quotas } = context.policy;
  const budgeted = quotas.of(7);
  if (budgeted !== undefined) budgeted.keys = held;
  observer.onWrite = (slot, { name }, bytes, outcome, buf, start, end, hash, db, inMulti) =>
    entries.push(
      `write ${slot} ${name} ${bytes} ${outcome} ${nameAt(buf, start, end, hash)} ${db} ${inMulti}`,
    );
  observer.onShed = (slot, { name }, bytes, _refusal, observed) =>
    entries.push(`shed ${slot} ${name} ${bytes} ${observed}`);
  const server = new ScriptedRedis({});
  const serve = (): void => {
    const replies = server.receive(upstream.take());
    if (replies.length > 0) lend(replies, (bytes) => session.fromUpstream(bytes));
  };
  session.fromClient(Buffer.from(cmd('PING') + cmd('SELECT', db) + (multi ? cmd('MULTI') : '')));
  serve();
  const before = { up: upstream.all().length, seen: client.all().length };
  const sent = Buffer.from(texts.join(''), 'latin1');
  const way = randomWay(seed, LARGE / 2);
  for (let at = 0; at < sent.length; ) {
    const to = pieces ? Math.min(sent.length, at + way.clientPiece()) : sent.length;
    lend(sent.subarray(at, to), (bytes) => session.fromClient(bytes));
    at = to;
    if (typeof way.turns === 'function' && way.turns() < 0.3) serve();
  }
  serve();
  serve();
  const taken: Record<number, [number, number]> = {};
  for (const { slot, writes, bytes } of quotas.all) {
    const used: [number, number] = [1e6 - (writes?.tokens ?? 0), 1e9 - (bytes?.tokens ?? 0)];
    if (used[0] > 0) taken[slot] = used;
  }
  if (!session.idle || gate.answered !== gate.admitted || gate.promised !== 0) entries.push('left under way');
  if (gate.reliefsAnswered !== gate.reliefs) entries.push('a relief without an answer');
  session.close();
  if (session.fault !== undefined) throw session.fault;
  return {
    ...{ entries, taken, growth: gate.admitted, reliefs: gate.reliefs, promised },
    up: upstream.all().slice(before.up),
    replies: client.all().slice(before.seen),
    commands: context.counters.commands - (multi ? 3 : 2),
  };
}

t.test(
  'what a session counts, notes and sends up is what a plain model says',
  { timeout: 120_000 },
  async () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(words, fc.boolean()), { minLength: 1, maxLength: 12 }),
        fc.record({
          pieces: fc.boolean(),
          shedding: fc.boolean(),
          multi: fc.boolean(),
          followUps: fc.boolean(),
          db: fc.nat(3),
        }),
        fc.integer(),
        (commands, drawn, seed) => {
          const setting = { ...drawn, shedding: drawn.shedding && !drawn.multi };
          // Its later keys would not be known in time.
          const isLate = setting.pieces && setting.shedding;
          const model = new Model(setting);
          let refused = false;
          const texts = commands.map(([drawnWords, inline]) => {
            const cut = isLate && drawnWords[0] === 'MSET';
            // The laboratory's server does not refuse what it does not know.
            const known = setting.shedding
              ? drawnWords.map((word) => word.replace('RPUSHX', 'RPUSH'))
              : drawnWords;
            const all = cut ? known.map((word) => word.slice(0, 300)) : known;
            const text =
              inline && all.every((word) => word.length > 0 && word.length < 300)
                ? `${all.join(' ')}\r\n`
                : cmd(...all);
            model.command(text, all);
            refused ||= FOREIGN.includes(all[0].toUpperCase()) || (all[0] === 'SETNX' && all.length !== 3);
            return text;
          });
          if (setting.multi) {
            texts.push(cmd('EXEC'));
            model.up += cmd('EXEC');
            model.ended(!refused);
          }
          const seen = play(setting, texts, seed);
          const compare = (what: string, is: unknown, should: unknown): void => {
            const [a, b] = [JSON.stringify(is), JSON.stringify(should)];
            if (a !== b) throw new Error(`${what}:\n${a}\nnot\n${b}`.replace(/([vV])\1{50,}/g, '$1…'));
          };
          compare('sent up', seen.up, model.up);
          compare('entries', seen.entries, model.entries);
          compare('growth', seen.growth, model.growth);
          compare('reliefs', seen.reliefs, model.reliefs);
          compare('promised', seen.promised, model.promised);
          compare('taken', seen.taken, model.taken);
          compare('commands', seen.commands, texts.length);
          // The memory here forgets at once, so a TTL of a rule is not lent to PEXPIRE … NX, which is session-ttl.test.ts's.
          if (commands.some(([[name, , , option]]) => name === 'PEXPIRE' && option !== undefined)) return;
          const full = (name: string): boolean => setting.shedding && name.startsWith('low:');
          const direct = new ScriptedRedis({ full });
          direct.receive(Buffer.from(cmd('SELECT', setting.db) + (setting.multi ? cmd('MULTI') : '')));
          compare(
            'replies',
            seen.replies,
            direct.receive(Buffer.from(texts.join(''), 'latin1')).toString('latin1'),
          );
        },
      ),
      { numRuns: RUNS },
    );
  },
);
