// Reads the reply to COMMAND of a live server into facts for the table: module commands, and the flags and arities of that
// server version. An invalid entry is dropped; the rest of the table stays.
import type { KeyPositions } from './spec.js';
import type { CommandFacts } from './table.js';
import { NO_KEYS } from './treatment.js';

/**
 * Facts from the decoded reply to COMMAND: an array of
 * [name, arity, flags, first key, last key, step, categories, tips, key specs, subcommands] (Redis 7;
 * older servers send the first six or seven).
 */
export function factsFromCommandReply(reply: unknown): CommandFacts[] {
  if (!Array.isArray(reply)) return [];
  const facts: CommandFacts[] = [];
  for (const entry of reply) {
    if (!Array.isArray(entry)) continue;
    const [name, arity, flags, first, last, step, , , keySpecs] = entry as unknown[];
    if (typeof name !== 'string' || typeof arity !== 'number' || !isList(flags)) continue;
    if (typeof first !== 'number' || typeof last !== 'number' || typeof step !== 'number') continue;
    facts.push({
      name: name.toLowerCase(),
      arity,
      flags: new Set([...flags].map(String)),
      keys: writtenKeys(keySpecs) ?? (first > 0 ? { first, last, step, keywords: [] } : NO_KEYS),
    });
  }
  return facts;
}

/** The first key spec (Redis 7) that names, at a fixed index, a range of keys that this command inserts or updates. */
function writtenKeys(keySpecs: unknown): KeyPositions | undefined {
  if (!isList(keySpecs)) return undefined;
  for (const keySpec of keySpecs) {
    const flags = field(keySpec, 'flags');
    const names = isList(flags) ? [...flags].map(String) : [];
    if (!names.some((flag) => flag === 'insert' || flag === 'update')) continue;
    const index = field(field(field(keySpec, 'begin_search'), 'spec'), 'index');
    const range = field(field(keySpec, 'find_keys'), 'spec');
    const lastKey = field(range, 'lastkey');
    const step = field(range, 'keystep');
    if (typeof index !== 'number' || typeof lastKey !== 'number' || typeof step !== 'number') continue;
    // lastkey counts from the first key if positive, from the end of the command if negative.
    return { first: index, last: lastKey < 0 ? lastKey : index + lastKey, step, keywords: [] };
  }
  return undefined;
}

/** Looks `name` up in a decoded map: an object, a Map, or RESP2's flat array of names and values. */
function field(map: unknown, name: string): unknown {
  if (map instanceof Map) return map.get(name);
  if (Array.isArray(map)) {
    const at = map.indexOf(name);
    return at < 0 || at % 2 === 1 ? undefined : map[at + 1];
  }
  return typeof map === 'object' && map !== null ? (map as Record<string, unknown>)[name] : undefined;
}

function isList(value: unknown): value is unknown[] | Set<unknown> {
  return Array.isArray(value) || value instanceof Set;
}
