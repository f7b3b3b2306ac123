// Which server the tests run on, as it says itself.
import type { RawClient } from '../support/raw-client.js';
import { commands as written } from '../support/twins.js';
import { readCommandList } from './command-list.js';

/** The version whose commands the script knows; others have more, fewer, or other refusals. */
const KNOWN = /^7\.0\./;

export interface Server {
  readonly name: string;
  readonly version: string;
  readonly known: boolean;
  /** For the names of figures: runs on other servers stand beside those on the known one. */
  readonly suffix: string;
  /** It says nothing of an AUTH that fails behind replies that wait to be sent: Redis from 7.2 on. */
  readonly losesAuthErrors: boolean;
  /** The digits of an argument's length may go on beyond 64 KB: Redis 8.6. */
  readonly readsLengthsForEver: boolean;
  /** Names, lower case. */
  readonly commands: ReadonlySet<string>;
}

export async function readServer(admin: RawClient): Promise<Server> {
  const info = String(await admin.call('INFO', 'server'));
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1];
  const redis = /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown';
  const redict = /^redict_version:(\S+)/m.exec(info)?.[1];
  const name = valkey !== undefined ? 'Valkey' : redict !== undefined ? 'Redict' : 'Redis';
  const version = valkey ?? redict ?? redis;
  const known = name === 'Redis' && KNOWN.test(redis);
  const suffix = known ? '' : `-${name.toLowerCase()}-${version}`;
  const readsLengthsForEver = name === 'Redis' && numberOf(version) >= 8.6;
  const commands = new Set((await readCommandList(admin)).keys());
  const losesErrors = await losesAuthErrors(admin);
  return { name, version, known, suffix, losesAuthErrors: losesErrors, readsLengthsForEver, commands };
}

/** 8.6 of `8.6.3`. */
function numberOf(version: string): number {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major + minor / 10;
}

async function losesAuthErrors(admin: RawClient): Promise<boolean> {
  void admin.write(written('PING', 'AUTH nobody wrong', 'ECHO end'));
  const [, behind] = await admin.readReplies(2);
  if (String(behind).endsWith('end\r\n')) return true;
  await admin.readReplies(1);
  return false;
}
