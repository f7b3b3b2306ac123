// The flags of the commands that talk to Redis directly. Imports only the parser of the command line, because each start of
// spillway reads this file.
import { readdirSync } from 'node:fs';
import os from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addRedisCliFlags, INSTEAD_OF_URL } from './redis-cli-flags.js';

/** Declares the flags that name the server. */
export function addServerOptions(command: Command): Command {
  command
    .option('-c, --config <file>', 'read the server and the rules from FILE')
    .addOption(
      new Option(
        '-u, --upstream <url>',
        'the server: redis://[user:password@]host[:port][/db], rediss:// (TLS), unix:///path, any node of a ' +
          'Cluster, or redis-sentinel://host:port,host:port/name',
      ).conflicts([...INSTEAD_OF_URL]),
    )
    .addOption(new Option('--upstream-ca <file>', 'as --cacert').hideHelp().conflicts('cacert'));
  return addRedisCliFlags(command);
}

/** Also declares the flags of a walk over the keys. */
export function addWalkOptions(command: Command): Command {
  return addServerOptions(command)
    .option('-n, --db <number>', 'only this database; default: the one in the URL, else all', databaseNumber)
    .option('--max-rate <keys>', 'look at this many keys a second at most', wholeNumber);
}

/**
 * Gives other processes priority. A walk over all keys keeps a core busy, and on a small machine Redis or an application may
 * need that core.
 */
export function yieldProcessor(): void {
  for (const thread of threads()) {
    try {
      os.setPriority(thread, os.constants.priority.PRIORITY_LOW);
    } catch {
      // Not allowed, or the thread has ended: its priority stays as it was.
    }
  }
}

/** 0 is the process. Linux counts each thread by itself, those that collect garbage, too. */
function threads(): number[] {
  try {
    return [0, ...readdirSync('/proc/self/task').map(Number)];
  } catch {
    return [0];
  }
}

export function databaseNumber(text: string): number {
  if (/^[0-9]{1,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be the number of a database, such as 0.');
}

export function countOrNone(text: string): number {
  if (/^[0-9]{1,12}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 0 up.');
}

export function wholeNumber(text: string): number {
  if (/^[1-9][0-9]{0,11}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number above 0.');
}
