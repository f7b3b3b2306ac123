// A laboratory for sessions: a Session between a client that sends bytes and a small scripted Redis, without I/O.
// run() plays a scenario in one way of cutting and interleaving bytes; everyWay() plays it in many and insists that
// all have the same outcome; direct() plays it without Spillway in between, which is what a client should see.
// The server here is a second, independent reading of RESP and of Redis's connection state; its own tests are below.
import { defaultCommandTable } from '../../src/core/commands/table.js';
import type { EvictableKeys } from '../../src/core/policy/evictable-keys.js';
import type { KeyMemory } from '../../src/core/policy/key-memory.js';
import {
  FollowUpReply,
  OwnTtlChange,
  type TrafficObserver,
  TtlOutcome,
} from '../../src/core/policy/observer.js';
import { Policy } from '../../src/core/policy/policy.js';
import { Quotas } from '../../src/core/policy/quota.js';
import { Priority, type Rule } from '../../src/core/policy/rule.js';
import { RuleSet } from '../../src/core/policy/rule-set.js';
import { ALL, ShedGate } from '../../src/core/policy/shed.js';
import { EXPIRE_BY_SCRIPT, EXPIRE_NX } from '../../src/core/resp/encode.js';
import { checks } from '../../src/core/resp/invariant.js';
import type { Switchboard } from '../../src/core/session/pooling/placement.js';
import { SILENT } from '../../src/core/session/reply/reply-sequencer.js';
import type { Lender } from '../../src/core/session/request/held-bytes.js';
import { Session } from '../../src/core/session/session.js';
import type { SessionContext } from '../../src/core/session/session-context.js';

checks.thorough = true;

export const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
export const NOW = 1_700_000_000_000;

/** Hands bytes over as a socket does: they are gone as soon as the call returns. */
export function lend<T>(bytes: Uint8Array, take: (bytes: Uint8Array) => T): T {
  const lent = Buffer.from(bytes);
  const result = take(lent);
  lent.fill('~');
  return result;
}

/** Memory that is spoiled when it is given back. */
export const SPOILED: Lender = {
  isShort: false,
  lend(_, wanted) {
    const bytes = Buffer.allocUnsafe(wanted);
    return { bytes, end: () => bytes.fill('~') };
  },
};

/** Encodes one command; numbers and Latin-1 strings. */
export function cmd(...args: (string | number)[]): string {
  return `*${args.length}\r\n${args.map((arg) => bulk(String(arg))).join('')}`;
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const array = (items: readonly string[], type = '*'): string => `${type}${items.length}\r\n${items.join('')}`;
export const OK = '+OK\r\n';
const SYNTAX = '-ERR syntax error\r\n';
const KINDS = { '': 0, p: 1, s: 2 } as const;
const WRITES = new Set([
  ...['set', 'setnx', 'setex', 'psetex', 'getset', 'mset', 'incr', 'append', 'rpush', 'hset', 'lmove'],
]);
const READS = new Set(['get', 'getrange', 'lrange', 'hgetall', 'pttl']);
const MOVERS = new Set(['lmove']);
const SUBSCRIPTIONS = ['', 'p', 's'].flatMap((kind) => [`${kind}subscribe`, `${kind}unsubscribe`]);
/** All that it knows: any other name is an unknown command. */
const KNOWN = new Set([
  ...WRITES,
  ...SUBSCRIPTIONS,
  ...[
    'ping',
    'echo',
    'get',
    'getrange',
    'getex',
    'del',
    'pexpire',
    'pttl',
    'bitfield',
    'info',
    'proxy',
    'eval',
    'lrange',
    'hgetall',
  ],
  ...['move', 'copy', 'swapdb'],
  ...['multi', 'exec', 'discard', 'watch', 'unwatch', 'auth', 'hello', 'client', 'select', 'acl', 'reset'],
  ...['monitor', 'quit', 'asking', 'wait', 'sync', 'psync'],
]);
/** The type that a command wants its first key to be of. */
const TYPES: Record<string, Type> = {
  ...{ get: 'string', getex: 'string', getset: 'string', incr: 'string', append: 'string' },
  ...{ hset: 'hash', hgetall: 'hash', rpush: 'list', lrange: 'list', lmove: 'list' },
};
type Type = 'string' | 'hash' | 'list';
const HELLO_NOAUTH =
  '-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n';
const NO_PASSWORD =
  '-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n';
const NO_CACHING =
  '-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled\r\n';
const NO_OPT_IN = '-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.\r\n';
const NO_LONGER_ALLOWED =
  '-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: no permission to execute the command or subcommand\r\n';
const WRONG_TYPE = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n';
const ARITY: Record<string, number> = {
  ...{ set: -3, setnx: 3, setex: 4, psetex: 4, getset: 3, mset: -3, incr: 2, append: 3, rpush: -3 },
  ...{ auth: -2, hello: -1, subscribe: -2, psubscribe: -2, ssubscribe: -2, client: -2 },
  ...{ hset: -4, lmove: 5, get: 2, getex: -2, del: -2, exec: 1, multi: 1, discard: 1, pexpire: -3, echo: 2 },
};

export interface ServerOptions {
  /** Answer NOAUTH until `AUTH secret`. */
  readonly password?: boolean;
  /** Commands that any user but "admin" may not run, lower case. */
  readonly denied?: readonly string[];
  /** Refuse writes to these keys with OOM: what Spillway is to do in its place. */
  readonly full?: (key: string, db: number, user: string) => boolean;
  /** The TTL that each key is to have that is written in this database by this user and has none: what rules are to do. */
  readonly promise?: ((key: string, db: number, user: string) => number) | undefined;
  /** … and scripts that name them. */
  readonly fullForScripts?: boolean;
  /** Bytes between the replies, before that to this command: messages and pushes. */
  readonly noise?: (args: readonly string[], server: ScriptedRedis) => string;
  /** Answers PROXY as Spillway's console is to: to whoever may run INFO, and not in a transaction. */
  readonly console?: boolean;
  /**
   * Says nothing of an AUTH that fails while replies wait to be sent, as Redis from 7.2 on; in EXEC they always do. With
   * a list: in EXEC, and of the others just of these, counted from 0.
   */
  readonly losesAuthErrors?: boolean | readonly number[] | undefined;
  /** An empty command does not use CLIENT REPLY SKIP up, as with Redis 8. */
  readonly emptyKeepsSkip?: boolean;
  /** Keys of slots that are on their way here: they are to be had behind ASKING only. */
  readonly importing?: (key: string) => boolean;
  /** PEXPIRE takes no NX. */
  readonly before7?: boolean;
  /** EXEC answers nil, as if a watched key had changed. */
  readonly watchFails?: boolean;
}

const DATABASES = 16;

function isDatabase(text: string | undefined): boolean {
  return text !== undefined && /^\d+$/.test(text) && Number(text) < DATABASES;
}

/** What one database holds. */
class Database {
  readonly values = new Map<string, string>();
  readonly ttls = new Map<string, number>();
  /** Those of the values that are one. */
  readonly hashes = new Map<string, Map<string, string>>();
  readonly lists = new Map<string, string[]>();

  typeOf(key: string): Type | undefined {
    if (this.hashes.has(key)) return 'hash';
    if (this.lists.has(key)) return 'list';
    return this.values.has(key) ? 'string' : undefined;
  }

  /** `key` was written: what it is worth is shown by its length. */
  grown(key: string, length: number): void {
    this.values.set(key, `${length} more`);
  }

  /** The key is gone, or about to be another one. */
  drop(key: string): boolean {
    this.ttls.delete(key);
    this.hashes.delete(key);
    this.lists.delete(key);
    return this.values.delete(key);
  }
}

/** What all connections to one server see. */
export class Store {
  /** The default user needs a password now; undefined: as the options of the server say. */
  wantsPassword: boolean | undefined;
  readonly databases = Array.from({ length: DATABASES }, () => new Database());

  /** The keys of all databases, as `1 key`, with their TTLs; 0: none. */
  get lifetimes(): Record<string, number> {
    const all = this.databases.flatMap(({ values, ttls }, db) =>
      [...values.keys()].map((key) => [`${db} ${key}`, ttls.get(key) ?? 0] as const),
    );
    return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

const NOTHING = Buffer.alloc(0);

/** One connection's worth of Redis: commands in, replies out. */
export class ScriptedRedis {
  readonly commands: string[][] = [];
  resp = 2;
  private db = 0;
  private name = '';
  closed = false;
  private input = '';
  /** With fewer characters than these, `input` holds no whole command. */
  private wanted = 1;
  private output = '';
  private user = 'default';
  private authenticated: boolean;
  private queued: string[][] | undefined;
  /** The database that the open transaction asks for: refused, it is never executed. */
  private queuedDb: number | undefined;
  private dirty = false;
  /** CLIENT REPLY, as networking.c has it: replies are off; or to this command; or to the next one. */
  private off = false;
  private skip = false;
  private skipNext = false;
  private monitoring = false;
  /** The command under way was not refused. */
  private ran = false;
  private executing = false;
  /** Of a reply that is kept back what is sent all the same: confirmations of subscriptions (networking.c, CLIENT_PUSHING). */
  private unsilenced = '';
  private tracking = false;
  private asked = false;
  private failedLogins = 0;
  /** Of the logins that failed outside EXEC those that were not answered. */
  readonly lostLogins: number[] = [];
  private readonly subscribed = [new Set<string>(), new Set<string>(), new Set<string>()];

  constructor(
    private readonly options: ServerOptions,
    private readonly store = new Store(),
  ) {
    this.authenticated = !this.wantsPassword;
  }

  private get wantsPassword(): boolean {
    return this.store.wantsPassword ?? this.options.password === true;
  }

  /** Of the database that is selected. */
  get values(): Map<string, string> {
    return this.database.values;
  }

  get ttls(): Map<string, number> {
    return this.database.ttls;
  }

  private get database(): Database {
    return this.store.databases[this.db];
  }

  get subscriptions(): number {
    return this.subscribed.reduce((sum, { size }) => sum + size, 0);
  }

  /** Takes bytes, returns what it answers. */
  receive(bytes: Buffer): Buffer {
    this.input += bytes.toString('latin1');
    if (this.input.length < this.wanted) return NOTHING;
    this.wanted = 1;
    for (let args = this.read(); args !== undefined; args = this.read()) {
      if (args.length > 0) this.handle(args);
      else if (!this.options.emptyKeepsSkip) this.skip = false;
    }
    const out = this.output;
    this.output = '';
    return Buffer.from(out, 'latin1');
  }

  /**
   * What it sends unasked when something happens that its client wants to know of, told by `text`; nothing where it
   * wants to know of nothing. `choice`: 0 to 1.
   */
  tell(text: string, choice: number): string {
    const type = this.resp === 3 ? '>' : '*';
    const told: string[] = [];
    const [[channel], [pattern], [shard]] = this.subscribed;
    if (channel !== undefined) told.push(array([bulk('message'), bulk(channel), bulk(text)], type));
    if (pattern !== undefined)
      told.push(array([bulk('pmessage'), bulk(pattern), bulk('c'), bulk(text)], type));
    if (shard !== undefined) told.push(array([bulk('smessage'), bulk(shard), bulk(text)], type));
    if (this.tracking && this.resp === 3) told.push(array([bulk('invalidate'), array([bulk(text)])], type));
    return this.closed ? '' : (told[Math.floor(choice * told.length)] ?? '');
  }

  private read(): string[] | undefined {
    if (this.closed || this.input === '') return undefined;
    if (this.input[0] !== '*') {
      const end = this.input.indexOf('\n');
      if (end < 0) return undefined;
      const words = this.input.slice(0, end).trim();
      this.input = this.input.slice(end + 1);
      return words === '' ? [] : words.split(/\s+/).map((word) => word.replace(/^"(.*)"$/, '$1'));
    }
    let at = this.input.indexOf('\r\n');
    if (at < 0) return undefined;
    const count = this.number(1, at);
    at += 2;
    const args: string[] = [];
    while (args.length < count) {
      if (this.input.length === at) return undefined;
      if (this.input[at] !== '$') return this.refuseBytes(`expected '$', got '${this.input[at]}'`);
      const line = this.input.indexOf('\r\n', at);
      if (line < 0) return undefined;
      const length = this.number(at + 1, line);
      if (!(length >= 0)) return this.refuseBytes('invalid bulk length');
      const next = line + 2 + length + 2;
      if (this.input.length < next) {
        this.wanted = next;
        return undefined;
      }
      args.push(this.input.slice(line + 2, next - 2));
      at = next;
    }
    this.input = this.input.slice(at);
    return args;
  }

  private number(from: number, to: number): number {
    const text = this.input.slice(from, to);
    return /^(-?[1-9]\d*|0)$/.test(text) ? Number(text) : Number.NaN;
  }

  private refuseBytes(what: string): undefined {
    this.closed = true;
    this.output += `-ERR Protocol error: ${what}\r\n`;
    return undefined;
  }

  private handle(args: string[]): void {
    this.commands.push(args);
    this.output += this.options.noise?.(args, this) ?? '';
    const asked = this.asked;
    this.say(this.answer(args));
    // networking.c, resetClient.
    if (args[0].toLowerCase() === 'asking') this.asked = true;
    else if (asked && this.queued === undefined) this.asked = false;
    this.skip = this.skipNext;
    this.skipNext = false;
    if (this.monitoring && this.ran && args[0].toLowerCase() !== 'monitor')
      this.output += `+1.0 [0 here] "${args[0]}"\r\n`;
  }

  /** Sends a reply, or the part of one that is there by now: what was kept back at its time never comes. */
  private say(reply: string): void {
    this.output += this.off || this.skip ? this.unsilenced : reply;
    this.unsilenced = '';
  }

  /** Runs a command, and gives the keys that it has written what they were promised. */
  private execute(name: string, args: string[]): string {
    const reply = this.executeBare(name, args);
    const { promise } = this.options;
    if (promise === undefined || !WRITES.has(name)) return reply;
    for (const key of this.keysOf(name, args)) {
      const ttl = promise(key, this.db, this.user);
      if (ttl > 0 && this.values.has(key) && !this.ttls.has(key)) this.ttls.set(key, ttl);
    }
    return reply;
  }

  /** In the order of refusals of processCommand(). */
  private answer(args: string[]): string {
    const name = args[0].toLowerCase();
    const refused = this.refusal(name, args);
    if (this.queued === undefined) this.queuedDb = undefined;
    else if (name === 'select' && isDatabase(args[1])) this.queuedDb = Number(args[1]);
    this.ran = refused === undefined;
    if (refused !== undefined && name === 'exec') {
      this.queued = undefined;
      return `-EXECABORT Transaction discarded because of: ${refused.replace(/^-(ERR )?/, '')}`;
    }
    if (refused !== undefined) {
      if (this.queued !== undefined) this.dirty = true;
      return refused;
    }
    const immediate = ['multi', 'exec', 'discard', 'watch', 'reset', 'quit'].includes(name);
    if (this.queued !== undefined && !immediate) {
      this.queued.push(args);
      return '+QUEUED\r\n';
    }
    return this.execute(name, args);
  }

  private refusal(name: string, args: string[]): string | undefined {
    if (!KNOWN.has(name) || (name === 'proxy' && !this.options.console)) return unknownCommand(args);
    const arity = name === 'pexpire' && this.options.before7 ? 3 : (ARITY[name] ?? -1);
    if (arity < 0 ? args.length < -arity : args.length !== arity) {
      return `-ERR wrong number of arguments for '${name}' command\r\n`;
    }
    if (!this.authenticated && this.wantsPassword && !['auth', 'hello', 'reset', 'quit'].includes(name)) {
      return '-NOAUTH Authentication required.\r\n';
    }
    if (name === 'proxy' && this.options.console) {
      if (this.queued !== undefined) return '-ERR Command not allowed inside a transaction\r\n';
      return this.refusal('info', args);
    }
    if (this.user !== 'admin' && this.options.denied?.includes(name))
      return `-NOPERM this user has no permissions to run the '${name}' command\r\n`;
    const { importing } = this.options;
    if (!this.asked && importing !== undefined && (WRITES.has(name) || ['pexpire', 'eval'].includes(name))) {
      const moved = this.keysOf(name, args).some(importing);
      if (moved) return '-MOVED 1 127.0.0.1:1\r\n';
    }
    if (
      (WRITES.has(name) || name === 'copy' || (name === 'eval' && this.options.fullForScripts)) &&
      !MOVERS.has(name) &&
      this.keysOf(name, args).some((key) => this.options.full?.(key, this.targetDb(name, args), this.user))
    ) {
      return OOM;
    }
    if (this.monitoring && (WRITES.has(name) || READS.has(name)))
      return "-ERR Replica can't interact with the keyspace\r\n";
    const allowed = ['subscribe', 'unsubscribe', 'ping', 'quit', 'reset'];
    const bare = name.replace(/^[ps](?=(un)?subscribe$)/, '');
    if (this.resp === 2 && this.subscriptions > 0 && !allowed.includes(bare)) {
      const full = name === 'client' ? `client|${args[1].toLowerCase()}` : name;
      return `-ERR Can't execute '${full}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n`;
    }
    return undefined;
  }

  /** Where the keys will be that it writes. */
  private targetDb(name: string, args: string[]): number {
    const at = name === 'copy' ? args.findIndex((word) => word.toUpperCase() === 'DB') : -1;
    return at > 0 ? Number(args[at + 1]) : ((this.queued && this.queuedDb) ?? this.db);
  }

  private keysOf(name: string, args: string[]): string[] {
    if (name === 'copy') return [args[2]];
    if (name === 'eval') return args.slice(3, 3 + Number(args[2]));
    return name === 'mset' ? args.filter((_, i) => i % 2 === 1) : [args[1]];
  }

  private executeBare(name: string, args: string[]): string {
    const [, first = '', second = ''] = args;
    const { values, ttls, database } = this;
    const type = database.typeOf(first);
    if (type !== undefined && TYPES[name] !== undefined && TYPES[name] !== type) return WRONG_TYPE;
    switch (name) {
      case 'ping':
        return this.resp === 2 && this.subscriptions > 0 ? array([bulk('pong'), bulk('')]) : '+PONG\r\n';
      case 'echo':
        return bulk(first);
      case 'get':
        return this.valueOf(first);
      case 'getrange':
        // As if every value were as long as that.
        return bulk('v'.repeat(Number(args[3])));
      case 'getex':
        if (args.length > 3 && values.has(first)) ttls.set(first, Number(args[3]));
        return this.valueOf(first);
      case 'del':
        return `:${args.slice(1).filter((key) => database.drop(key)).length}\r\n`;
      case 'set':
        return this.set(args);
      case 'setnx':
        return values.has(first) ? ':0\r\n' : `:${this.put(first, second)}\r\n`;
      case 'setex':
      case 'psetex':
        this.put(first, args[3]);
        ttls.set(first, Number(second) * (name === 'setex' ? 1000 : 1));
        return OK;
      case 'getset': {
        const before = this.valueOf(first);
        this.put(first, second);
        return before;
      }
      case 'mset':
        if (args.length % 2 === 0) return "-ERR wrong number of arguments for 'mset' command\r\n";
        for (let i = 1; i < args.length; i += 2) this.put(args[i], args[i + 1]);
        return OK;
      case 'incr':
        values.set(first, String(Number(values.get(first) ?? 0) + 1));
        return `:${values.get(first)}\r\n`;
      case 'append':
        values.set(first, (values.get(first) ?? '') + second);
        return `:${values.get(first)?.length}\r\n`;
      case 'rpush': {
        const list = database.lists.get(first) ?? [];
        list.push(...args.slice(2));
        database.lists.set(first, list);
        database.grown(first, list.length);
        return `:${list.length}\r\n`;
      }
      case 'hset': {
        if (args.length % 2 === 1) return "-ERR wrong number of arguments for 'hset' command\r\n";
        const hash = database.hashes.get(first) ?? new Map<string, string>();
        const { size } = hash;
        for (let i = 2; i < args.length; i += 2) hash.set(args[i], args[i + 1]);
        database.hashes.set(first, hash);
        database.grown(first, hash.size);
        return `:${hash.size - size}\r\n`;
      }
      case 'lmove':
        return this.move(args);
      case 'pexpire':
        if (!values.has(first) || (args[3] === 'NX' && ttls.has(first))) return ':0\r\n';
        ttls.set(first, Number(second));
        return ':1\r\n';
      case 'watch':
        return this.queued === undefined ? OK : '-ERR WATCH inside MULTI is not allowed\r\n';
      case 'wait':
        return ':0\r\n';
      case 'pttl':
        return `:${values.has(first) ? (ttls.get(first) ?? -1) : -2}\r\n`;
      case 'bitfield':
        // Of a key without a value.
        return array(args.filter((word) => word.toLowerCase() === 'get').map(() => ':0\r\n'));
      case 'info':
        return this.resp === 3 ? '=4\r\ntxt:\r\n' : '$0\r\n\r\n';
      case 'proxy':
        return consoleAnswer(args.slice(1), this.resp);
      case 'eval':
        if (first.includes('PEXPIRE')) return this.expireByScript(args[3], args[4]);
        // The script is the text of the error that it raises.
        return `-${first}\r\n`;
      case 'lrange':
        return array([bulk('message'), bulk('x'), bulk('y')]);
      case 'hgetall':
        return array([bulk('f'), bulk('v')].slice(0, 2), this.resp === 3 ? '%' : '*').replace('%2', '%1');
      case 'multi':
        if (this.queued !== undefined) return '-ERR MULTI calls can not be nested\r\n';
        this.queued = [];
        this.dirty = false;
        return OK;
      case 'exec':
        return this.exec();
      case 'discard':
        if (this.queued === undefined) return '-ERR DISCARD without MULTI\r\n';
        this.queued = undefined;
        return OK;
      case 'auth':
        if (args.length > 2) return this.auth(second, first);
        return this.wantsPassword ? this.auth(first, 'default') : NO_PASSWORD;
      case 'hello':
        return this.hello(args);
      case 'client':
        return this.client(first.toUpperCase(), second);
      case 'select': {
        if (!/^\d+$/.test(first)) return '-ERR value is not an integer or out of range\r\n';
        if (!isDatabase(first)) return '-ERR DB index is out of range\r\n';
        this.db = Number(first);
        return OK;
      }
      case 'swapdb': {
        const { databases } = this.store;
        if (!isDatabase(first) || !isDatabase(second)) return '-ERR DB index is out of range\r\n';
        const [a, b] = [Number(first), Number(second)];
        [databases[a], databases[b]] = [databases[b], databases[a]];
        return OK;
      }
      case 'move':
        return this.carry(first, first, Number(second), false, true);
      case 'copy': {
        const words = args.map((word) => word.toUpperCase());
        const at = words.indexOf('DB');
        const db = at > 0 ? Number(args[at + 1]) : this.db;
        return this.carry(first, second, db, words.includes('REPLACE'), false);
      }
      case 'acl':
        return bulk(this.user);
      case 'reset':
        return this.reset();
      case 'monitor':
        this.monitoring = true;
        return OK;
      default:
        return this.pubsub(name, args.slice(1)) ?? OK;
    }
  }

  /** As the only script does that Spillway has; what it calls is refused in a script as it is outside. */
  private expireByScript(key: string, ttl: string): string {
    const refused = this.refusal('pttl', ['pttl', key]);
    if (refused !== undefined) return refused;
    if (!this.values.has(key) || this.ttls.has(key)) return ':0\r\n';
    const command = ['pexpire', key, ttl];
    return this.refusal('pexpire', command) ?? this.execute('pexpire', command);
  }

  private get null(): string {
    return this.resp === 3 ? '_\r\n' : '$-1\r\n';
  }

  private valueOf(key: string): string {
    const value = this.values.get(key);
    return value === undefined ? this.null : bulk(value);
  }

  private put(key: string, value: string): 1 {
    this.database.drop(key);
    this.values.set(key, value);
    return 1;
  }

  private set(args: string[]): string {
    const options = args.slice(3).map((option) => option.toUpperCase());
    if (!understoodBySet(options)) return SYNTAX;
    const [, key, value] = args;
    const get = options.includes('GET');
    const type = this.database.typeOf(key);
    if (get && type !== undefined && type !== 'string') return WRONG_TYPE;
    const before = this.valueOf(key);
    if (options.includes('NX') && this.values.has(key)) return get ? before : this.null;
    if (options.includes('XX') && !this.values.has(key)) return get ? before : this.null;
    if (options.includes('KEEPTTL')) this.values.set(key, value);
    else this.put(key, value);
    const unit = options.findIndex((option) => option === 'EX' || option === 'PX');
    if (unit >= 0) this.ttls.set(key, Number(options[unit + 1]) * (options[unit] === 'EX' ? 1000 : 1));
    return get ? before : OK;
  }

  /** MOVE or COPY: the key takes its TTL along. */
  private carry(from: string, to: string, db: number, replaces: boolean, moves: boolean): string {
    const target = this.store.databases[db];
    if (target === undefined) return '-ERR DB index is out of range\r\n';
    if (target === this.database && from === to)
      return '-ERR source and destination objects are the same\r\n';
    const value = this.values.get(from);
    if (value === undefined || (target.values.has(to) && !replaces)) return ':0\r\n';
    target.drop(to);
    target.values.set(to, value);
    const ttl = this.ttls.get(from);
    if (ttl !== undefined) target.ttls.set(to, ttl);
    if (moves) this.database.drop(from);
    return ':1\r\n';
  }

  private move([, from, to, off, on]: string[]): string {
    const { database } = this;
    const list = database.lists.get(from);
    if (list === undefined) return this.null;
    if ((database.typeOf(to) ?? 'list') !== 'list') return WRONG_TYPE;
    const item = (off.toUpperCase() === 'LEFT' ? list.shift() : list.pop()) ?? '';
    const other = database.lists.get(to) ?? [];
    if (on.toUpperCase() === 'LEFT') other.unshift(item);
    else other.push(item);
    database.lists.set(to, other);
    database.grown(to, other.length);
    if (list.length === 0) database.drop(from);
    else database.grown(from, list.length);
    return bulk(item);
  }

  private exec(): string {
    const queued = this.queued;
    if (queued === undefined) return '-ERR EXEC without MULTI\r\n';
    this.queued = undefined;
    if (this.dirty) return '-EXECABORT Transaction discarded because of previous errors.\r\n';
    if (this.options.watchFails) return this.resp === 3 ? '_\r\n' : '*-1\r\n';
    this.executing = true;
    // The head goes first: CLIENT REPLY in between keeps back, or lets through, what is behind it.
    this.say(`*${queued.length}\r\n`);
    for (const args of queued) {
      const name = args[0].toLowerCase();
      this.say(this.refusalInExec(name) ?? this.execute(name, args));
    }
    this.executing = false;
    return '';
  }

  /** What was queued may be refused after all: the user may be another one by now (multi.c, execCommand). */
  private refusalInExec(name: string): string | undefined {
    if (this.user !== 'admin' && this.options.denied?.includes(name)) return NO_LONGER_ALLOWED;
    if (!['ssubscribe', 'monitor'].includes(name)) return undefined;
    return `-ERR ${name.toUpperCase()} isn't allowed for ${name === 'monitor' ? '' : 'a '}DENY BLOCKING client\r\n`;
  }

  private auth(password: string, user: string): string {
    const needsNone = user === 'default' && !this.wantsPassword;
    if (password !== 'secret' && !needsNone) {
      const { losesAuthErrors = false } = this.options;
      if (losesAuthErrors !== false && this.executing) return '';
      const failed = this.failedLogins++;
      if (
        losesAuthErrors === true
          ? this.output !== ''
          : losesAuthErrors !== false && losesAuthErrors.includes(failed)
      ) {
        this.lostLogins.push(failed);
        return '';
      }
      return '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
    }
    this.authenticated = true;
    this.user = user;
    return OK;
  }

  private hello(args: string[]): string {
    if (args[1] !== undefined && args[1] !== '2' && args[1] !== '3')
      return '-NOPROTO unsupported protocol version\r\n';
    for (let at = 2; at < args.length; at++) {
      const option = args[at].toUpperCase();
      if (option === 'AUTH' && at + 2 < args.length) {
        const refused = this.auth(args[at + 2], args[at + 1]);
        if (refused !== OK) return refused;
        at += 2;
      } else if (option === 'SETNAME' && at + 1 < args.length) this.name = args[++at];
      else return `-ERR Syntax error in HELLO option '${args[at]}'\r\n`;
    }
    if (!this.authenticated) return HELLO_NOAUTH;
    if (args[1] !== undefined) this.resp = Number(args[1]);
    return `${this.resp === 3 ? '%1' : '*2'}\r\n${bulk('proto')}:${this.resp}\r\n`;
  }

  private client(what: string, word: string): string {
    const how = word.toUpperCase();
    if (what === 'SETNAME') this.name = word;
    if (what === 'TRACKING') this.tracking = how === 'ON';
    if (what === 'CACHING') return this.tracking ? NO_OPT_IN : NO_CACHING;
    if (what === 'GETNAME') return this.name === '' ? this.null : bulk(this.name);
    if (what !== 'REPLY') return OK;
    if (!['ON', 'OFF', 'SKIP'].includes(how)) return SYNTAX;
    if (how === 'SKIP') this.skipNext ||= !this.off;
    else this.off = how === 'OFF';
    if (how !== 'ON') return '';
    this.skip = false;
    return OK;
  }

  private reset(): string {
    this.queued = undefined;
    this.resp = 2;
    this.db = 0;
    this.name = '';
    this.off = false;
    this.skipNext = false;
    this.monitoring = false;
    this.tracking = false;
    this.user = 'default';
    this.authenticated = !this.wantsPassword;
    for (const names of this.subscribed) names.clear();
    return '+RESET\r\n';
  }

  private pubsub(name: string, names: string[]): string | undefined {
    const found = /^([ps]?)(un)?subscribe$/.exec(name);
    if (found === null) return undefined;
    const kind = KINDS[found[1] as keyof typeof KINDS];
    const set = this.subscribed[kind];
    const all = names.length > 0 || found[2] === undefined ? names : [...set];
    const confirm = (channel: string) => {
      const total = kind === 2 ? set.size : this.subscribed[0].size + this.subscribed[1].size;
      return array([bulk(name), channel, `:${total}\r\n`], this.resp === 3 ? '>' : '*');
    };
    const confirmations = all.map((channel) => {
      if (found[2] === undefined) set.add(channel);
      else set.delete(channel);
      return confirm(bulk(channel));
    });
    const reply = all.length === 0 ? confirm(this.null) : confirmations.join('');
    this.unsilenced += reply;
    return reply;
  }
}

/** As t_string.c, parseExtendedStringArgumentsOrReply, upper case; expiries are taken to be valid. */
function understoodBySet(options: readonly string[]): boolean {
  const seen = new Set<string>();
  for (let i = 0; i < options.length; i++) {
    const option = ['EX', 'PX', 'EXAT', 'PXAT'].includes(options[i]) ? 'expiry' : options[i];
    if (option === 'expiry' && options[++i] === undefined) return false;
    if (!['NX', 'XX', 'GET', 'KEEPTTL', 'expiry'].includes(option)) return false;
    if (option === 'expiry' && seen.has(option)) return false;
    seen.add(option);
  }
  return !(seen.has('NX') && seen.has('XX')) && !(seen.has('KEEPTTL') && seen.has('expiry'));
}

/** As server.c, commandCheckExistence: of all arguments together 128 bytes, line ends as spaces. */
function unknownCommand([name, ...args]: readonly string[]): string {
  let with128 = '';
  for (const arg of args) {
    if (with128.length >= 128) break;
    with128 += `'${untilNul(arg).slice(0, 128 - with128.length)}' `;
  }
  const shown = `${untilNul(name).slice(0, 128)}', with args beginning with: ${with128}`;
  return `-ERR unknown command '${shown.replace(/[\r\n]/g, ' ')}\r\n`;
}

function untilNul(text: string): string {
  return text.split('\0', 1)[0];
}

/** What the laboratory's console answers: the question, and how it was put. */
export function consoleAnswer(words: readonly string[], resp: number): string {
  return array([bulk(words.join(' ')), bulk(`RESP${resp}`)]);
}

/** What a client gets for a question that was given up. */
export const SILENT_ANSWER = String(SILENT);

/** Keys `ttl:*` get a TTL from every command, `str:*` from string writes, `low:*` are shed, `max:*` are clamped. */
export const RULES: readonly Rule[] = [
  rule(1, 'ttl:*', { ttlMs: 60_000, applyToAll: true }),
  rule(2, 'str:*', { ttlMs: 30_000 }),
  rule(3, 'low:*', { priority: Priority.LOW, ttlMs: 5000 }),
  rule(4, 'max:*', { maxTtlMs: 10_000 }),
  rule(5, 'watch:*', { priority: Priority.LOW, ttlMs: 5000, observe: true }),
  rule(6, 'queue:*', { durable: true }),
];

function rule(slot: number, glob: string, rest: Partial<Rule>): Rule {
  return {
    ...{ slot, name: glob, globs: [Buffer.from(glob)], ttlMs: 0, maxTtlMs: 0, jitter: 0, durable: false },
    ...{ priority: Priority.NORMAL, observe: false, applyToAll: false, renew: false },
    ...{ refusesScripts: false, scriptTtl: false },
    ...rest,
  };
}

export interface Scenario {
  readonly evictable?: EvictableKeys;
  readonly client: string;
  /** Sent before, and answered before `client` is. */
  readonly greeting?: string;
  readonly server?: ServerOptions;
  /** Sheds `low:*`. */
  readonly shedding?: boolean;
  readonly gate?: (gate: ShedGate) => void;
  readonly followUps?: boolean;
  /** PROXY is Spillway's own. */
  readonly console?: boolean;
  /** PROXY questions are given up at any time: the client gets SILENT_ANSWER for them. */
  readonly impatient?: boolean;
  readonly lookaheadBytes?: number;
  readonly pendingRuns?: number;
  /** At any time the server tells of what its client wants to know of: in the middle of anything, and of nothing. */
  readonly telling?: boolean;
  /** The session is paused at any time, and goes on at any later one. */
  readonly pausing?: boolean;
  /** The session ends with something half done. */
  readonly unfinished?: boolean;
  readonly rules?: readonly Rule[];
  readonly keys?: KeyMemory;
}

export interface Outcome {
  readonly client: string;
  /** Of that what is no message that the server told unasked: these are in it, each whole and in its order. */
  readonly replies: string;
  /** All bytes that went to the server. */
  readonly upstream: string;
  /** What the server understood of them. */
  readonly commands: string[][];
  readonly ttls: Record<string, number>;
  readonly values: Record<string, string>;
  /** See Store. */
  readonly lifetimes: Record<string, number>;
  /** `SET ttl:a INJECTED` … */
  readonly writes: string[];
  /** Keys that were written in transactions. */
  readonly inMulti: string[];
  readonly sheds: string[];
  readonly followUps: string[];
  readonly upstreamOoms: number;
  readonly raw: boolean;
  /** The logins that were not answered, since they were sent behind others when bytes passed unread. */
  readonly lostLogins: readonly number[];
}

/** How a scenario is played: random numbers decide on the sizes of pieces and on who is next. */
export interface Way {
  readonly clientPiece: () => number;
  readonly serverPiece: () => number;
  /** 'eager': the server answers after each piece; 'lazy': when the client has sent all. */
  readonly turns: 'eager' | 'lazy' | (() => number);
}

const whole = (): number => Number.MAX_SAFE_INTEGER;
const one = (): number => 1;

/** Reproducible: 0 ≤ r < 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomWay(seed: number, largest = 40): Way {
  const random = randomFrom(seed);
  const piece = () => 1 + Math.floor(random() ** 2 * largest);
  return { clientPiece: piece, serverPiece: piece, turns: random };
}

const WAYS: readonly (readonly [string, Way])[] = [
  ['whole, lazy', { clientPiece: whole, serverPiece: whole, turns: 'lazy' }],
  ['whole, eager', { clientPiece: whole, serverPiece: whole, turns: 'eager' }],
  ['whole, replies byte by byte', { clientPiece: whole, serverPiece: one, turns: 'lazy' }],
  ['byte by byte, eager', { clientPiece: one, serverPiece: one, turns: 'eager' }],
  ['byte by byte, lazy', { clientPiece: one, serverPiece: whole, turns: 'lazy' }],
];
const RANDOM_WAYS = 15;

/** A sink that copies what it gets, and checks that spans are spans. */
export class Sink {
  private readonly kept: Buffer[] = [];
  private taken = 0;
  bytes = 0;

  write(buf: Uint8Array, start: number, end: number): void {
    if (!(start >= 0 && start <= end && end <= buf.length)) throw new Error(`a span from ${start} to ${end}`);
    this.bytes += end - start;
    this.kept.push(Buffer.from(buf.slice(start, end)));
  }

  /** What came since the last call. */
  take(): Buffer {
    const fresh = this.kept.slice(this.taken);
    this.taken = this.kept.length;
    return Buffer.concat(fresh);
  }

  all(): string {
    return Buffer.concat(this.kept).toString('latin1');
  }
}

class Recorder implements TrafficObserver {
  readonly writes: string[] = [];
  readonly inMulti: string[] = [];
  readonly sheds: string[] = [];
  readonly followUps: string[] = [];
  /** Slots of the writes that took a TTL away. */
  readonly dropped: number[] = [];
  /** Slots of the writes that left their key no larger. */
  readonly spared: number[] = [];
  readonly ownTtls: string[] = [];
  upstreamOoms = 0;

  onWrite: TrafficObserver['onWrite'] = (_slot, { name }, _bytes, outcome, key, start, end, ...more) => {
    const text = Buffer.from(key.slice(start, end)).toString('latin1');
    this.writes.push(`${name} ${text} ${nameOf(TtlOutcome, outcome)}`);
    if (more[2]) this.inMulti.push(text);
  };
  onShed: TrafficObserver['onShed'] = (slot, { name }, _bytes, _refusal, observed) => {
    this.sheds.push(`${name} ${slot}${observed ? ' observed' : ''}`);
  };
  onFollowUpReply: TrafficObserver['onFollowUpReply'] = (slot, reply) => {
    this.followUps.push(`${slot} ${nameOf(FollowUpReply, reply)}`);
  };
  onSpared: TrafficObserver['onSpared'] = (slot) => {
    this.spared.push(slot);
  };
  onOwnTtl: TrafficObserver['onOwnTtl'] = (slot, change) => {
    this.ownTtls.push(`${slot} ${nameOf(OwnTtlChange, change)}`);
  };
  onTtlDropped: TrafficObserver['onTtlDropped'] = (slot) => {
    this.dropped.push(slot);
  };
  onUpstreamOom(): void {
    this.upstreamOoms++;
  }
  onLatency(milliseconds: number): void {
    if (!(milliseconds >= 0)) throw new Error(`latency ${milliseconds}`);
  }
}

function nameOf(names: Record<string, number>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value) ?? String(value);
}

/** Nothing changes them, and to make one takes as long as many a scenario. */
const TABLES = { plain: defaultCommandTable(), withConsole: defaultCommandTable([], true) };

/** A session with all that it needs around it. */
export function makeSession(scenario: Omit<Scenario, 'client'>, pooled = false, switchboard?: Switchboard) {
  const gate = new ShedGate();
  if (scenario.shedding) {
    gate.active = true;
    gate.byKey = true;
    gate.thresholds[Priority.LOW] = ALL;
  }
  scenario.gate?.(gate);
  const observer = new Recorder();
  const rules = scenario.rules ?? RULES;
  const quotas = new Quotas();
  quotas.adopt(rules);
  const upstream = new Sink();
  const client = new Sink();
  let ticks = 0;
  const context: SessionContext = {
    table: scenario.console ? TABLES.withConsole : TABLES.plain,
    policy: new Policy({
      rules: new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: false } }),
      ...{ gate, observer, now: () => NOW, random: () => 0.5, keys: scenario.keys, quotas },
      evictable: scenario.evictable,
    }),
    followUps: scenario.followUps ?? true,
    followUp: scenario.server?.before7 ? EXPIRE_BY_SCRIPT : EXPIRE_NX,
    lookaheadBytes: scenario.lookaheadBytes ?? 1024 * 1024,
    pendingRuns: scenario.pendingRuns ?? 1_000_000,
    memory: SPOILED,
    clock: () => ticks++,
    counters: { commands: 0, stalls: 0, raw: 0 },
  };
  const session = new Session(context, client, pooled ? undefined : upstream, undefined, switchboard);
  return { session, context, upstream, client, gate, observer };
}

/** Told apart by its number, and full of what could be taken for replies. */
export function messageText(number: number): string {
  return `:1\r\n+OK\r\n$-1\r\n*3\r\n-OOM ${number}.\r\n`;
}

/** What is left of `seen` without the messages. @throws Error when one is not in it whole, behind those before it. */
export function without(messages: readonly string[], seen: string): string {
  let rest = '';
  let at = 0;
  for (const message of messages) {
    const found = seen.indexOf(message, at);
    if (found < 0) throw new Error(`${JSON.stringify(message)} is not in ${JSON.stringify(seen.slice(at))}`);
    rest += seen.slice(at, found);
    at = found + message.length;
  }
  return rest + seen.slice(at);
}

/** Pauses of one session, and what must not go up in one. */
class Pauses {
  /** Nothing of the client may go up. */
  private shut = false;

  constructor(
    private readonly session: Session,
    private readonly upstream: Sink,
  ) {}

  /** `choice`: 0 to 1. */
  pass(choice: number): void {
    if (choice < 0.1) {
      // Neither a transaction nor a large command has begun.
      this.shut ||= this.session.idle;
      this.session.pause();
    } else if (choice < 0.15) {
      this.session.pause(true);
      this.shut = true;
    } else if (choice < 0.3) this.end();
  }

  end(): void {
    this.shut = false;
    this.session.unpause();
  }

  /** The client sends. @throws Error when something goes up that must not */
  watch(send: () => void): void {
    const { bytes } = this.upstream;
    send();
    if (this.shut && this.upstream.bytes > bytes) throw new Error('a command has gone up in a pause');
  }
}

/** Plays the scenario in one way. @throws Error when the session is left stalled or busy. */
export function run(scenario: Scenario, way: Way): Outcome {
  const { session, context, upstream, client, gate, observer } = makeSession(scenario);
  const store = new Store();
  const server = new ScriptedRedis(scenario.server ?? {}, store);
  const sent = Buffer.from(scenario.client, 'latin1');
  let at = 0;
  let replies = Buffer.alloc(0);
  const pauses = new Pauses(session, upstream);
  const sendPiece = () => {
    const to = Math.min(sent.length, at + way.clientPiece());
    pauses.watch(() => lend(sent.subarray(at, to), (bytes) => session.fromClient(bytes)));
    at = to;
  };
  const serve = () => {
    const { length } = server.lostLogins;
    const more = server.receive(upstream.take());
    if (more.length > 0) replies = Buffer.concat([replies, more]);
    if (server.lostLogins.length > length && !context.counters.raw)
      throw new Error('a login behind others that were not answered');
  };
  const deliverPiece = () => {
    const piece = replies.subarray(0, way.serverPiece());
    replies = replies.subarray(piece.length);
    if (piece.length > 0) lend(piece, (bytes) => session.fromUpstream(bytes));
  };
  const told: string[] = [];
  const tell = () => {
    if (!scenario.telling || typeof way.turns !== 'function') return;
    const message = server.tell(messageText(told.length), way.turns());
    if (message === '') return;
    told.push(message);
    replies = Buffer.concat([replies, Buffer.from(message, 'latin1')]);
  };
  const answer = () => {
    const question = session.takeQuestion();
    if (question === undefined) return false;
    const { words, resp } = question;
    session.answer(question, Buffer.from(consoleAnswer(words, resp), 'latin1'));
    return true;
  };
  const settle = () => {
    do {
      serve();
      deliverPiece();
    } while (replies.length > 0);
    serve();
    if (answer() || replies.length > 0) settle();
  };
  if (scenario.greeting !== undefined) {
    session.fromClient(Buffer.from(scenario.greeting, 'latin1'));
    settle();
  }
  while (at < sent.length) {
    const next = typeof way.turns === 'function' ? way.turns() : 0;
    if (next < 0.5) sendPiece();
    else if (next < 0.7) serve();
    else if (next < 0.9) deliverPiece();
    else if (next < 0.95) tell();
    else answer();
    if (way.turns === 'eager') settle();
    if (scenario.impatient && typeof way.turns === 'function' && way.turns() < 0.3) session.giveUpQuestion();
    if (scenario.pausing && typeof way.turns === 'function') pauses.pass(way.turns());
  }
  settle();
  pauses.end();
  settle();
  if (!scenario.unfinished && session.stalled) throw new Error('left stalled');
  if (!scenario.unfinished && !context.counters.raw && !session.idle) throw new Error('left busy');
  if (gate.answered > gate.admitted) throw new Error('more growth answered than admitted');
  session.close();
  if (session.fault !== undefined) throw session.fault;
  if (gate.answered !== gate.admitted) throw new Error('growth left under way');
  const { writes, inMulti, sheds, followUps, upstreamOoms } = observer;
  const seen = client.all();
  return {
    ...{ client: seen, replies: without(told, seen) },
    ...{ upstream: upstream.all(), commands: server.commands },
    ...{ ttls: Object.fromEntries(server.ttls), values: Object.fromEntries(server.values) },
    lifetimes: store.lifetimes,
    ...{ writes, inMulti, sheds, followUps, upstreamOoms, raw: context.counters.raw > 0 },
    lostLogins: server.lostLogins,
  };
}

/**
 * Plays the scenario in every way and returns what all had in common: all of it, or just these fields where the
 * rest may depend on timing.
 * @throws Error naming the way whose outcome was another one.
 */
export function everyWay(scenario: Scenario, fields?: readonly (keyof Outcome)[]): Outcome {
  const [, firstWay] = WAYS[0];
  const expected = run(scenario, firstWay);
  const randomWays = Array.from({ length: RANDOM_WAYS }, (_, i) => [`seed ${i}`, randomWay(i)] as const);
  for (const [name, way] of [...WAYS.slice(1), ...randomWays]) {
    let found: Outcome;
    try {
      found = run(scenario, way);
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`);
    }
    for (const field of fields ?? (Object.keys(expected) as (keyof Outcome)[])) {
      const [a, b] = [JSON.stringify(expected[field]), JSON.stringify(found[field])];
      if (a !== b) throw new Error(`${name}: ${field} is\n${b}\nbut whole it was\n${a}`);
    }
  }
  return expected;
}

/**
 * What the client gets when it talks to the server itself, reply by reply: so each login is answered that is not in a
 * transaction, but for those `lost` where its bytes passed unread, as they may be where it does not wait for replies.
 */
export function direct(
  { client, greeting = '', server = {} }: Scenario,
  lost: readonly number[] = [],
): string {
  const losesAuthErrors = server.losesAuthErrors && lost;
  return new ScriptedRedis({ ...server, losesAuthErrors })
    .receive(Buffer.from(greeting + client, 'latin1'))
    .toString('latin1');
}
