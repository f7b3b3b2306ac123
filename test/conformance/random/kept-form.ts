// Sessions as files: the form in which a failing one is printed, kept and read again.
// A command is a line of words where words allow it, else a list of words, else `{ "raw": … }`.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMode, type Mode } from './modes.js';
import { type Command, encode, offsets, type Session, type Turn, type Words } from './session.js';

const FOLDER = fileURLToPath(new URL('../kept/', import.meta.url));

export interface Kept {
  readonly file: string;
  /** What it shows. */
  readonly about: string;
  readonly modes: readonly Mode[];
  readonly session: Session;
}

type WrittenCommand = string | Command;

interface WrittenTurn {
  readonly client: number;
  readonly commands: readonly WrittenCommand[];
  readonly cuts?: readonly number[];
  readonly open?: boolean;
}

interface Written {
  readonly about: string;
  readonly modes?: readonly string[];
  readonly clients: readonly number[];
  readonly steps: readonly (readonly WrittenTurn[])[];
}

/** Every file of the folder, by name. @throws Error on a file that is no session. */
export function readKept(): Kept[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ file, ...parse(file, readFileSync(join(FOLDER, file), 'utf8')) }));
}

/** The text of a file that keeps `session`. */
export function print(about: string, mode: Mode, { clients, steps }: Session): string {
  const turns = steps.map(
    (step) => `    [\n${step.map((turn) => `      ${inline(writeTurn(turn))}`).join(',\n')}\n    ]`,
  );
  return `{
  "about": ${inline(about)},
  "modes": ${inline([mode])},
  "clients": ${inline(clients)},
  "steps": [
${turns.join(',\n')}
  ]
}`;
}

/** JSON on one line, with room to breathe. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([name, one]) => `${JSON.stringify(name)}: ${inline(one)}`)
    .join(', ')} }`;
}

/** Reads the text of a file. @throws Error when it is no session. */
export function parse(file: string, text: string): Omit<Kept, 'file'> {
  const { about, modes, clients, steps } = JSON.parse(text) as Written;
  const named = (modes ?? ['plain', 'ttl', 'shed']).filter(isMode);
  if (named.length === 0 || clients.some((protocol) => protocol !== 2 && protocol !== 3)) {
    throw new Error(`${file}: no known mode, or no known protocol`);
  }
  const session: Session = {
    clients: clients.map((protocol) => (protocol === 3 ? 3 : 2)),
    steps: steps.map((step) => step.map(readTurn)),
  };
  return { about, modes: named, session };
}

function readTurn({ client, commands, cuts = [], open = false }: WrittenTurn): Turn {
  return { client, commands: commands.map(readCommand), cuts, open };
}

function readCommand(written: WrittenCommand): Command {
  return typeof written === 'string' ? written.split(' ') : written;
}

function writeTurn({ client, commands, cuts, open }: Turn): WrittenTurn {
  const { length } = Buffer.concat(commands.map((one) => encode(one, [])));
  const places = offsets(cuts, length);
  return {
    client,
    commands: commands.map(writeCommand),
    ...(places.length > 0 && { cuts: places }),
    ...(open === true && { open }),
  };
}

function writeCommand(one: Command): WrittenCommand {
  return !('raw' in one) && isLine(one) ? one.join(' ') : one;
}

/** Whether the words survive being joined and split again. */
function isLine(words: Words): boolean {
  return words.every((word) => typeof word === 'string' && /^[!-~]+$/.test(word));
}
