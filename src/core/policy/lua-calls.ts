// Whether and how a Lua script may make memory grow, judged by the commands that it calls. It does not run or understand
// the script. It follows only the plain form `redis.call('NAME', …)`, also through `local call = redis.call`.
// Invariant: when unsure, a script counts as growing. Every other use of `redis`, `server` or such a local name is
// unsure, and so are names with escapes, commands that are not in the table, and anything that could reach the globals
// another way. It reads each byte once, and after a SET up to LOOKED_AHEAD tokens a second time.
import { type CommandSpec, Sizing, TtlTreatment } from '../commands/spec.js';
import type { CommandTable } from '../commands/table.js';
import { BRIEF_MS } from './brief.js';

/** With these a script could reach `redis` without naming it. */
const DOUBTFUL: ReadonlySet<string> = new Set([
  ...[
    '_G',
    '_ENV',
    'getfenv',
    'setfenv',
    'load',
    'loadstring',
    'loadfile',
    'dofile',
    'require',
    'module',
    'package',
  ],
  ...['debug', 'rawget', 'rawset', 'getmetatable', 'setmetatable'],
]);
/** Redis does not refuse a script with one of these at the memory limit (script.c, scriptPrepareForRun). */
const HARMLESS_FLAGS: ReadonlySet<string> = new Set(['allow-oom', 'no-writes']);
/** Words of SET before a TTL. */
const UNITS_MS: Readonly<Record<string, number>> = { EX: 1000, PX: 1 };
/** How many tokens after `SET` its TTL may be found. */
const LOOKED_AHEAD = 64;
const SPACE = /\s/;
const DIGIT = /[0-9]/;
const NUMERAL = /[0-9.]/;
const REST_OF_LINE = /[^\r\n]/;
const WORD_START = /[A-Za-z_]/;
const WORD = /[A-Za-z0-9_]/;

interface Token {
  /** `text`: the content of a string. `opaque`: a string with escapes. `broken`: not Lua. */
  readonly kind: 'word' | 'text' | 'opaque' | 'symbol' | 'number' | 'end' | 'broken';
  readonly text: string;
}

const END: Token = { kind: 'end', text: '' };
const BROKEN: Token = { kind: 'broken', text: '' };

export const Growth = {
  /** It cannot make memory grow. */
  NONE: 0,
  /** It only counts, or sets strings with a TTL of a minute at most, or with a TTL that its source does not show. */
  BRIEF: 1,
  ANY: 2,
} as const;
export type Growth = (typeof Growth)[keyof typeof Growth];

/** `source`: the script, its bytes as Latin-1. */
export function growthOfScript(source: string, commands: CommandTable): Growth {
  const head = source.startsWith('#!') ? source.split('\n', 1)[0] : '';
  if (flagsOf(head).some((flag) => HARMLESS_FLAGS.has(flag))) return Growth.NONE;
  return new Calls(source, head.length, commands).growth();
}

/** The flags in `#!lua name=x flags=a,b`. */
function flagsOf(head: string): string[] {
  const flags = head.split(/\s+/).find((word) => word.startsWith('flags='));
  return flags === undefined ? [] : flags.slice('flags='.length).split(',');
}

class Calls {
  private token: Token = END;
  private grows: Growth = Growth.NONE;
  private readonly callers = new Set<string>();

  constructor(
    private readonly source: string,
    private at: number,
    private readonly commands: CommandTable,
  ) {}

  growth(): Growth {
    return this.growsBeyondBrief() ? Growth.ANY : this.grows;
  }

  private growsBeyondBrief(): boolean {
    /** The tokens before it: the first three of `local name = redis.call`. */
    let [first, second, third] = [END, END, END];
    this.advance();
    for (;;) {
      const { kind, text } = this.token;
      if (kind === 'end') return false;
      if (kind === 'broken' || (kind === 'word' && DOUBTFUL.has(text))) return true;
      const found = this.token;
      this.advance();
      if (kind === 'word' && (text === 'redis' || text === 'server')) {
        const local =
          first.text === 'local' && second.kind === 'word' && third.text === '=' ? second.text : undefined;
        if (this.memberMayGrow(local)) return true;
      } else if (kind === 'word' && this.callers.has(text) && this.callMayGrow()) return true;
      [first, second, third] = [second, third, found];
    }
  }

  /** After `redis`. `local`: the name that receives what follows. */
  private memberMayGrow(local: string | undefined): boolean {
    if (!this.takes('.')) return true;
    const { kind, text } = this.token;
    if (kind !== 'word') return true;
    this.advance();
    if (text !== 'call' && text !== 'pcall') return false;
    if (local === undefined || this.token.text === '(' || this.token.kind === 'text')
      return this.callMayGrow();
    this.callers.add(local);
    return false;
  }

  /** After the name of the function that calls: `('NAME', …`, `('NAME')` or `'NAME'`. */
  private callMayGrow(): boolean {
    const parenthesis = this.takes('(');
    const { kind, text } = this.token;
    if (kind !== 'text') return true;
    this.advance();
    if (parenthesis && this.token.text !== ',' && this.token.text !== ')') return true;
    const name = Buffer.from(text, 'latin1');
    const spec = this.commands.find(name, 0, name.length);
    if (spec === undefined) return true;
    if (spec.mover || !(spec.denyOom || spec.ttl === TtlTreatment.CREATES)) return false;
    if (!parenthesis || !this.isBrief(spec)) return true;
    this.grows = Growth.BRIEF;
    return false;
  }

  /** Whether the call whose name was just read counts or sets a short TTL. Does not move the position. */
  private isBrief({ sizing, ttl }: CommandSpec): boolean {
    if (sizing === Sizing.NUMBER) return true;
    if (ttl !== TtlTreatment.SET) return false;
    const { at, token } = this;
    let unitMs = 0;
    let depth = 0;
    let brief = false;
    for (let looked = 0; looked < LOOKED_AHEAD && !brief; looked++, this.advance()) {
      const { kind, text } = this.token;
      if (kind === 'end' || kind === 'broken') break;
      if (kind === 'symbol' && '([{'.includes(text)) depth++;
      if (kind === 'symbol' && ')]}'.includes(text) && depth-- === 0) break;
      if (unitMs > 0 && text !== ',') {
        brief = !((kind === 'number' || kind === 'text') && !(Number(text) * unitMs <= BRIEF_MS));
        break;
      }
      if (kind === 'text' && depth === 0) unitMs = UNITS_MS[text.toUpperCase()] ?? 0;
    }
    this.at = at;
    this.token = token;
    return brief;
  }

  private takes(symbol: string): boolean {
    if (this.token.kind !== 'symbol' || this.token.text !== symbol) return false;
    this.advance();
    return true;
  }

  private advance(): void {
    this.token = this.next();
  }

  /**
   * Reads as Lua 5.1 does (llex.c). It reads each byte once, except in a search for the end of a bracket, which ends
   * everything.
   */
  private next(): Token {
    const { source } = this;
    for (;;) {
      while (this.at < source.length && SPACE.test(source[this.at])) this.at++;
      if (!source.startsWith('--', this.at)) break;
      this.at += 2;
      const long = this.longBracket();
      if (long === BROKEN) return BROKEN;
      if (long === undefined) this.run(REST_OF_LINE);
    }
    const from = this.at;
    const char = source[from];
    if (char === undefined) return END;
    if (char === '"' || char === "'") return this.quoted(char);
    if (char === '[') {
      const long = this.longBracket();
      if (long !== undefined) return long;
    }
    if (WORD_START.test(char)) return { kind: 'word', text: this.run(WORD) };
    if (DIGIT.test(char)) {
      this.run(NUMERAL);
      this.run(WORD);
      return { kind: 'number', text: source.slice(from, this.at) };
    }
    this.at++;
    return { kind: 'symbol', text: char };
  }

  private run(of: RegExp): string {
    const from = this.at;
    while (this.at < this.source.length && of.test(this.source[this.at])) this.at++;
    return this.source.slice(from, this.at);
  }

  private quoted(quote: string): Token {
    const { source } = this;
    const from = this.at + 1;
    let escaped = false;
    for (this.at = from; this.at < source.length; this.at++) {
      const char = source[this.at];
      if (char === '\n' || char === '\r') return BROKEN;
      if (char === quote) {
        const text = source.slice(from, this.at++);
        return { kind: escaped ? 'opaque' : 'text', text };
      }
      if (char !== '\\') continue;
      escaped = true;
      this.at++;
    }
    return BROKEN;
  }

  /** `[[…]]` or `[=[…]=]` at this position; undefined: none. */
  private longBracket(): Token | undefined {
    const { source, at } = this;
    if (source[at] !== '[') return undefined;
    let open = at + 1;
    while (source[open] === '=') open++;
    if (source[open] !== '[') return undefined;
    const close = `]${'='.repeat(open - at - 1)}]`;
    const to = source.indexOf(close, open + 1);
    if (to < 0) return BROKEN;
    this.at = to + close.length;
    // Lua leaves out a line break at its start.
    return { kind: 'text', text: source.slice(open + 1, to).replace(/^(?:\r\n?|\n\r?)/, '') };
  }
}
