// Shared by the commands that ask a running proxy: its address, and the exit code of each failure.
import type { EffectiveConfig } from '../config/effective.js';
import { ConfigError } from '../config/error.js';
import { loadConfig } from '../config/load.js';
import type { Environment } from '../config/overrides.js';
import { AdminClient, AdminError } from './admin-client.js';
import { complain, ExitCode } from './exit.js';
import type { AskOptions } from './options.js';

/** Runs `work`. An error that the user can fix becomes a message and its exit code. */
export async function asking(
  { config: file, admin }: AskOptions,
  env: Environment,
  work: (client: AdminClient, config: EffectiveConfig) => Promise<ExitCode>,
  hint = '',
): Promise<ExitCode> {
  return mendable(async () => {
    const { config } = loadConfig({ file, env, flags: {} });
    return work(AdminClient.at(admin, config), config);
  }, hint);
}

/** @param hint what else the user can do when no proxy answers; ends the message */
export async function mendable(work: () => Promise<ExitCode>, hint = ''): Promise<ExitCode> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AdminError || error instanceof ConfigError)) throw error;
    complain(error instanceof AdminError ? error.message + hint : error.message);
    return error instanceof ConfigError ? ExitCode.CONFIG : ExitCode.FAILURE;
  }
}
