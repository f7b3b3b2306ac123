// `spillway sweep`: TTLs for keys that have none.
import type { Environment } from '../config/overrides.js';
import { ServerError } from '../keyspace/endpoint.js';
import { Priority } from '../policy/rule.js';
import { RuleSet } from '../policy/rule-set.js';
import { Journal } from '../sweep/journal.js';
import { type Progressed, progressOf, type SweepResult, sweep } from '../sweep/sweep.js';
import { digestTerms } from '../sweep/terms.js';
import { type UndoResult, undo } from '../sweep/undo.js';
import { createPaint, grouped, type Paint } from '../terminal/paint.js';
import { complain, ExitCode } from './exit.js';
import { plainTable } from './tables.js';
import { chosenDb, type Tool, type ToolOptions, tooling } from './tool.js';
import { printable, quoted } from './words.js';

export interface SweepCommandOptions extends ToolOptions {
  readonly apply?: boolean;
  readonly rule?: readonly string[];
  readonly maxKeys?: number;
  /** 0 … 1. */
  readonly spread: number;
  readonly journal?: string;
  readonly resume?: string;
  readonly undo?: string;
}

const NAME = 'spillway-sweep';

export async function sweepCommand(options: SweepCommandOptions, env: Environment): Promise<ExitCode> {
  const wrong = contradiction(options);
  if (wrong !== undefined) {
    complain(wrong);
    return ExitCode.USAGE;
  }
  return tooling(options, env, NAME, async (tool) => {
    const paint = createPaint(process.stdout);
    if (options.undo !== undefined) {
      const undone = await undoSweep(options.undo, tool);
      print(options.json ? undone : drawUndone(undone));
      return ExitCode.OK;
    }
    const result = await runSweep(options, tool);
    print(options.json ? result : drawSweep(result, paint));
    return ExitCode.OK;
  });
}

function contradiction({
  apply,
  journal,
  resume,
  undo: file,
  rule,
}: SweepCommandOptions): string | undefined {
  if (file !== undefined && (apply || journal !== undefined || resume !== undefined || rule !== undefined)) {
    return '--undo takes back a whole journal: it goes with no other flag of sweep';
  }
  if (resume !== undefined && journal !== undefined)
    return '--resume goes on with its own journal: leave out --journal';
  if (!apply && (resume !== undefined || journal !== undefined))
    return '--resume and --journal go with --apply';
  return undefined;
}

async function runSweep(options: SweepCommandOptions, { config, file, servers, signal, progress }: Tool) {
  const { rules } = config;
  const names = new Set(rules.map(({ name }) => name));
  for (const name of options.rule ?? []) {
    if (!names.has(name))
      throw new ServerError(`there is no rule ${quoted(name)} in ${file ?? 'the configuration'}`);
  }
  if (!rules.some(({ ttlMs }) => ttlMs > 0)) {
    throw new ServerError(
      `no rule gives a TTL: ${file ?? 'no configuration file was named; give one by --config'}`,
    );
  }
  const set = new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: true } });
  const only = options.rule && new Set(options.rule);
  const { journal, from } = options.apply
    ? await journalOf(options, digestTerms(set, only))
    : { journal: undefined, from: undefined };
  try {
    return await sweep(servers, {
      name: NAME,
      rules: set,
      only,
      db: chosenDb(options, config),
      journal,
      ...(from && { from }),
      maxKeys: options.maxKeys,
      spread: options.spread,
      maxRate: options.maxRate,
      signal,
      progress,
    });
  } finally {
    progress.close();
    await journal?.close();
  }
}

async function journalOf(
  { resume, journal }: SweepCommandOptions,
  terms: string,
): Promise<{ journal: Journal; from: Progressed }> {
  if (resume === undefined) {
    const stamp = new Date().toISOString().replace(/[:.]/g, '-');
    const file = journal ?? `spillway-sweep-${stamp}.jsonl`;
    return { journal: await Journal.create(file, terms), from: new Map() };
  }
  const { from, length } = await progressOf(resume, terms);
  return { journal: await Journal.reopen(resume, length), from };
}

async function undoSweep(file: string, { servers, signal, progress }: Tool): Promise<UndoResult> {
  progress.begin('undo', 0);
  const result = await undo(servers, {
    name: NAME,
    file,
    signal,
    onProgress: (keys) => progress.advance(keys),
  });
  progress.close();
  return result;
}

function drawSweep(
  { applied, ended, looked, rules, seconds, journal, notes }: SweepResult,
  paint: Paint,
): string {
  const table = plainTable(
    ['rule', 'keys', 'with a TTL', 'other type', 'without', ...(applied ? ['given', 'changed'] : [])],
    paint,
  );
  for (const { rule, observe, matching, withTtl, otherType, due, given, changed } of rules) {
    table.push([
      `${quoted(rule)}${observe ? ' (observes)' : ''}`,
      ...[matching, withTtl, otherType, due, ...(applied ? [given, changed] : [])].map(grouped),
    ]);
  }
  const due = rules.reduce((sum, count) => sum + (count.observe ? 0 : count.due), 0);
  const given = rules.reduce((sum, count) => sum + count.given, 0);
  const observed = rules.reduce((sum, count) => sum + (count.observe ? count.due : 0), 0);
  return [
    `${grouped(looked)} keys looked at in ${seconds.toFixed(1)} s`,
    '',
    table.toString(),
    '',
    applied
      ? paint('bold', `${grouped(given)} keys got a TTL.`) +
        ` To take it back: spillway sweep --undo ${journal}`
      : `${paint('bold', `${grouped(due)} keys would get a TTL.`)} Nothing was changed; --apply does it.`,
    ...(observed > 0
      ? [`${grouped(observed)} more if the rules that only observe were enforced ("mode": "enforce").`]
      : []),
    ...(ended === null ? [] : [paint('yellow', endedText(ended, applied, journal))]),
    ...notes.map((note) => paint('yellow', printable(note))),
  ].join('\n');
}

function endedText(ended: 'interrupted' | 'maxKeys', applied: boolean, journal: string | null): string {
  const why = ended === 'maxKeys' ? '--max-keys is reached' : 'Interrupted';
  return applied
    ? `${why}: not all was looked at. To go on: --apply --resume ${journal}`
    : `${why}: not all was looked at.`;
}

function drawUndone({ entries, undone, left, interrupted }: UndoResult): string {
  const counts = `${grouped(undone)} of ${grouped(entries)} have no TTL any more; ${grouped(left)} were gone or had changed, and were left alone.`;
  return interrupted ? `${counts}\nInterrupted: run it again for the rest.` : counts;
}

function print(result: object | string): void {
  process.stdout.write(`${typeof result === 'string' ? result : JSON.stringify(result, null, 2)}\n`);
}
