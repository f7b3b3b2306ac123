// What tests of `spillway sweep` share: a server with keys and rules, and what has to be true afterwards.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Redis } from 'ioredis';
import type { Test } from 'tap';
import { declareSweep } from '../../src/cli/sweep-command.js';
import type { SweepResult } from '../../src/tools/sweep/result.js';
import type { UndoResult } from '../../src/tools/sweep/undo.js';
import { runCommand } from '../support/command.js';
import { loadDataset } from '../support/dataset.js';
import { withFolder } from '../support/folder.js';
import { withIoredis } from '../support/ioredis.js';
import { withRedis } from '../support/redis.js';

export const HOUR = 3_600_000;
export const RULES = [
  { name: 'kept', match: 'cache:product:1*', durable: true },
  { name: 'cache', match: 'cache:*', ttl: '1h', jitter: '10%' },
  { name: 'watched', match: 'session:*', ttl: '1h', mode: 'observe' },
  { name: 'tags', match: 'tags:*', ttl: '2h' },
  { name: 'timeline', match: 'timeline:*', ttl: '3h', applyTo: 'all' },
  // Bytes that are no text.
  { name: 'odd', match: '\x00*', ttl: '4h' },
];

/** A server with a data set, and `spillway sweep` with rules for it. */
export async function laid(t: Test, { keys = 3000, args: own = [] as readonly string[] } = {}) {
  const redis = await withRedis(t, ['--repl-diskless-sync-delay', '0', ...own]);
  const direct = withIoredis(t, redis.port);
  await loadDataset({ host: '127.0.0.1', port: redis.port, connectTimeoutMs: 1000 }, { keys });
  const folder = withFolder(t, 'spillway-sweep-');
  const config = path.join(folder, 'proxy.config.json');
  writeFileSync(
    config,
    JSON.stringify({ upstream: { url: `redis://127.0.0.1:${redis.port}` }, rules: RULES }),
  );
  const journal = path.join(folder, 'journal');
  const args = (...more: string[]) => ['sweep', '-c', config, '--json', ...more];
  const run = (...more: string[]) => runCommand(declareSweep, args(...more));
  const swept = async (...more: string[]) => JSON.parse((await run(...more)).stdout) as SweepResult;
  const undone = async () => JSON.parse((await run('--undo', journal)).stdout) as UndoResult;
  return { redis, direct, folder, config, journal, args, run, swept, undone };
}

export type Keys = Map<string, { expires: number; type: string; value: string }>;

/** All there is, byte for byte; without `values` where these were written anew, elements in another order. */
export async function everything(redis: Redis, { values = true } = {}): Promise<Keys> {
  const keys = await redis.keysBuffer('*');
  const pipeline = redis.pipeline();
  for (const key of keys) pipeline.pexpiretime(key).type(key).dumpBuffer(key);
  const replies = ((await pipeline.exec()) ?? []).map(([, reply]) => reply);
  const found: Keys = new Map();
  for (const [i, key] of keys.entries()) {
    const [expires, type, value] = replies.slice(3 * i) as [number, string, Buffer | null];
    // One that was about to end may have.
    if (value === null) continue;
    found.set(key.toString('latin1'), { expires, type, value: values ? value.toString('latin1') : '' });
  }
  return found;
}

/** What the rules say of a key: the TTL that it is to get if it has none; 0: none. */
export function due(key: string, type: string): number {
  if (key.startsWith('cache:product:1')) return 0;
  if (key.startsWith('cache:')) return HOUR;
  if (key.startsWith('tags:')) return type === 'string' ? 2 * HOUR : 0;
  if (key.startsWith('timeline:')) return 3 * HOUR;
  return key.startsWith('\x00') ? 4 * HOUR : 0;
}

/** Every key that was due has its TTL, and nothing else has changed. Returns how many were. */
export function judge(t: Test, before: Keys, after: Keys, from: number, to: number): number {
  let given = 0;
  const wrong: string[] = [];
  for (const [key, { expires, type, value }] of before) {
    const now = after.get(key);
    if (now === undefined && expires > 0) continue;
    const ttl = expires === -1 ? due(key, type) : 0;
    const right =
      ttl === 0
        ? now?.expires === expires
        : now !== undefined && now.expires >= from + 0.9 * ttl - 50 && now.expires <= to + 1.2 * ttl + 50;
    if (ttl > 0) given++;
    if (!right || now?.value !== value) wrong.push(`${key} ${expires} ${now?.expires}`);
  }
  t.same(wrong, []);
  return given;
}

/** Nothing has changed. */
export function judgeNothing(t: Test, before: Keys, after: Keys): void {
  const changed = [...before].filter(([key, { expires, value }]) => {
    const now = after.get(key);
    return now === undefined ? expires === -1 : now.expires !== expires || now.value !== value;
  });
  t.same(changed, []);
}
