// Strict JSON with places: where JSON.parse only says that a text is wrong (and quotes from it, secrets and all),
// this says at which line and column and why, and it also refuses a key that stands twice in one object.
// Invariant: accepts what JSON.parse accepts, but for repeated keys and nesting beyond MAX_DEPTH; quotes no value.

const MAX_DEPTH = 64;

const WHITESPACE = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 §7 excludes exactly these from strings.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;

export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';

  /** Both count from 1; columns count UTF-16 units, as editors do. */
  constructor(
    message: string,
    readonly line: number,
    readonly column: number,
  ) {
    super(message);
  }
}

/** @throws JsonSyntaxError */
export function parseJson(text: string): unknown {
  new Checker(text).check();
  return JSON.parse(text);
}

class Checker {
  private at = 0;

  constructor(private readonly text: string) {}

  check(): void {
    this.value(0);
    if (this.at < this.text.length) this.fail('expected the end of the file');
  }

  /** One value with the white space around it. */
  private value(depth: number): void {
    if (depth > MAX_DEPTH) this.fail('nested too deeply');
    this.take(WHITESPACE);
    if (this.skip('{')) this.object(depth);
    else if (this.skip('[')) this.array(depth);
    else if (this.text[this.at] === '"') this.string();
    else if (this.take(SCALAR) === '') this.fail(`expected a value${this.hint()}`);
    this.take(WHITESPACE);
  }

  private object(depth: number): void {
    const seen = new Set<string>();
    this.take(WHITESPACE);
    if (this.skip('}')) return;
    for (;;) {
      this.take(WHITESPACE);
      const start = this.at;
      if (this.text[start] !== '"') this.fail(`expected a key in double quotes${this.hint()}`);
      const key = JSON.parse(this.string());
      if (seen.has(key)) this.fail('this key stands twice in the same object; remove one', start);
      seen.add(key);
      this.take(WHITESPACE);
      if (!this.skip(':')) this.fail(`expected ":" after the key${this.hint()}`);
      this.value(depth + 1);
      if (this.skip('}')) return;
      if (!this.skip(',')) this.fail(`expected "," or "}"${this.hint()}`);
    }
  }

  private array(depth: number): void {
    this.take(WHITESPACE);
    if (this.skip(']')) return;
    for (;;) {
      this.value(depth + 1);
      if (this.skip(']')) return;
      if (!this.skip(',')) this.fail(`expected "," or "]"${this.hint()}`);
    }
  }

  private string(): string {
    const found = this.take(STRING);
    if (found === '')
      this.fail('this string does not end on its line, or holds a bad escape (a backslash is \\\\)');
    return found;
  }

  private hint(): string {
    const next = this.text[this.at];
    if (next === undefined) return ', but the file ends here';
    if (this.text.startsWith('//', this.at) || this.text.startsWith('/*', this.at))
      return '; JSON has no comments';
    if (next === "'") return '; JSON has double quotes only';
    const isClosing = next === '}' || next === ']';
    return isClosing && /,\s*$/.test(this.text.slice(0, this.at)) ? '; remove the comma before this' : '';
  }

  private skip(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  private fail(message: string, at = this.at): never {
    const before = this.text.slice(0, at).split('\n');
    throw new JsonSyntaxError(message, before.length, (before.at(-1) ?? '').length + 1);
  }
}
