// The commands that cannot succeed in the script, and why. All are still sent, and what refuses them is compared;
// where there is a scenario in which they do succeed, it is named.

export const UNABLE: ReadonlyMap<string, string> = new Map([
  ['cluster|failover', 'needs a replica of its own; only refusals are compared'],
  ['cluster|forget', 'needs a second node; only refusals are compared'],
  ['cluster|replicate', 'needs a second node; only refusals are compared'],
  ['config|rewrite', 'needs a configuration file; only the refusal is compared'],
  ['failover', 'needs a connected replica; only refusals are compared'],
  ['function|kill', 'needs a function that runs: scenario "a busy function"'],
  ['module|load', 'needs a module; only refusals are compared'],
  ['module|loadex', 'needs a module; only refusals are compared'],
  ['module|unload', 'needs a module; only refusals are compared'],
  ['monitor', 'its stream does not end: scenario "MONITOR, then RESET"'],
  ['psync', 'its stream does not end: scenario "PSYNC"'],
  ['script|kill', 'needs a script that runs: scenario "a busy script"'],
  ['shutdown', 'ends the server: scenario "SHUTDOWN"'],
  ['sync', 'its stream does not end: scenario "SYNC"'],
]);

/** Commands with keys that are the same for keys of every type. */
export const TYPELESS: ReadonlySet<string> = new Set([
  ...'copy del dump exists expire expireat expiretime migrate move persist pexpire'.split(' '),
  ...'pexpireat pexpiretime pttl rename renamenx restore restore-asking touch ttl'.split(' '),
  ...'type unlink watch object|encoding object|freq object|idletime object|refcount'.split(' '),
  ...'memory|usage mget mset msetnx psetex set setex setnx'.split(' '),
]);
