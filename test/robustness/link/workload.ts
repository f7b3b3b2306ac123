// What one client of the load asks, with the one right reply to each request: its own keys, random commands, a model
// of what they hold. Knows Redis's answers by itself; no I/O. Invariant: the replies are right if every request is
// executed once, in order, by a server that keys of no other client reach.
import { pick, type Random } from '../../../src/cli/demo/random.js';
import type { Request, Write } from '../../support/ledger.js';
import { command } from '../../support/raw-client.js';

/** Writes to keys that begin so are refused, all of them, if the proxy is told to. */
export const SHED_PREFIX = 'low:';
const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const ABORTED = '-EXECABORT Transaction discarded because of previous errors.\r\n';
const KEYS = 6;
const COUNTERS = 3;
/** Large enough to be streamed by the proxy, and for several reads. */
const LARGE = { from: 20_000, to: 150_000 };

type Args = readonly (string | number)[];
/** A command of the mixture: what is sent, what comes, what it leaves. */
interface Step {
  readonly args: Args;
  readonly reply: string;
  /** The same for all that its keys may hold, where the reply tells of that: a regular expression. */
  readonly mayBe?: string;
  readonly writes?: readonly Write[];
}

const OK = '+OK\r\n';
const integer = (n: number): string => `:${n}\r\n`;
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const array = (items: readonly string[]): string => `*${items.length}\r\n${items.join('')}`;
const INTEGER = ':\\d+\r\n';
const exactly = (reply: string): string => reply.replace(/[$*+]/g, '\\$&');

export interface WorkloadOptions {
  /** Of no other client, ever. */
  readonly name: string;
  readonly random: Random;
  /** Writes to SHED_PREFIX are refused. */
  readonly shed: boolean;
  /** Of a hundred requests, how many have to do with large values. */
  readonly large: number;
}

export class Workload {
  /** Every string that it may ever write. */
  readonly keys: readonly string[];
  /** Its one key that holds no string. */
  readonly list: string;
  readonly #name: string;
  readonly #random: Random;
  readonly #shed: boolean;
  readonly #largeShare: number;
  readonly #model = new Map<string, string>();
  /** Nothing, or one of its own values: all of them begin with its name. */
  readonly #anyValue: string;
  #listed = 0;
  #tokens = 0;

  constructor({ name, random, shed, large }: WorkloadOptions) {
    this.#name = name;
    this.#random = random;
    this.#shed = shed;
    this.#largeShare = large;
    const keys = Array.from({ length: KEYS }, (_, i) => `${name}:k${i}`);
    const counters = Array.from({ length: COUNTERS }, (_, i) => `${name}:n${i}`);
    this.list = `${name}:list`;
    this.#anyValue = `\\$(-1|\\d+\r\n${name}#[^\r]*)\r\n`;
    this.keys = [...keys, ...counters, `${name}:large`];
  }

  /** A few requests that belong together: one, or a transaction. */
  next(): Request[] {
    if (pick(this.#random, 100) < this.#largeShare) return [request(this.#large())];
    const kind = pick(this.#random, 100);
    if (kind < 12) return this.#transaction();
    if (kind < 16) return [{ bytes: Buffer.from('PING\r\n'), reply: Buffer.from('+PONG\r\n') }];
    if (kind < 20 && this.#shed) {
      return [request({ args: ['SET', `${SHED_PREFIX}${this.#name}`, this.#token()], reply: OOM })];
    }
    return [request(this.#step())];
  }

  /** Tells its reply from every other. */
  token(): Request {
    return request(this.#echo());
  }

  #step(): Step {
    const key = this.keys[pick(this.#random, KEYS)];
    const counter = this.keys[KEYS + pick(this.#random, COUNTERS)];
    const token = this.#token();
    const old = this.#model.get(key);
    switch (pick(this.#random, 17)) {
      case 0:
      case 1:
        return this.#echo();
      case 2:
      case 3:
        return this.#set(['SET', key, token], OK, [[key, token]]);
      case 4:
        return this.#set(['SET', key, token, 'EX', 1000], OK, [[key, token]]);
      case 5:
        return this.#read(this.#set(['SET', key, token, 'KEEPTTL', 'GET'], value(old), [[key, token]]));
      case 6:
        return this.#read(this.#set(['GETSET', key, token], value(old), [[key, token]]));
      case 7:
        return counting(
          old === undefined
            ? this.#set(['SETNX', key, token], integer(1), [[key, token]])
            : { args: ['SETNX', key, token], reply: integer(0) },
        );
      case 8: {
        const longer = (old !== undefined && old.length < 200 ? old : '') + token;
        return counting(
          longer.length > token.length
            ? this.#set(['APPEND', key, token], integer(longer.length), [[key, longer]])
            : this.#set(['DEL', key], integer(old === undefined ? 0 : 1), [[key, undefined]]),
        );
      }
      case 9:
        return this.#msetOf([0, 2, 4], token);
      case 10:
        return {
          args: ['MGET', ...this.keys.slice(0, KEYS)],
          reply: this.#values(),
          mayBe: `\\*${KEYS}\r\n(${this.#anyValue}){${KEYS}}`,
        };
      case 11:
        return this.#increment(['INCR', counter], counter, 1);
      case 12:
        return this.#increment(['INCRBY', counter, 1000], counter, 1000);
      case 13:
        // A script's writes get no TTL: so it finds one that is there.
        if (!this.#model.has(counter)) return this.#increment(['INCR', counter], counter, 1);
        return this.#increment(['EVAL', "return redis.call('INCR', KEYS[1])", 1, counter], counter, 1);
      case 14:
        return counting({ args: ['RPUSH', this.list, token], reply: integer(++this.#listed) });
      case 15:
        return { args: ['GET'], reply: "-ERR wrong number of arguments for 'get' command\r\n" };
      default:
        return this.#read({ args: ['GET', key], reply: value(old) });
    }
  }

  /** Executed, given up, or refused at EXEC for a command that is refused in it. */
  #transaction(): Request[] {
    const before = new Map(this.#model);
    const listed = this.#listed;
    const steps = Array.from({ length: 1 + pick(this.#random, 4) }, () => this.#step());
    const outcome = pick(this.#random, 10);
    if (this.#shed && outcome === 1) steps.push({ args: ['SET', `${SHED_PREFIX}x`, 'x'], reply: OOM });
    const refused = steps.filter(({ reply }) => reply === OOM || reply.startsWith('-ERR wrong number'));
    const executed = outcome > 0 && refused.length === 0;
    const queued = steps.map((step) =>
      request({ args: step.args, reply: refused.includes(step) ? step.reply : '+QUEUED\r\n' }),
    );
    if (!executed) {
      this.#model.clear();
      for (const [key, old] of before) this.#model.set(key, old);
      this.#listed = listed;
    }
    let end: Step = { args: ['EXEC'], reply: ABORTED };
    if (executed) {
      end = {
        args: ['EXEC'],
        reply: array(steps.map(({ reply }) => reply)),
        // Aborted where one of them came while the server was loading.
        mayBe: `(\\*${steps.length}\r\n${steps.map(({ reply, mayBe }) => mayBe ?? exactly(reply)).join('')}|-EXECABORT .*\r\n)`,
        writes: steps.flatMap(({ writes }) => writes ?? []),
      };
    } else if (outcome === 0) end = { args: ['DISCARD'], reply: OK };
    return [request({ args: ['MULTI'], reply: OK }), ...queued, request(end)];
  }

  #large(): Step {
    const key = `${this.#name}:large`;
    const old = this.#model.get(key);
    if (pick(this.#random, 2) === 0) return this.#read({ args: ['GET', key], reply: value(old) });
    const token = this.#token();
    const length = LARGE.from + pick(this.#random, LARGE.to - LARGE.from);
    const text = token.repeat(Math.ceil(length / token.length));
    return pick(this.#random, 2) === 0
      ? this.#set(['SET', key, text], OK, [[key, text]])
      : this.#read(this.#set(['GETSET', key, text], value(old), [[key, text]]));
  }

  #msetOf(indexes: readonly number[], token: string): Step {
    const writes = indexes.map((i): Write => [this.keys[i], `${token}-${i}`]);
    return this.#set(['MSET', ...writes.flatMap(([key, text]) => [key, text ?? ''])], OK, writes);
  }

  #increment(args: Args, counter: string, by: number): Step {
    const sum = Number(this.#model.get(counter) ?? 0) + by;
    return counting(this.#set(args, integer(sum), [[counter, String(sum)]]));
  }

  #read(step: Step): Step {
    return { ...step, mayBe: this.#anyValue };
  }

  #set(args: Args, reply: string, writes: readonly Write[]): Step {
    for (const [key, text] of writes) {
      if (text === undefined) this.#model.delete(key);
      else this.#model.set(key, text);
    }
    return { args, reply, writes };
  }

  #values(): string {
    return array(this.keys.slice(0, KEYS).map((key) => value(this.#model.get(key))));
  }

  #echo(): Step {
    const token = this.#token();
    return { args: ['ECHO', token], reply: bulk(token) };
  }

  #token(): string {
    return `${this.#name}#${this.#tokens++}`;
  }
}

function value(text: string | undefined): string {
  return text === undefined ? '$-1\r\n' : bulk(text);
}

function counting(step: Step): Step {
  return { ...step, mayBe: INTEGER };
}

function request({ args, reply, mayBe, writes }: Step): Request {
  return {
    bytes: command(...args),
    reply: Buffer.from(reply, 'latin1'),
    ...(mayBe !== undefined && { mayBe: new RegExp(`^${mayBe}$`) }),
    ...(writes !== undefined && { writes }),
  };
}
