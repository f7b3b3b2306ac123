// What the commands that ask a running proxy share: where to ask, and which failure is which exit code.
import type { EffectiveConfig } from '../config/effective.js';
import { ConfigError } from '../config/error.js';
import { loadConfig } from '../config/load.js';
import type { Environment } from '../config/overrides.js';
import { AdminClient, AdminError } from './admin-client.js';
import { complain, ExitCode } from './exit.js';
import type { AskOptions } from './options.js';

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
