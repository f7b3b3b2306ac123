// `spillway sweep`: TTLs for keys that have none.
import type { Environment } from '../config/overrides.js';
import { ServerError } from '../keyspace/endpoint.js';
import { shellQuoted, spillwayFlags } from '../keyspace/shell.js';
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
      const undone = await undoSweep(options.undo, options, tool);
      print(options.json ? undone : drawUndone(undone));
      return undone.damaged > 0 ? ExitCode.FAILURE : ExitCode.OK;
    }
    const result = await runSweep(options, tool);
    print(options.json ? result : drawSweep(result, options, paint));
    return result.ended === 'moved' ? ExitCode.FAILURE : ExitCode.OK;
  });
}

function contradiction(options: SweepCommandOptions): string | undefined {
  const { apply, journal, resume, undo: file } = options;
  const others = [apply, journal, resume, options.rule, options.db, options.maxKeys];
  if (file !== undefined && others.some((other) => other !== undefined)) {
    return '--undo takes back a whole journal: of the flags of sweep only --max-rate goes with it';
  }
  if (resume !== undefined && journal !== undefined)
    return '--resume goes on with its own journal: leave out --journal';
  if (!apply && [journal, resume, options.maxKeys].some((other) => other !== undefined))
    return '--journal, --resume and --max-keys go with --apply';
  return undefined;
}

async function runSweep(options: SweepCommandOptions, { config, file, servers, signal, progress }: Tool) {
  const { rules } = config;
  const names = new Set(rules.map(({ name }) => name));
  for (const name of options.rule ?? []) {
    if (!names.has(name))
      throw new ServerError(`there is no rule ${quoted(name)} in ${file ?? 'the configuration'}`);
    if (rules.some((rule) => rule.name === name && rule.ttlMs === 0))
      throw new ServerError(`the rule ${quoted(name)} gives no TTL`);
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
  } catch (error) {
    if (!(error instanceof ServerError) || journal === undefined) throw error;
    throw new ServerError(`${error.message}\nWhat was done until then stands in ${journal.file}: ${WAYS_ON}`);
  } finally {
    progress.close();
    await journal?.close();
  }
}

const WAYS_ON = '--apply --resume goes on from there, --undo takes it back';

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

async function undoSweep(
  file: string,
  { maxRate }: SweepCommandOptions,
  { servers, signal, progress }: Tool,
): Promise<UndoResult> {
  const result = await undo(servers, { name: NAME, file, maxRate, signal, progress });
  progress.close();
  return result;
}

function drawSweep(
  { applied, ended, looked, rules, seconds, journal, notes }: SweepResult,
  options: SweepCommandOptions,
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
        (given > 0 ? ` To take it back:\n  ${again(options, '--undo', journal)}` : '')
      : `${paint('bold', `${grouped(due)} keys would get a TTL.`)} Nothing was changed; --apply does it.`,
    ...(observed > 0
      ? [`${grouped(observed)} more if the rules that only observe were enforced ("mode": "enforce").`]
      : []),
    ...(ended === null ? [] : [paint('yellow', endedText(ended, options, journal))]),
    ...notes.map((note) => paint('yellow', printable(note))),
  ].join('\n');
}

const ENDED = {
  interrupted: 'Interrupted',
  maxKeys: '--max-keys is reached',
  moved: 'Keys have moved to another server meanwhile (slots, or a failover)',
} as const;

function endedText(ended: keyof typeof ENDED, options: SweepCommandOptions, journal: string | null): string {
  const why = `${ENDED[ended]}: not all was looked at.`;
  if (journal === null) return why;
  const rules = (options.rule ?? []).map((name) => `--rule ${shellQuoted(name)} `).join('');
  return `${why} To go on:\n  ${again(options, `${rules}--apply --resume`, journal)}`;
}

/** The command that goes to the same server with the same rules. */
function again(options: SweepCommandOptions, what: string, journal: string | null): string {
  return ['spillway sweep', spillwayFlags(options), what, shellQuoted(journal ?? '')]
    .filter((part) => part !== '')
    .join(' ');
}

function drawUndone({ entries, undone, left, damaged, interrupted }: UndoResult): string {
  const unread =
    damaged > 0
      ? `\n${grouped(damaged)} lines of the journal are damaged: what stood there keeps its TTL.`
      : '';
  const counts = `${grouped(undone)} of ${grouped(entries)} have no TTL any more; ${grouped(left)} were gone or had changed, and were left alone.${unread}`;
  return interrupted ? `${counts}\nInterrupted: run it again for the rest.` : counts;
}

function print(result: object | string): void {
  process.stdout.write(`${typeof result === 'string' ? result : JSON.stringify(result, null, 2)}\n`);
}
