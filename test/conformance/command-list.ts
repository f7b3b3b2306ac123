// The server's own list of its commands and their subcommands, and what follows from it: what a command is called,
// and the calls that have one argument too few or too many.
import type { RawClient } from '../support/raw-client.js';
import { type Line, words } from './script/family.js';
import { type Nested, nested } from './tokens.js';

export interface CommandFacts {
  /** A subcommand's holds its container's: `client|id`. */
  readonly name: string;
  /** Of words, its name's among them; negative: at least so many. */
  readonly arity: number;
  /** Has subcommands, and does nothing by itself. */
  readonly container: boolean;
}

export type CommandList = ReadonlyMap<string, CommandFacts>;

export async function readCommandList(client: RawClient): Promise<CommandList> {
  const list = new Map<string, CommandFacts>();
  const walk = (entry: Nested): void => {
    const [name, arity, , , , , , , , subcommands = []] = entry as readonly Nested[];
    const facts = {
      name: String(name).toLowerCase(),
      arity: Number(arity),
      container: subcommands.length > 0,
    };
    list.set(facts.name, facts);
    for (const subcommand of subcommands) walk(subcommand);
  };
  for (const entry of nested(await client.call('COMMAND'))) walk(entry);
  return list;
}

/** The name, as in the list, of what a line calls. */
export function nameOf(list: CommandList, line: Line): string {
  const [first = '', second = ''] = words(line).map((word) => String(word).toLowerCase());
  return second !== '' && list.has(`${first}|${second}`) ? `${first}|${second}` : first;
}

/** Calls that must be refused for their number of arguments. */
export function wrongArities({ name, arity }: CommandFacts): string[][] {
  const called = name.toUpperCase().split('|');
  const least = Math.abs(arity);
  const lengths = arity > 0 ? [least - 1, least + 1] : [least - 1];
  return lengths
    .filter((length) => length >= called.length)
    .map((length) => [...called, ...Array<string>(length - called.length).fill('1')]);
}
