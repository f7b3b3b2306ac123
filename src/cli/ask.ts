// What the commands that ask a running proxy share: flags, where to ask, and which failure is which exit code.
import type { Command } from 'commander';
import type { EffectiveConfig } from '../config/effective.js';
import { ConfigError } from '../config/error.js';
import { loadConfig } from '../config/load.js';
import type { Environment } from '../config/overrides.js';
import { AdminClient, AdminError } from './admin-client.js';
import { complain, ExitCode } from './exit.js';

export interface AskOptions {
  readonly config?: string;
  readonly admin?: string;
  readonly json?: boolean;
}

/** Declares the flags on a command. */
export function addAskOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', "take the admin address and the token's file from FILE")
    .option('-a, --admin <url>', 'ask the proxy whose admin server is at URL');
}

/** Runs `work`; whatever the user can mend ends in one clear message and the exit code that goes with it. */
export async function asking(
  { config: file, admin }: AskOptions,
  env: Environment,
  work: (client: AdminClient, config: EffectiveConfig) => Promise<ExitCode>,
): Promise<ExitCode> {
  return mendable(async () => {
    const { config } = loadConfig({ file, env, flags: {} });
    return work(AdminClient.at(admin, config), config);
  });
}

export async function mendable(work: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AdminError || error instanceof ConfigError)) throw error;
    complain(error.message);
    return error instanceof ConfigError ? ExitCode.CONFIG : ExitCode.FAILURE;
  }
}
