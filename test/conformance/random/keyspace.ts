// What a server holds, in all its databases: each key with a digest of its value and its PTTL.
// DUMP tells a value, but for hashes and sets, whose order is each server's own, and streams with groups, which
// note times: of these the contents are taken.
import { command, type RawClient } from '../../support/raw-client.js';
import { JITTER } from './modes.js';

const SCRIPT = `
local all = {}
for db = 0, 15 do
  redis.call('SELECT', db)
  for _, key in ipairs(redis.call('KEYS', '*')) do
    local kind, what = redis.call('TYPE', key).ok, nil
    if kind == 'set' then
      what = redis.call('SMEMBERS', key)
      table.sort(what)
    elseif kind == 'hash' then
      what = {}
      local flat = redis.call('HGETALL', key)
      for i = 1, #flat, 2 do what[#what + 1] = #flat[i] .. ':' .. flat[i] .. flat[i + 1] end
      table.sort(what)
    elseif kind == 'stream' then
      what = { redis.call('XRANGE', key, '-', '+'), redis.call('XINFO', 'GROUPS', key) }
    else
      what = redis.call('DUMP', key)
    end
    all[#all + 1] = { db .. '/' .. key, kind .. ' ' .. redis.sha1hex(cmsgpack.pack(what)), redis.call('PTTL', key) }
  end
end
return cjson.encode(all)`;

interface Held {
  readonly digest: string;
  /** Milliseconds; -1 for none. */
  readonly pttl: number;
}

export type Keyspace = ReadonlyMap<string, Held>;

export async function readKeyspace(admin: RawClient): Promise<Keyspace> {
  void admin.write(command('EVAL', SCRIPT, 0));
  const [reply] = await admin.readReplies(1);
  const text = reply.toString('utf8');
  const json = text.slice(text.indexOf('\n') + 1);
  const rows = text.startsWith('$') ? (JSON.parse(json) as [string, string, number][]) : [];
  if (!text.startsWith('$')) throw new Error(`the script that reads all keys: ${text}`);
  return new Map(Array.isArray(rows) ? rows.map(([key, digest, pttl]) => [key, { digest, pttl }]) : []);
}

/** The first key whose value differs, or undefined. */
export function valuesApart(wanted: Keyspace, found: Keyspace): string | undefined {
  const keys = (space: Keyspace) => [...space.keys()].sort().join(' ');
  if (keys(wanted) !== keys(found)) return `keys: ${keys(wanted)} and ${keys(found)}`;
  for (const [key, { digest }] of wanted) {
    const other = found.get(key)?.digest;
    if (digest !== other) return `the value of ${key}: ${digest} and ${other}`;
  }
  return undefined;
}

/**
 * The first key whose PTTL differs by more than the time that may lie between two plays, or undefined.
 * `jittered`: keys whose TTL may differ by its jitter.
 */
export function ttlsApart(
  wanted: Keyspace,
  found: Keyspace,
  slackMs: number,
  jittered: (key: string) => boolean,
): string | undefined {
  for (const [key, { pttl }] of wanted) {
    const other = found.get(key)?.pttl ?? -2;
    const slack = slackMs + (jittered(key) ? JITTER * pttl : 0);
    const same = pttl < 0 || other < 0 ? pttl === other : Math.abs(pttl - other) <= slack;
    if (!same) return `PTTL of ${key}: ${pttl} and ${other}`;
  }
  return undefined;
}
