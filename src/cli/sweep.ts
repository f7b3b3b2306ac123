// `spillway sweep`: gives TTLs to keys that have none.

import type { Environment } from '../config/overrides.js';
import { parseDuration } from '../config/units.js';
import { Priority } from '../core/policy/rule.js';
import { RuleSet } from '../core/policy/rule-set.js';
import { quoted } from '../core/words.js';
import { ServerError } from '../tools/keyspace/endpoint.js';
import { firstBand } from '../tools/sweep/headroom.js';
import { Journal } from '../tools/sweep/journal.js';
import { type Progressed, progressOf } from '../tools/sweep/resume.js';
import { sweep } from '../tools/sweep/sweep.js';
import { digestTerms } from '../tools/sweep/terms.js';
import { type UndoResult, undo } from '../tools/sweep/undo.js';
import { complain, ExitCode } from './exit.js';
import type { SweepCommandOptions } from './sweep-options.js';
import { drawSweep, drawUndone } from './sweep-text.js';
import { createPaint } from './terminal/paint.js';
import { chosenDb, type Tool, tooling } from './tool.js';

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
    return result.ended === 'moved' || result.ended === 'memory' ? ExitCode.FAILURE : ExitCode.OK;
  });
}

function contradiction(options: SweepCommandOptions): string | undefined {
  const { apply, journal, resume, undo: file, until, ttl, idle } = options;
  const others = [apply, journal, resume, options.rule, options.db, options.maxKeys, until, ttl, idle];
  if (file !== undefined && others.some((other) => other !== undefined)) {
    return '--undo takes back a whole journal; of the other flags of sweep it accepts only --max-rate';
  }
  if (resume !== undefined && journal !== undefined)
    return '--resume continues its own journal; leave out --journal';
  if (!apply && [journal, resume, options.maxKeys].some((other) => other !== undefined))
    return '--journal, --resume and --max-keys need --apply';
  return wrongDuration('--ttl', ttl) ?? wrongDuration('--idle', idle);
}

function wrongDuration(flag: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return parseDuration(text) > 0 ? undefined : `${flag} must be longer than 0s`;
  } catch (error) {
    return `${flag} ${(error as Error).message}`;
  }
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
      file === undefined
        ? 'no rule gives a TTL, because no configuration file is named; name one with --config'
        : `no rule in ${file} gives a TTL`,
    );
  }
  const set = new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: true } });
  const only = options.rule && new Set(options.rule);
  const idleMs = options.idle === undefined ? undefined : parseDuration(options.idle);
  const { journal, from } = options.apply
    ? await journalOf(options, digestTerms(set, only, idleMs))
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
      mostTtlMs: options.ttl === undefined ? undefined : parseDuration(options.ttl),
      idleMs,
      mark: {
        until: options.until === 'never' ? undefined : (options.until ?? firstBand(config.memory.bands)),
        limitBytes: config.memory.limitBytes,
      },
      maxRate: options.maxRate,
      signal,
      progress,
    });
  } catch (error) {
    if (!(error instanceof ServerError) || journal === undefined) throw error;
    throw new ServerError(
      `${error.message}\n${journal.file} records everything that was done until then: ${WAYS_ON}`,
    );
  } finally {
    progress.close();
    await journal?.close();
  }
}

const WAYS_ON = '--apply --resume continues from there, --undo takes it back';

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

function print(result: object | string): void {
  process.stdout.write(`${typeof result === 'string' ? result : JSON.stringify(result, null, 2)}\n`);
}
