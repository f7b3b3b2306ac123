// One client of the Sentinel endpoint: its bytes in, the bytes of the replies out. Pure.
// A client may subscribe to any channel, and gets no message: what is announced here never moves.
// Invariants: at most MAX_HELD bytes of an unfinished command are held; replies of more than ENOUGH_BYTES are made only when the
// caller asks for them by proceed(); at most MAX_SUBSCRIPTIONS names are kept.
import { createHash, timingSafeEqual } from 'node:crypto';
import { errorText } from '../../core/resp/client-errors.js';
import { RequestScanner, Scan } from '../../core/resp/request-scanner.js';
import { Failure } from '../reply-text.js';
import { infoAnswer, roleAnswer, SENTINEL_VERSION, type SentinelFacts, sentinelAnswer } from './answers.js';
import { encodeReply, Fields, Push, type Reply, type Resp, Status } from './reply.js';

const MAX_HELD = 16 * 1024;
/** Further commands wait until the client has taken the replies to earlier ones. */
const ENOUGH_BYTES = 64 * 1024;
const MAX_SUBSCRIPTIONS = 64;
const MAX_NAME_BYTES = 256;

const OK = new Status('OK');
const WRONG_PASSWORD = new Failure('WRONGPASS invalid username-password pair or user is disabled.');
const NO_LOGIN = new Failure(errorText('NOAUTH'));
const TOO_MANY_NAMES = new Failure(`ERR Spillway keeps at most ${MAX_SUBSCRIPTIONS} short subscriptions`);

export interface ConversationOptions {
  /** Asked for each command. */
  readonly facts: () => SentinelFacts;
  /** undefined: every login succeeds, and none is needed. */
  readonly password: string | undefined;
  /** The client's number. */
  readonly id: number;
}

export class Conversation {
  /** The client has said goodbye, or cannot be understood: its connection must end after the replies so far. */
  ended = false;
  private readonly scanner = new RequestScanner();
  private held: Buffer = Buffer.alloc(0);
  private resp: Resp = 2;
  private loggedIn: boolean;
  private name: string | null = null;
  private isFull = false;
  private readonly channels = new Set<string>();
  private readonly patterns = new Set<string>();

  constructor(private readonly options: ConversationOptions) {
    this.loggedIn = options.password === undefined;
  }

  /** The replies to the commands in these bytes. */
  take(bytes: Buffer): Buffer {
    this.held = this.held.length === 0 ? bytes : Buffer.concat([this.held, bytes]);
    return this.proceed();
  }

  /** The replies to commands that had to wait. */
  proceed(): Buffer {
    const { scanner } = this;
    const replies: string[] = [];
    let size = 0;
    let at = 0;
    while (at < this.held.length && size < ENOUGH_BYTES && !this.ended) {
      const found = scanner.scan(this.held, at, this.held.length);
      if (found === Scan.INCOMPLETE && this.held.length - at <= MAX_HELD) break;
      if (found === Scan.COMPLETE || found === Scan.EMPTY) {
        at = scanner.next;
        const reply = found === Scan.EMPTY ? '' : this.answer(this.words());
        size += reply.length;
        replies.push(reply);
      } else {
        this.ended = true;
        replies.push(encodeReply(new Failure('ERR Protocol error: the command cannot be read'), this.resp));
      }
    }
    // A copy, so that a few bytes do not keep what the socket read.
    this.held = Buffer.from(this.ended ? '' : this.held.subarray(at));
    this.isFull = size >= ENOUGH_BYTES;
    scanner.rest();
    return Buffer.from(replies.join(''), 'utf8');
  }

  /** Commands wait for proceed(). */
  get hasMore(): boolean {
    return this.isFull && !this.ended;
  }

  private words(): string[] {
    const { buf, starts, ends, argc } = this.scanner;
    return Array.from({ length: argc }, (_, i) =>
      Buffer.from(buf.subarray(starts[i], ends[i])).toString('utf8'),
    );
  }

  private answer(words: readonly string[]): string {
    const name = (words[0] as string).toLowerCase();
    const subscribes = SUBSCRIBES[name];
    if (subscribes !== undefined && this.loggedIn)
      return this.subscribed(name, words.slice(1), subscribes)
        .map((reply) => encodeReply(reply, this.resp))
        .join('');
    const reply = this.reply(name, words);
    // Of HELLO, by the protocol that it chooses.
    return encodeReply(reply, this.resp);
  }

  private reply(name: string, words: readonly string[]): Reply {
    if (name === 'hello') return this.hello(words);
    if (name === 'auth') return this.auth(words);
    if (name === 'quit') {
      this.ended = true;
      return OK;
    }
    if (name === 'reset') return this.reset();
    if (!this.loggedIn) return NO_LOGIN;
    if (this.resp === 2 && this.subscriptions > 0 && name !== 'ping')
      return new Failure(
        `ERR Can't execute '${shown(name)}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
      );
    const facts = this.options.facts();
    if (name === 'sentinel' && words.length > 1) return sentinelAnswer(words, facts);
    if (name === 'info') return infoAnswer(words.slice(1), facts);
    if (name === 'role' && words.length === 1) return roleAnswer(facts);
    if (name === 'ping' && words.length <= 2) return this.pong(words[1]);
    if (name === 'client' && words.length > 1) return this.client(words);
    if (name === 'command') return words.length > 1 ? new Fields([]) : [];
    if (KNOWN.has(name)) return new Failure(`ERR wrong number of arguments for '${name}' command`);
    return new Failure(`ERR unknown command '${shown(words[0] as string)}'`);
  }

  private hello(words: readonly string[]): Reply {
    const [, version, ...options] = words;
    const resp = version === undefined ? this.resp : Number(version);
    if (resp !== 2 && resp !== 3) return new Failure('NOPROTO unsupported protocol version');
    let { name, loggedIn } = this;
    while (options.length > 0) {
      const option = options.shift()?.toLowerCase();
      if (option === 'auth' && options.length >= 2) {
        const [, password] = options.splice(0, 2);
        if (!this.isRight(password as string)) return WRONG_PASSWORD;
        loggedIn = true;
      } else if (option === 'setname' && options.length >= 1) name = options.shift() as string;
      else return new Failure(`ERR Syntax error in HELLO option '${shown(option ?? '')}'`);
    }
    if (!loggedIn)
      return new Failure(
        'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
      );
    this.loggedIn = loggedIn;
    this.resp = resp;
    this.name = name;
    return new Fields([
      ['server', 'redis'],
      ['version', SENTINEL_VERSION],
      ['proto', resp],
      ['id', this.options.id],
      ['mode', 'sentinel'],
      ['modules', []],
    ]);
  }

  /** Any user: those of an application's real Sentinels need not be repeated here. */
  private auth(words: readonly string[]): Reply {
    if (words.length < 2 || words.length > 3)
      return new Failure("ERR wrong number of arguments for 'auth' command");
    if (!this.isRight(words.at(-1) as string)) return WRONG_PASSWORD;
    this.loggedIn = true;
    return OK;
  }

  private isRight(given: string): boolean {
    const { password } = this.options;
    return password === undefined || timingSafeEqual(digest(given), digest(password));
  }

  private reset(): Reply {
    this.resp = 2;
    this.name = null;
    this.loggedIn = this.options.password === undefined;
    this.channels.clear();
    this.patterns.clear();
    return new Status('RESET');
  }

  private pong(text: string | undefined): Reply {
    if (this.resp === 2 && this.subscriptions > 0) return ['pong', text ?? ''];
    return text ?? new Status('PONG');
  }

  /** What clients call when they connect. CLIENT MAINT_NOTIFICATIONS must fail: it could lead clients past the proxy. */
  private client([, given = '', name, value]: readonly string[]): Reply {
    const subcommand = given.toLowerCase();
    if (subcommand === 'id') return this.options.id;
    if (subcommand === 'getname') return this.name;
    if (subcommand === 'setinfo' && value !== undefined) return OK;
    if (subcommand !== 'setname' || name === undefined)
      return new Failure(`ERR unknown subcommand '${shown(given)}'. Try CLIENT HELP.`);
    this.name = name === '' ? null : name.slice(0, MAX_NAME_BYTES);
    return OK;
  }

  private get subscriptions(): number {
    return this.channels.size + this.patterns.size;
  }

  private subscribed(
    command: string,
    names: readonly string[],
    { kind, adds }: { readonly kind: 'channels' | 'patterns'; readonly adds: boolean },
  ): Reply[] {
    const kept = this[kind];
    if (adds && names.length === 0)
      return [new Failure(`ERR wrong number of arguments for '${command}' command`)];
    const fit = names.every((name) => name.length <= MAX_NAME_BYTES);
    if (adds && (!fit || names.length + this.subscriptions > MAX_SUBSCRIPTIONS)) return [TOO_MANY_NAMES];
    const all = adds || names.length > 0 ? names : [...kept];
    if (all.length === 0) return [new Push([command, null, this.subscriptions])];
    return all.map((name) => {
      if (adds) kept.add(name);
      else kept.delete(name);
      return new Push([command, name, this.subscriptions]);
    });
  }
}

const SUBSCRIBES: Readonly<
  Record<string, { readonly kind: 'channels' | 'patterns'; readonly adds: boolean } | undefined>
> = Object.assign(Object.create(null), {
  subscribe: { kind: 'channels', adds: true },
  unsubscribe: { kind: 'channels', adds: false },
  psubscribe: { kind: 'patterns', adds: true },
  punsubscribe: { kind: 'patterns', adds: false },
});

const KNOWN: ReadonlySet<string> = new Set(['sentinel', 'role', 'ping', 'client']);

function shown(word: string): string {
  return word.slice(0, 128);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
