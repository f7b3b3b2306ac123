// `spillway simulate`: begins or ends a rehearsal of a full memory in a running proxy.

import type { Environment } from '../config/overrides.js';
import { percentText } from '../core/words.js';
import { wouldEvictText } from '../memory/rehearsal-words.js';
import type { RehearsalSnapshot } from '../memory/snapshot.js';
import { programName } from '../tools/keyspace/shell.js';
import { asking } from './ask.js';
import { ExitCode } from './exit.js';
import type { AskOptions } from './options.js';

export interface SimulateOptions extends AskOptions {
  readonly seconds: number;
}

/** `pressure`: 1 is full; undefined: the rehearsal ends. */
export async function simulateCommand(
  pressure: number | undefined,
  options: SimulateOptions,
  env: Environment,
): Promise<ExitCode> {
  return asking(options, env, async (client) => {
    const say = (rehearsal: RehearsalSnapshot | null, text: string): void => {
      process.stdout.write(`${options.json ? JSON.stringify({ rehearsal }) : text}\n`);
    };
    if (pressure === undefined) {
      await client.delete('/api/simulate');
      say(null, 'no rehearsal: the proxy refuses only what real memory demands');
      return ExitCode.OK;
    }
    const { seconds } = options;
    const rehearsal = await client.post<RehearsalSnapshot>('/api/simulate', { pressure, seconds });
    say(
      rehearsal,
      `rehearsal until ${rehearsal.endsAt}: writes are refused as if memory were ${percentText(pressure)} full; ` +
        `${programName()} simulate off ends it${wouldEvictText(rehearsal.wouldEvict)}`,
    );
    return ExitCode.OK;
  });
}
