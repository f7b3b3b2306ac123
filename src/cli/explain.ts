// `spillway explain`: says what Spillway does with a command and why, from the config alone or from a running proxy.

import { loadConfig } from '../config/load.js';
import { CONFIG_VARIABLE, type Environment, nonEmpty } from '../config/overrides.js';
import { Explainer } from '../runtime/explainer.js';
import { explanationText } from '../surfaces/explain/text.js';
import type { ExplainRequest, Explanation } from '../surfaces/explain/types.js';
import { asking, mendable } from './ask.js';
import { ExitCode } from './exit.js';
import type { AskOptions } from './options.js';

/** With --admin, or without a config file, a running proxy answers, as for `stats`; otherwise the config. */
export async function explainCommand(
  request: ExplainRequest,
  options: AskOptions,
  env: Environment,
): Promise<ExitCode> {
  const show = (explanation: Explanation): ExitCode => {
    const text = options.json ? JSON.stringify(explanation, null, 2) : explanationText(explanation);
    process.stdout.write(`${text}\n`);
    return ExitCode.OK;
  };
  const isConfigNamed = (options.config ?? nonEmpty(env[CONFIG_VARIABLE])) !== undefined;
  if (options.admin !== undefined || !isConfigNamed) {
    const query = new URLSearchParams({ key: request.key });
    if (request.db !== undefined) query.set('db', String(request.db));
    if (request.user !== undefined) query.set('user', request.user);
    for (const word of wordsOf(request)) query.append('command', word);
    const hint = isConfigNamed
      ? ''
      : '; or name a config file with --config FILE, which answers without a proxy';
    return asking(options, env, async (client) => show(await client.get(`/api/explain?${query}`)), hint);
  }
  return mendable(async () => {
    const { config } = loadConfig({ file: options.config, env, flags: {} });
    return show(new Explainer(config).explain(request));
  });
}

/** The API splits a single word as a line, so a word with spaces or quotes in it must be quoted. */
function wordsOf({ command }: ExplainRequest): readonly string[] {
  const [only] = command;
  return command.length === 1 && only !== undefined && /[\s"'\\]/.test(only)
    ? [JSON.stringify(only)]
    : command;
}
