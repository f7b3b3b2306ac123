// Declares `spillway analyze`.
import type { Command } from 'commander';
import type { AnalyzeCommandOptions } from './analyze.js';
import { ANALYZE_MANUAL } from './analyze-help.js';
import { addWalkOptions, countOrNone, wholeNumber, yieldProcessor } from './tool-options.js';

export function declareAnalyze(program: Command, inherited: <O extends object>(own: O) => O): void {
  addWalkOptions(program.command('analyze'))
    .allowExcessArguments(false)
    .summary('show which keys hold the memory of a Redis')
    .option('--sample <keys>', 'look at about this many keys, and estimate; default: all', wholeNumber)
    .option('--samples <elements>', 'measure this many elements of a collection; 0: all', countOrNone)
    .option('--top <number>', 'show this many groups, and this many biggest keys of each type', wholeNumber)
    .option('--html <file>', 'write a report with plots to FILE')
    .option('--json', 'print one JSON document')
    .addHelpText('after', ANALYZE_MANUAL)
    .action(async (own: AnalyzeCommandOptions) => {
      yieldProcessor();
      const { analyzeCommand } = await import('./analyze.js');
      process.exitCode = await analyzeCommand(inherited(own), process.env);
    });
}
