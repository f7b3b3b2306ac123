// Builds the command to explain from a key and the words of the request, which may leave out the key and the value.
// It does not judge the command. The explanation shows it as built.
import { arityFits, type CommandSpec, ScriptCall, TtlTreatment } from '../../core/commands/spec.js';
import type { CommandTable } from '../../core/commands/table.js';
import { ExpiryKind, TtlOptions } from '../../core/policy/ttl-options.js';
import type { ExplainRequest } from './types.js';

/** Stands for a value that the request left out. */
const VALUE = 'value';
/** Stands for a script, its SHA1 or its name. */
const NO_SCRIPT = 'script';
/** The most words that are filled in; every command of the table needs fewer. */
const MOST_FILLED = 16;

/** `session:1` + `SET EX 60` → `SET session:1 value EX 60`; a command that contains the key stays as it is. */
export function assemble({ key, command }: ExplainRequest, table: CommandTable): string[] {
  const [name = 'SET', ...rest] = command;
  if (rest.includes(key)) return [name, ...rest];
  const spec = table.find(Buffer.from(name), 0, Buffer.byteLength(name));
  if (spec === undefined) return [name, key, ...rest];
  return fill(place(spec, name, key, rest), spec);
}

/** Puts the key in its place, and a value after it if the next word would otherwise count as the value. */
function place(spec: CommandSpec, name: string, key: string, rest: string[]): string[] {
  const { first, step, keywords } = spec.keys;
  if (keywords.length > 0) return [name, ...(rest.length > 0 ? rest : ['source']), keywords[0], key];
  if (spec.script > ScriptCall.LOAD) {
    const [script = NO_SCRIPT, ...more] = rest;
    return [name, script, '1', key, ...more];
  }
  if (spec.ttl === TtlTreatment.MSETEX) return [name, '1', key, VALUE, ...rest];
  const before = Math.max(0, first - 1);
  const words = [name, ...rest.slice(0, before)];
  while (words.length < before + 1) words.push(VALUE);
  words.push(key);
  const behind = rest.slice(before);
  const optionsOnly = spec.ttl === TtlTreatment.SET && areOptions(behind);
  if (optionsOnly || (step === 2 && behind.length % 2 === 0)) words.push(VALUE);
  return [...words, ...behind];
}

function areOptions(words: readonly string[]): boolean {
  const options = new TtlOptions();
  for (const word of words) options.feed(Buffer.from(word), 0, Buffer.byteLength(word));
  return options.finish() !== ExpiryKind.MALFORMED;
}

/** Adds values until the command has enough arguments. */
function fill(words: string[], { arity }: CommandSpec): string[] {
  const filled = [...words];
  while (!arityFits(arity, filled.length) && filled.length < Math.min(Math.abs(arity), MOST_FILLED))
    filled.push(VALUE);
  return filled;
}
