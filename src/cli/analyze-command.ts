// Declares `spillway analyze`.
import type { Command } from 'commander';
import type { AnalyzeCommandOptions } from './analyze.js';
import { ANALYZE_MANUAL } from './analyze-help.js';
import { addWalkOptions, countOrNone, wholeNumber, yieldProcessor } from './tool-options.js';

export function declareAnalyze(program: Command, inherited: <O extends object>(own: O) => O): void {
  addWalkOptions(program.command('analyze'))
    .allowExcessArguments(false)
    .summary('tell which keys hold the memory of a Redis')
    .option('--sample <keys>', 'look at about so many keys, and estimate; else at all', wholeNumber)
    .option('--samples <elements>', 'of collections, look at so many elements; 0: at all', countOrNone)
    .option('--top <number>', 'show so many groups, and biggest keys of each type', wholeNumber)
    .option('--html <file>', 'write a report with plots to FILE')
    .option('--json', 'print one JSON document')
    .addHelpText('after', ANALYZE_MANUAL)
    .action(async (own: AnalyzeCommandOptions) => {
      yieldProcessor();
      const { analyzeCommand } = await import('./analyze.js');
      process.exitCode = await analyzeCommand(inherited(own), process.env);
    });
}
