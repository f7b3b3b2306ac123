// The log as text for people: one line for each entry, `2026-11-30T08:15:02.123Z WARN  message  name=value …`. Pure.
// Invariants: a line has no control characters, so text from a server or a file cannot move a terminal's cursor; an entry that
// is not pino's JSON stays unchanged.

const LEVELS: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO ',
  40: 'WARN ',
  50: 'ERROR',
  60: 'FATAL',
};
/** Values that are readable without quotation marks. */
const PLAIN = /^[\w./:@%+*~,[\]{}-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

interface Entry {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly err?: string | { readonly message?: unknown; readonly stack?: unknown };
  readonly [field: string]: unknown;
}

/** @param json one line of pino's; @returns the same as text, with its line feed */
export function textLine(json: string): string {
  let entry: Entry;
  try {
    entry = JSON.parse(json);
    const { level, time, msg, err, ...fields } = entry;
    const said = [new Date(time).toISOString(), LEVELS[level] ?? String(level), escaped(msg ?? '')].join(' ');
    const stack = typeof err === 'object' ? errorText(err) : '';
    const values = Object.entries(stack === '' ? { ...fields, err } : fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${escaped(name)}=${valueText(value)}`);
    const line = values.length === 0 ? said : `${said}  ${values.join(' ')}`;
    return `${line}\n${stack}`;
  } catch {
    return json;
  }
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return PLAIN.test(value) ? value : escaped(JSON.stringify(value));
  return escaped(JSON.stringify(value));
}

/** An error's stack in lines of its own, indented; without a stack its message. */
function errorText({ message, stack }: Exclude<Entry['err'], string | undefined>): string {
  const lines = String(stack ?? message).split('\n');
  return lines.map((line) => `    ${escaped(line.trim())}\n`).join('');
}

function escaped(text: string): string {
  return text.replace(CONTROL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
