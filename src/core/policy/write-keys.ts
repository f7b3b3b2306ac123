// Finds the keys that a write names, with their rules and hashes, and each key's share of the bytes. Writes them into the
// verdict; for a command that is still arriving, the keys so far.
import { type CommandSpec, TtlTreatment } from '../commands/spec.js';
import { equalsIgnoreCase, readPositiveInteger } from '../resp/bytes.js';
import { bulkSize } from '../resp/encode.js';
import type { RequestScanner } from '../resp/request-scanner.js';
import { hashKey, hashShare } from './hash.js';
import type { RuleSet } from './rule-set.js';
import type { Verdict } from './verdict.js';

/** Fills the verdict's keys from the arguments that are there; false: more arguments will come. */
export function findKeys(verdict: Verdict, rules: RuleSet, args: RequestScanner, spec: CommandSpec): boolean {
  const { soleKey } = spec;
  if (soleKey === 0) return findEach(verdict, rules, args, spec);
  if (soleKey >= args.parsed) return false;
  addKey(verdict, rules, args, soleKey);
  return true;
}

function findEach(verdict: Verdict, rules: RuleSet, args: RequestScanner, spec: CommandSpec): boolean {
  const { first, last, step, keywords, verbs } = spec.keys;
  const { argc, parsed } = args;
  if (keywords.length > 0) {
    for (let i = 2; i < parsed - 1; i++) {
      for (const keyword of keywords) {
        if (equalsIgnoreCase(args.buf, args.starts[i], args.ends[i], keyword))
          addKey(verdict, rules, args, i + 1);
      }
    }
    return parsed === argc;
  }
  if (first === 0) return true;
  if (verbs !== undefined && !namesAny(args, verbs)) return parsed === argc;
  let until = last < 0 ? argc + last : last;
  if (spec.ttl === TtlTreatment.MSETEX) {
    const pairs = parsed > 1 ? readPositiveInteger(args.buf, args.starts[1], args.ends[1]) : 0;
    if (pairs * 2 + 2 > argc) return true;
    until = pairs * 2;
  }
  for (let i = first; i <= until && i < parsed; i += step) addKey(verdict, rules, args, i);
  return until < parsed;
}

/** The keys of a script: `numkeys key …` from argument 2 on; none if Redis refuses the number. */
export function findScriptKeys(verdict: Verdict, rules: RuleSet, args: RequestScanner): void {
  const { buf, starts, ends, argc, parsed } = args;
  const count = parsed > 2 ? readPositiveInteger(buf, starts[2], ends[2]) : 0;
  if (count > argc - 3) return;
  for (let i = 3; i < 3 + count && i < parsed; i++) addKey(verdict, rules, args, i);
}

/** How many bytes of the command belong to each of the verdict's keys, as far as known. */
export function shareOut(verdict: Verdict, args: RequestScanner, spec: CommandSpec, size: number): void {
  const { count, argument, bytes } = verdict;
  if (count === 1) {
    bytes[0] = size;
    return;
  }
  for (let i = 0; i < count; i++) {
    if (spec.keys.step !== 2) bytes[i] = size / count;
    else bytes[i] = pairBytes(args, argument[i]);
  }
}

/** The same for a script, by its keys and arguments, without its source. */
export function shareOutScript(
  verdict: Verdict,
  { start, starts, parsed }: RequestScanner,
  size: number,
): void {
  const { count, bytes } = verdict;
  const given = parsed > 3 ? size - (starts[3] - start) : 0;
  for (let i = 0; i < count; i++) bytes[i] = given / count;
}

/** The share hash of key `i` of the verdict. */
export function shareOf(
  { buf, starts, ends }: RequestScanner,
  { argument, hash }: Verdict,
  i: number,
): number {
  return hashShare(buf, starts[argument[i]], ends[argument[i]], hash[i]);
}

function addKey(verdict: Verdict, rules: RuleSet, { buf, starts, ends }: RequestScanner, i: number): void {
  verdict.addKey(i, rules.find(buf, starts[i], ends[i]), hashKey(buf, starts[i], ends[i]));
}

function namesAny({ buf, starts, ends, parsed }: RequestScanner, words: readonly string[]): boolean {
  for (let i = 2; i < parsed; i++) {
    for (const word of words) if (equalsIgnoreCase(buf, starts[i], ends[i], word)) return true;
  }
  return false;
}

/** Bytes of a key and its value on the wire; the value may only be announced. */
function pairBytes(args: RequestScanner, key: number): number {
  const { starts, ends, parsed, bulkLength } = args;
  const value =
    key + 1 < parsed ? ends[key + 1] - starts[key + 1] : key + 1 === parsed ? Math.max(0, bulkLength) : 0;
  return bulkSize(ends[key] - starts[key]) + bulkSize(value);
}
