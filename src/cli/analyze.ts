// `spillway analyze`: finds the keys that hold the memory.

import type { Environment } from '../config/overrides.js';
import { Priority } from '../core/policy/rule.js';
import { RuleSet } from '../core/policy/rule-set.js';
import { analyze } from '../tools/analyze/analyze.js';
import { reportHtml } from '../tools/analyze/report/page.js';
import { drawAnalysis } from './analyze-tables.js';
import { complain, ExitCode } from './exit.js';
import { createPaint } from './terminal/paint.js';
import { chosenDb, type ToolOptions, tooling, unwritableFolder, writeWhole } from './tool.js';

export interface AnalyzeCommandOptions extends ToolOptions {
  readonly sample?: number;
  readonly samples?: number;
  readonly top?: number;
  readonly html?: string;
}

const NAME = 'spillway-analyze';
const TOP_GROUPS = 30;
const TOP_KEYS = 5;

export async function analyzeCommand(options: AnalyzeCommandOptions, env: Environment): Promise<ExitCode> {
  return tooling(options, env, NAME, async ({ config, servers, signal, progress }) => {
    const unwritable = options.html && unwritableFolder(options.html);
    if (unwritable) {
      complain(unwritable);
      return ExitCode.FAILURE;
    }
    const { rules, familyRules } = config;
    const unregistered = { priority: Priority.NORMAL, observe: true };
    const analysis = await analyze(servers, {
      name: NAME,
      rules:
        rules.length === 0 ? undefined : new RuleSet({ rules: [...rules, ...familyRules], unregistered }),
      db: chosenDb(options, config),
      sample: options.sample,
      samples: options.samples,
      biggest: options.top ?? TOP_KEYS,
      maxRate: options.maxRate,
      signal,
      progress,
    });
    progress.close();
    const text = options.json
      ? JSON.stringify(analysis, null, 2)
      : drawAnalysis(analysis, options.top ?? TOP_GROUPS, createPaint(process.stdout));
    process.stdout.write(`${text}\n`);
    // Last, so that the result is printed even if this fails.
    const problem = options.html && writeWhole(options.html, reportHtml(analysis));
    if (problem) complain(problem);
    const lost = analysis.partial && !signal.aborted;
    return problem || lost ? ExitCode.FAILURE : ExitCode.OK;
  });
}
