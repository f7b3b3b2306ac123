// Which ACL user the client is, as far as answers to AUTH and HELLO have shown; for rules by user. A client that has not logged
// in is "default". Names are Latin-1, one character a byte. Never holds a password.
import { DEFAULT_USER } from '../../policy/rule-views.js';
import { equalsIgnoreCase } from '../../resp/bytes.js';
import type { RequestScanner } from '../../resp/request-scanner.js';

/** What the answer to AUTH or HELLO shows, in the `detail` of its pending reply. */
const NOTHING = 0;
const LOGIN = 1;
/** A refusal may concern what follows a login that has taken effect. */
const LOGIN_AND_MORE = 2;

export class User {
  /** The user of the next command; undefined: unknown. */
  current: string | undefined = DEFAULT_USER;
  /** Differs after each change. */
  version = 0;
  private known: string | undefined = DEFAULT_USER;
  private asked: (string | undefined)[] = [];

  /** The users that it may be once all answers have come. */
  get candidates(): readonly (string | undefined)[] {
    return [this.known, ...this.asked];
  }

  get unanswered(): boolean {
    return this.asked.length > 0;
  }

  /** AUTH goes up, whole or at the end of its streaming. Returns the `detail` of its pending reply. */
  auth(args: RequestScanner, answers: boolean): number {
    if (!answers || args.streaming) return this.lost();
    const name = args.argc === 2 ? DEFAULT_USER : args.argc === 3 ? textOf(args, 1) : undefined;
    return this.ask(name, LOGIN);
  }

  /** The same for HELLO [version [AUTH user password] [SETNAME name]]. */
  hello(args: RequestScanner, answers: boolean): number {
    const { argc } = args;
    if (argc <= 2) return NOTHING;
    if (!answers || args.streaming) return this.lost();
    let name: string | undefined;
    let logins = 0;
    let last = 0;
    for (let i = 2; i < argc; ) {
      if (is(args, i, 'AUTH') && i + 2 < argc) {
        name = textOf(args, i + 1);
        logins++;
        last = i;
        i += 3;
      } else if (is(args, i, 'SETNAME') && i + 1 < argc) i += 2;
      else break;
    }
    if (logins === 0) return NOTHING;
    return this.ask(name, logins === 1 && last + 3 === argc ? LOGIN : LOGIN_AND_MORE);
  }

  answered(taken: boolean, detail: number): void {
    if (detail === NOTHING) return;
    const name = this.asked.shift();
    if (taken) this.known = name;
    else if (detail === LOGIN_AND_MORE) this.known = undefined;
    this.changed();
  }

  /** RESET was answered. */
  reset(): void {
    this.known = DEFAULT_USER;
    this.asked = [];
    this.changed();
  }

  private ask(name: string | undefined, detail: number): number {
    this.asked.push(name);
    this.changed();
    return detail;
  }

  /** It will never be known whether the user has changed. */
  private lost(): 0 {
    this.known = undefined;
    this.asked.fill(undefined);
    this.changed();
    return NOTHING;
  }

  private changed(): void {
    this.version++;
    this.current = this.asked.length > 0 ? undefined : this.known;
  }
}

function is(args: RequestScanner, i: number, word: string): boolean {
  return equalsIgnoreCase(args.buf, args.starts[i], args.ends[i], word);
}

function textOf({ buf, starts, ends }: RequestScanner, i: number): string {
  return Buffer.from(buf.buffer, buf.byteOffset + starts[i], ends[i] - starts[i]).toString('latin1');
}
