// Parses strict JSON with comments. An error names line, column and reason, and quotes no value (JSON.parse quotes the text,
// with secrets in it). A key that occurs twice in an object is an error too.
// Invariant: once comments are removed, it accepts what JSON.parse accepts, except repeated keys and nesting beyond
// MAX_DEPTH.
import { type ParseErrorCode, printParseErrorCode, stripComments, visit } from 'jsonc-parser';

const MAX_DEPTH = 64;
const NO_JSON = 'this is not valid JSON: a text has no quotes, or a word is misspelt';
const EMPTY = 'the file is empty; write at least {}';
const NOT_UTF8 = 'the file is not UTF-8; save it as UTF-8';

const REASONS: Readonly<Record<string, string>> = {
  ValueExpected: 'expected a value',
  PropertyNameExpected: 'expected a key in double quotes',
  ColonExpected: 'expected ":" after the key',
  CommaExpected: 'expected a comma or the closing bracket',
  CloseBraceExpected: 'expected "}", but the file ends here',
  CloseBracketExpected: 'expected "]", but the file ends here',
  EndOfFileExpected: 'expected the end of the file',
  UnexpectedEndOfComment: 'this comment does not end',
  UnexpectedEndOfString: 'this string does not end on its line',
  UnexpectedEndOfNumber: 'this number is not whole',
  InvalidUnicode: 'bad escape in this string: \\u takes four hexadecimal digits',
  InvalidEscapeCharacter: 'bad escape in this string: a backslash is \\\\',
  InvalidCharacter: 'control character in this string',
};

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

/** @throws JsonSyntaxError for the first thing that is wrong */
export function parseJson(text: string): unknown {
  if (/^[\0\ufffd]|^.\0/.test(text)) throw new JsonSyntaxError(NOT_UTF8, 1, 1);
  if (stripComments(text, ' ').trim() === '') throw new JsonSyntaxError(EMPTY, 1, 1);
  const keys: Set<string>[] = [];
  let depth = 0;
  const enter = (_offset: number, _length: number, line: number, character: number): void => {
    if (++depth > MAX_DEPTH) throw new JsonSyntaxError('nested too deeply', line + 1, character + 1);
  };
  visit(
    text,
    {
      onError(code, offset, _length, line, character) {
        throw new JsonSyntaxError(reason(code, text, offset), line + 1, character + 1);
      },
      onObjectBegin(offset, length, line, character) {
        enter(offset, length, line, character);
        keys.push(new Set());
      },
      onObjectEnd() {
        depth--;
        keys.pop();
      },
      onArrayBegin: enter,
      onArrayEnd() {
        depth--;
      },
      onObjectProperty(key, _offset, _length, line, character) {
        if (keys.at(-1)?.has(key)) {
          const message = 'this key stands twice in the same object; remove one';
          throw new JsonSyntaxError(message, line + 1, character + 1);
        }
        keys.at(-1)?.add(key);
      },
    },
    { disallowComments: false, allowTrailingComma: false },
  );
  try {
    return JSON.parse(stripComments(text, ' '));
  } catch {
    // Its message would quote the text.
    throw new JsonSyntaxError(NO_JSON, 1, 1);
  }
}

function reason(code: ParseErrorCode, text: string, offset: number): string {
  const known = REASONS[printParseErrorCode(code)] ?? NO_JSON;
  const next = text[offset];
  if (next === "'") return 'JSON has double quotes only';
  const closes = next === '}' || next === ']';
  return closes && /,\s*$/.test(text.slice(0, offset)) ? `${known}; remove the comma before this` : known;
}
