// Runs one command of the script at all places in one protocol, in three ways, and says how each place's answers
// differ from the direct one's:
//   success   the script's own lines
//   arity     one argument too few, one too many
//   type      the first line that succeeded, with its keys holding each type in turn
import { connectRaw, type RawClient } from '../support/raw-client.js';
import { wipe } from '../support/twins.js';
import { until } from '../support/wait.js';
import { type CommandFacts, type CommandList, nameOf, wrongArities } from './command-list.js';
import { parting } from './compare.js';
import { comparable, isLoose } from './loose.js';
import { BESIDE, type Place, type Places } from './places.js';
import { detailed, encode, type Family, type Line, words } from './script/family.js';
import { nested, splitReplies } from './tokens.js';

/** LCS has words of its own. */
const REFUSES_TYPE = /WRONGTYPE|must contain string values/;
const TIMEOUT_MS = 30_000;
/** What stands behind the lines of a case: see converse(). */
const TAIL_REPLIES = 2;
const QUEUED = Buffer.from('+QUEUED\r\n');

/** One value of each type. */
const MAKERS: readonly ((key: string) => Line)[] = [
  (key) => ['SET', key, 'text'],
  (key) => ['RPUSH', key, 'a'],
  (key) => ['HSET', key, 'f', 'v'],
  (key) => ['SADD', key, 'a'],
  (key) => ['ZADD', key, 1, 'a'],
  (key) => ['XADD', key, '1-1', 'f', 'v'],
];

export interface Matrix {
  readonly places: Places;
  readonly list: CommandList;
  /** The server's, not the client's, state between two cases. */
  readonly prepare: (place: Place) => Promise<void>;
  /** What a line of the script says where it means something of the place it is run at. */
  readonly localize: (place: Place, line: Line) => Line | Promise<Line>;
  /** What only that place's answers can hold. */
  readonly neutral: (place: Place, text: string) => string;
}

export interface Outcome {
  /** The first line of the command itself that the direct server did. */
  readonly succeeded: Line | undefined;
  /** What is wrong with the direct server's answers: not what the run is there for. */
  readonly wrong: string | undefined;
  /** How other places' answers differ. */
  readonly differences: readonly { readonly place: string; readonly how: string }[];
}

/** What a place answered: one text for each line, or one for all where lines cannot be told apart. */
interface Answers {
  readonly compared: readonly string[];
  readonly raw: readonly Buffer[];
}

export async function runSuccess(
  matrix: Matrix,
  name: string,
  family: Family,
  version: number,
): Promise<Outcome> {
  const { lines, next, stream, settles } = detailed(family[name]);
  const answers = await atAll(matrix, async (place) => {
    const asked = await Promise.all(lines.map((line) => matrix.localize(place, line)));
    const seen = await converse(matrix, place, version, asked, next, stream);
    if (settles) await until(() => settled(place.admin), { timeoutMs: TIMEOUT_MS });
    return seen;
  });
  const [{ raw }] = answers;
  const succeeded = stream
    ? lines.find(() => !raw.slice(0, -TAIL_REPLIES).some(isError))
    : lines.find((line, i) => nameOf(matrix.list, line) === name && isDone(raw[i]));
  // What `next` says succeeds only if the line that it repeats is there at all.
  const later = next !== undefined && raw.length > lines.length && isDone(raw[lines.length]);
  return {
    succeeded: succeeded ?? (later ? lines[0] : undefined),
    wrong: undefined,
    differences: compared(matrix, answers),
  };
}

/** Of a command that stands alone; undefined where no number of arguments is wrong. */
export async function runArity(
  matrix: Matrix,
  facts: CommandFacts,
  version: number,
): Promise<Outcome | undefined> {
  const calls = wrongArities(facts);
  if (calls.length === 0) return undefined;
  const answers = await atAll(matrix, (place) => converse(matrix, place, version, [...calls, 'ECHO alive']));
  const accepted = calls.find((_, i) => !isError(answers[0].raw[i]));
  const wrong = accepted && `${accepted.join(' ')} is not refused`;
  return { succeeded: undefined, wrong, differences: compared(matrix, answers) };
}

/** Undefined where the line has no keys. */
export async function runTypes(
  matrix: Matrix,
  name: string,
  family: Family,
  succeeded: Line,
  version: number,
): Promise<Outcome | undefined> {
  const keys = await keysOf(matrix.places.direct.admin, succeeded);
  if (keys.length === 0) return undefined;
  // Scripts and functions must be there; what else the lines leave behind is flushed.
  const lines: Line[] = [...detailed(family[name]).lines];
  const tried: number[] = [];
  for (const make of MAKERS) {
    lines.push('FLUSHALL', ...keys.map(make));
    tried.push(lines.push(succeeded) - 1);
  }
  const answers = await atAll(matrix, (place) => converse(matrix, place, version, lines));
  const refused = tried.some((i) => REFUSES_TYPE.test(String(answers[0].raw[i])));
  return {
    succeeded: undefined,
    wrong: refused ? undefined : `${words(succeeded).join(' ')} takes keys of every type`,
    differences: compared(matrix, answers),
  };
}

function isError(reply: Buffer | undefined): boolean {
  return reply === undefined || '-!'.includes(String.fromCharCode(reply[0]));
}

/** Neither refused nor put off to EXEC. */
function isDone(reply: Buffer | undefined): boolean {
  return !isError(reply) && !reply?.equals(QUEUED);
}

function isPush(reply: Buffer): boolean {
  return reply[0] === '>'.charCodeAt(0);
}

async function atAll(
  matrix: Matrix,
  run: (place: Place) => Promise<Answers>,
): Promise<[Answers, ...Answers[]]> {
  const { direct, proxied } = matrix.places;
  const at = async (place: Place) => {
    await matrix.prepare(place);
    return run(place);
  };
  const [first, ...others] = [at(direct), ...proxied.map(at)];
  return [await first, ...(await Promise.all(others))];
}

function compared({ places }: Matrix, [direct, ...others]: readonly Answers[]): Outcome['differences'] {
  return others.flatMap(({ compared: seen }, i) => {
    const apart = parting(seen.join('\0'), direct.compared.join('\0'));
    const how =
      apart && `${apart.where}: ${JSON.stringify(apart.seen)}, direct ${JSON.stringify(apart.expected)}`;
    return how === undefined ? [] : [{ place: places.proxied[i].name, how }];
  });
}

/** Sends the lines over a connection of their own, and QUIT, and takes all that comes until the close. */
async function converse(
  { list, neutral }: Matrix,
  place: Place,
  version: number,
  first: readonly Line[],
  next?: (replies: readonly Buffer[]) => readonly Line[],
  stream = false,
): Promise<Answers> {
  const client = await connectRaw(place.port, TIMEOUT_MS);
  try {
    if (version === 3) await client.call('HELLO', 3);
    const lines = [...first];
    const seen: Buffer[] = [];
    const [begin, ...turns] = inTurns(lines);
    void client.write(encode(begin));
    let unread = begin.length;
    for (const turn of turns) {
      seen.push(...(await client.readReplies(unread)));
      void client.write(encode(turn));
      unread = turn.length;
    }
    if (next !== undefined) {
      seen.push(...(await client.readReplies(unread)));
      const more = next(seen);
      lines.push(...more);
      void client.write(encode(more));
    }
    // Where a rule gives this key a TTL, its answer is swallowed: the right one only if all before it were counted.
    const tail = [`SETNX ${BESIDE}it 1`, 'QUIT'];
    lines.push(...tail);
    void client.write(encode(tail));
    seen.push(...splitReplies(await client.readUntilClosed()));
    const raw = seen.filter((reply) => !isPush(reply));
    let line = 0;
    const names = seen.map((reply) => (stream || isPush(reply) ? '' : looseName(list, lines[line++] ?? '')));
    return { compared: seen.map((reply, i) => neutral(place, comparable(names[i], reply))), raw };
  } finally {
    client.destroy();
  }
}

/** Before 7.0 a server's list has no subcommands: there the words say what is called. */
function looseName(list: CommandList, line: Line): string {
  const called = words(line).slice(0, 2).join('|').toLowerCase();
  return isLoose(called) ? called : nameOf(list, line);
}

/** Each AUTH, and HELLO, begins one: behind other replies some servers say nothing of one that fails. */
function inTurns(lines: readonly Line[]): [Line[], ...Line[][]] {
  const turns: [Line[], ...Line[][]] = [[]];
  for (const line of lines) {
    if (/^(AUTH|HELLO) /.test(String(line))) turns.push([]);
    turns.at(-1)?.push(line);
  }
  return turns;
}

async function keysOf(admin: RawClient, line: Line): Promise<string[]> {
  const reply = await admin.call('COMMAND', 'GETKEYS', ...words(line));
  return isError(reply) ? [] : [...new Set([...nested(reply)].map(String))];
}

async function settled(admin: RawClient): Promise<boolean> {
  return !/(in_progress|scheduled):1/.test(String(await admin.call('INFO', 'persistence')));
}

/** No keys, scripts or functions. */
export async function emptied({ admin }: Place): Promise<void> {
  await wipe(admin);
}
