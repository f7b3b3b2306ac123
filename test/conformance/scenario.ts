// A scenario: what several clients do and see, in an order of its own. Run at every place on an emptied server; what
// was seen there must be what was seen at the direct one.
import type { Test } from 'tap';
import { connectRaw, type RawClient } from '../support/raw-client.js';
import { wipe } from '../support/twins.js';
import { until } from '../support/wait.js';
import { assertSame } from './compare.js';
import { comparableTranscript } from './loose.js';
import type { Place, Places } from './places.js';

const TIMEOUT_MS = 30_000;

/** Another client of the same place. */
export type Open = (version?: number) => Promise<RawClient>;
/** Hands out what was seen; a string is compared as it is. */
export type Scenario = (open: Open, place: Place) => Promise<readonly (Buffer | string)[]>;
export type Scenarios = Readonly<Record<string, Scenario>>;

/** One scenario for each protocol. */
export function inBoth(name: string, make: (version: number) => Scenario): Scenarios {
  return { [`${name}, RESP2`]: make(2), [`${name}, RESP3`]: make(3) };
}

/** One assertion for each proxied place. Returns how many of them failed. */
export async function same(t: Test, places: Places, name: string, scenario: Scenario): Promise<number> {
  const at = async (place: Place): Promise<string> => {
    const opened: RawClient[] = [];
    const open = async (version = 2) => {
      const client = await connectRaw(place.port, TIMEOUT_MS);
      opened.push(client);
      if (version === 3) await client.call('HELLO', 3);
      return client;
    };
    await wipe(place.admin);
    try {
      const seen = await scenario(open, place);
      return seen.map((part) => (typeof part === 'string' ? part : comparableTranscript(part))).join('\0');
    } catch (error) {
      throw new Error(`${name}, ${place.name}`, { cause: error });
    } finally {
      for (const client of opened) client.destroy();
    }
  };
  const runs = [places.direct, ...places.proxied].map(at);
  // A place that fails must not leave others in the middle of the scenario.
  await Promise.allSettled(runs);
  const [direct, ...proxied] = await Promise.all(runs);
  return proxied.filter((seen, i) => !assertSame(t, seen, direct, `${name}, ${places.proxied[i].name}`))
    .length;
}

/** Resolves when so many clients of the server are blocked, as any client of it can tell. */
export async function blocked(client: RawClient, count = 1): Promise<void> {
  await until(async () => (await client.call('INFO', 'clients')).includes(`blocked_clients:${count}\r`), {
    timeoutMs: TIMEOUT_MS,
    describe: `${count} blocked clients`,
  });
}

export async function ownId(client: RawClient): Promise<string> {
  return String(await client.call('CLIENT', 'ID')).slice(1, -2);
}

/** For confirmations whose order is a hash table's. */
export function sorted(replies: readonly Buffer[]): string[] {
  return replies.map((reply) => reply.toString('latin1')).sort();
}
