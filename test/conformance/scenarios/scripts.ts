// Scripts that run long enough to be seen running: what others are told meanwhile, and how they end.
import { command } from '../../support/raw-client.js';
import { until } from '../../support/wait.js';
import type { Open, Scenario, Scenarios } from '../scenario.js';

const TIMEOUT_MS = 30_000;
const LIBRARY = "#!lua name=busy\nredis.register_function('spin', function() while true do end end)";

/** Others get BUSY; `kill` ends it. The server was started with a busy-reply-threshold of some milliseconds. */
const busy =
  (start: Buffer, kill: string, other: string): Scenario =>
  async (open) => {
    const [a, b] = [await open(), await open()];
    if (kill === 'FUNCTION') await b.call('FUNCTION', 'LOAD', LIBRARY);
    void a.write(Buffer.concat([start, command('SETNX', 'behind', 1)]));
    await isBusy(open);
    const seen = [await b.call('SETNX', 'k', 1), await b.call('PING'), await b.call(other, 'KILL')];
    seen.push(await b.call(kill, 'KILL'), ...(await a.readReplies(2)));
    return [...seen, await b.call('SETNX', 'k', 1)];
  };

/** Resolves when others are told that a script runs. */
export async function isBusy(open: Open): Promise<void> {
  const client = await open();
  await until(async () => String(await client.call('GET', 'k')).startsWith('-BUSY'), {
    timeoutMs: TIMEOUT_MS,
  });
}

export const scripts: Scenarios = {
  'a busy script': busy(command('EVAL', 'while true do end', 0), 'SCRIPT', 'FUNCTION'),
  'a busy function': busy(command('FCALL', 'spin', 0), 'FUNCTION', 'SCRIPT'),

  'EVALSHA of a script that another has loaded and flushed': async (open) => {
    const [a, b] = [await open(), await open()];
    const load = await b.call('SCRIPT', 'LOAD', "return redis.call('SET', KEYS[1], ARGV[1])");
    const sha = load.toString('latin1', 5, 45);
    const seen = [load, await a.call('EVALSHA', sha, 1, 'k', 'v'), await b.call('SCRIPT', 'FLUSH')];
    seen.push(await a.call('EVALSHA', sha, 1, 'k', 'w'), await a.call('GET', 'k'));
    return [...seen, await a.call('EVALSHA_RO', sha, 1, 'k', 'w')];
  },

  'a function that another replaces': async (open) => {
    const [a, b] = [await open(), await open()];
    const library = (answer: string) =>
      `#!lua name=l\nredis.register_function{function_name='f', callback=function() return '${answer}' end, flags={'no-writes'}}`;
    const seen = [
      await b.call('FUNCTION', 'LOAD', library('one')),
      await a.call('FCALL', 'f', 0),
      await a.call('FCALL_RO', 'f', 0),
    ];
    seen.push(await b.call('FUNCTION', 'LOAD', 'REPLACE', library('two')), await a.call('FCALL', 'f', 0));
    return [...seen, await b.call('FUNCTION', 'DELETE', 'l'), await a.call('FCALL', 'f', 0)];
  },
};
