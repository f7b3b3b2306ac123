// Declares `spillway failover`.
import type { Command } from 'commander';
import type { FailoverOptions } from './failover.js';
import { FAILOVER_MANUAL } from './failover-help.js';
import { addAskOptions } from './options.js';

export function declareFailover(program: Command, inherited: <O extends object>(own: O) => O): void {
  addAskOptions(program.command('failover'))
    .allowExcessArguments(false)
    .summary('switch to a replica by Sentinel, without losing a write')
    .option('--dry-run', 'only print what a switch would do now')
    .option('--pause-server', 'the primary also holds back writes that do not come through this proxy')
    .option('--json', 'print one JSON document')
    .addHelpText('after', FAILOVER_MANUAL)
    .action(async (own: FailoverOptions) => {
      const { failoverCommand } = await import('./failover.js');
      process.exitCode = await failoverCommand(inherited(own), process.env);
    });
}
