// The part of Go's text/template that deploy/helm uses: actions with trimming, if, with, range, define, include, variables and
// pipelines, and the few functions of Helm and Sprig below. What it does not know is an error, never a guess, and so is a
// value that is not there where one is printed. That Go renders the same: npm run test:deploy.

type Value = unknown;
type Functions = Readonly<Record<string, (...args: Value[]) => Value>>;

interface Scope {
  readonly dot: Value;
  readonly variables: ReadonlyMap<string, Value>;
}

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'print' | 'assign';
      readonly pipeline: string;
      readonly name: string;
      readonly branches?: undefined;
    }
  | { readonly kind: 'if' | 'with' | 'range'; readonly branches: readonly Branch[] };

interface Branch {
  /** Empty: else. */
  readonly pipeline: string;
  readonly body: readonly Node[];
}

const ACTION = /\{\{(- )?\s*(\/\*[\s\S]*?\*\/|(?:"(?:[^"\\]|\\.)*"|[^"}])*?)\s*( ?-)?\}\}/g;
const TOKEN = /"(?:[^"\\]|\\.)*"|[()|]|[^\s()|"]+/g;

export class GoTemplates {
  private readonly defined = new Map<string, readonly Node[]>();

  constructor(private readonly functions: Functions) {}

  /** Renders `source` with `dot`, and remembers what it defines. @throws Error at what is beyond the subset. */
  render(source: string, dot: Value): string {
    const tokens = split(source);
    const body = this.block(tokens, []);
    return this.write(body, { dot, variables: new Map([['$', dot]]) });
  }

  private block(tokens: (string | { action: string })[], ends: string[]): Node[] {
    const nodes: Node[] = [];
    for (let token = tokens.shift(); token !== undefined; token = tokens.shift()) {
      if (typeof token === 'string') {
        nodes.push({ kind: 'text', text: token });
        continue;
      }
      const { action } = token;
      const [word = ''] = action.split(/\s/, 1);
      const rest = action.slice(word.length).trim();
      if (action.startsWith('/*')) continue;
      if (word === 'end' || word === 'else') {
        if (!ends.includes(word)) throw new Error(`{{ ${action} }} ends nothing`);
        tokens.unshift(token);
        return nodes;
      }
      if (word === 'define') {
        this.defined.set(JSON.parse(rest) as string, this.block(tokens, ['end']));
        tokens.shift();
      } else if (word === 'if' || word === 'with' || word === 'range') {
        nodes.push({ kind: word, branches: this.branches(tokens, rest) });
      } else {
        const [, name, assigned] = /^(\$\w+) := (.+)$/.exec(action) ?? [];
        nodes.push({ kind: name ? 'assign' : 'print', name: name ?? '', pipeline: assigned ?? action });
      }
    }
    if (ends.length > 0) throw new Error('an end is missing');
    return nodes;
  }

  private branches(tokens: (string | { action: string })[], first: string): Branch[] {
    const branches: Branch[] = [];
    for (let pipeline = first; ; ) {
      branches.push({ pipeline, body: this.block(tokens, ['else', 'end']) });
      const { action } = tokens.shift() as { action: string };
      if (action === 'end') return branches;
      pipeline = action.replace(/^else\s*(?:if\s+)?/, '');
    }
  }

  private write(nodes: readonly Node[], outer: Scope): string {
    let scope = outer;
    let written = '';
    for (const node of nodes) {
      if (node.kind === 'text') written += node.text;
      else if (node.kind === 'print') written += printed(this.value(node.pipeline, scope), node.pipeline);
      else if (node.kind === 'assign') {
        const value = this.value(node.pipeline, scope);
        scope = { ...scope, variables: new Map(scope.variables).set(node.name, value) };
      } else if (node.branches) written += this.control(node, scope);
    }
    return written;
  }

  private control(node: Extract<Node, { branches: readonly Branch[] }>, scope: Scope): string {
    for (const { pipeline, body } of node.branches) {
      const value = pipeline === '' ? true : this.value(pipeline, scope);
      if (isEmpty(value)) continue;
      if (node.kind === 'range' && pipeline !== '')
        return (value as Value[]).map((dot) => this.write(body, { ...scope, dot })).join('');
      const dot = node.kind === 'with' && pipeline !== '' ? value : scope.dot;
      return this.write(body, { ...scope, dot });
    }
    return '';
  }

  private value(pipeline: string, scope: Scope): Value {
    const tokens = pipeline.match(TOKEN) ?? [];
    const value = this.pipeline(tokens, scope);
    if (tokens.length > 0) throw new Error(`${tokens.join(' ')}: not understood in {{ ${pipeline} }}`);
    return value;
  }

  /** Each command gets what the one before it gave as its last argument. */
  private pipeline(tokens: string[], scope: Scope): Value {
    let piped: Value[] = [];
    for (;;) {
      const operands: Value[] = [];
      const [name = ''] = tokens;
      const isCall = /^[a-z]\w*$/i.test(name) && name !== 'true' && name !== 'false';
      if (isCall) tokens.shift();
      while (tokens.length > 0 && tokens[0] !== '|' && tokens[0] !== ')')
        operands.push(this.operand(tokens, scope));
      operands.push(...piped);
      if (!isCall && operands.length !== 1) throw new Error(`${operands.length} values in one place`);
      piped = [isCall ? this.call(name, operands) : operands[0]];
      if (tokens[0] !== '|') return piped[0];
      tokens.shift();
    }
  }

  private call(name: string, args: Value[]): Value {
    if (name === 'include') {
      const body = this.defined.get(String(args[0]));
      if (body === undefined) throw new Error(`nothing is defined as ${String(args[0])}`);
      return this.write(body, { dot: args[1], variables: new Map([['$', args[1]]]) });
    }
    const known = this.functions[name];
    if (known === undefined) throw new Error(`no function ${name}`);
    return known(...args);
  }

  private operand(tokens: string[], scope: Scope): Value {
    const token = tokens.shift() as string;
    if (token === '(') {
      const value = this.pipeline(tokens, scope);
      if (tokens.shift() !== ')') throw new Error('a ) is missing');
      return value;
    }
    if (token.startsWith('"')) return JSON.parse(token);
    if (/^-?\d+$/.test(token)) return Number(token);
    if (token === 'true' || token === 'false') return token === 'true';
    const [first = '', ...fields] = token.split('.');
    const start = first === '' ? scope.dot : scope.variables.get(first);
    if (first !== '' && !scope.variables.has(first)) throw new Error(`${token}: not understood`);
    return fields
      .filter((field) => field !== '')
      .reduce<Value>((value, field) => (value as Record<string, Value> | undefined)?.[field], start);
  }
}

/** Text and actions, with the white space gone that actions trim. */
function split(source: string): (string | { action: string })[] {
  const parts: (string | { action: string })[] = [];
  let at = 0;
  let trim = false;
  for (const match of source.matchAll(ACTION)) {
    const [whole, left, action = '', right] = match;
    let text = source.slice(at, match.index);
    if (trim) text = text.trimStart();
    if (left) text = text.trimEnd();
    parts.push(text, { action: action.trim() });
    trim = right !== undefined;
    at = match.index + whole.length;
  }
  const last = source.slice(at);
  parts.push(trim ? last.trimStart() : last);
  const left = parts.find((part) => typeof part === 'string' && part.includes('{{'));
  if (left !== undefined) throw new Error(`not an action: ${JSON.stringify(left)}`);
  return parts;
}

/** As Go judges it: false, 0, nothing, and what has no elements. */
export function isEmpty(value: Value): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return !value;
}

function printed(value: Value, pipeline: string): string {
  if (value === undefined || value === null || typeof value === 'object')
    throw new Error(`nothing to print: {{ ${pipeline} }}`);
  return String(value);
}
