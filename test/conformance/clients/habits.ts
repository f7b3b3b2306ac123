// What the cases of several clients do in the same way, whatever the client calls it.
import { createHash } from 'node:crypto';
import { until } from '../../support/wait.js';
import { refusal } from './cases.js';
import { PATIENCE, type Side } from './sides.js';

const UNDER_WAY = 50;
const ATTEMPTS = 4;

/** More than any buffer on the way holds. */
export const LARGE = Buffer.alloc(8 << 20, 'spillway ');

export function sha1(bytes: Buffer | string | null): string {
  return createHash('sha1')
    .update(bytes ?? '')
    .digest('hex');
}

/** All that a scan brought, once each, in an order of its own: Redis walks a hash table in a random one. */
export async function allOf(pages: AsyncIterable<unknown>): Promise<string[]> {
  const found: string[] = [];
  for await (const page of pages) found.push(...(page as unknown[]).map((each) => JSON.stringify(each)));
  return [...new Set(found)].sort();
}

/** What `work` brings, or the text of its error: nobody may be there to take a rejection while Redis is away. */
export function orError(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: Error) => error.message);
}

interface Reconnecting {
  on(event: 'reconnecting', listener: () => void): unknown;
}

/** Resolves once each of them has noticed that Redis is gone, and has tried in vain to come back. */
export function triedInVain(clients: readonly Reconnecting[]): Promise<unknown> {
  const tried = (client: Reconnecting) =>
    new Promise<void>((resolve) => {
      let attempts = 0;
      client.on('reconnecting', () => {
        if (++attempts === ATTEMPTS) resolve();
      });
    });
  return Promise.all(clients.map(tried));
}

/** The three commands, as a client names them. */
interface Commands {
  block(key: string): Promise<unknown>;
  get(key: string): Promise<unknown>;
  ping(): Promise<unknown>;
}

/** A killed Redis ends a connection in order or with a reset: that depends on what it had read. */
function lost(text: unknown): unknown {
  return /ECONNRESET|closed/.test(String(text)) ? 'connection lost' : text;
}

/** Kills Redis while a blocking command and others behind it are under way; what became of them, and of `a` later. */
export async function killUnderWay(side: Side, { block, get, ping }: Commands): Promise<unknown> {
  const blocked = refusal(block('queue'));
  await side.blocked();
  const behind = Promise.all(Array.from({ length: UNDER_WAY }, () => refusal(get('a'))));
  await side.redis.kill('SIGKILL');
  const failed = new Set([await blocked, ...(await behind)].map(lost));
  await side.revive();
  await until(async () => (await ping().catch(() => '')) === 'PONG', PATIENCE);
  return [failed, await get('a')];
}
