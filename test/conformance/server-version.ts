// Which server the tests run on, as it says itself.
import type { RawClient } from '../support/raw-client.js';

/** The version whose commands the script knows; others have more, fewer, or other refusals. */
const KNOWN = /^7\.0\./;

export interface Server {
  readonly name: string;
  readonly version: string;
  readonly known: boolean;
  /** For the names of figures: runs on other servers stand beside those on the known one. */
  readonly suffix: string;
}

export async function readServer(admin: RawClient): Promise<Server> {
  const info = String(await admin.call('INFO', 'server'));
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1];
  const redis = /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown';
  const name = valkey === undefined ? 'Redis' : 'Valkey';
  const version = valkey ?? redis;
  const known = valkey === undefined && KNOWN.test(redis);
  return { name, version, known, suffix: known ? '' : `-${name.toLowerCase()}-${version}` };
}
