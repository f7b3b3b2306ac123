// Declares `spillway init`.
import type { Command } from 'commander';
import type { InitCommandOptions } from './init.js';
import { INIT_MANUAL } from './init-help.js';
import { addWalkOptions, wholeNumber, yieldProcessor } from './tool-options.js';

export function declareInit(program: Command, inherited: <O extends object>(own: O) => O): void {
  addWalkOptions(program.command('init'))
    .allowExcessArguments(false)
    .summary('write a first configuration from the keys of a Redis')
    .option('--sample <keys>', 'look at about this many keys; default: all', wholeNumber)
    .option('--admin <url>', 'add the patterns that the proxy at URL has found')
    .option('-o, --output <file>', 'write to FILE, which must not exist yet; default: standard output')
    .addHelpText('after', INIT_MANUAL)
    .action(async (own: InitCommandOptions) => {
      yieldProcessor();
      const { initCommand } = await import('./init.js');
      process.exitCode = await initCommand(inherited(own), process.env);
    });
}
