// Asks once which addresses a name has, and each server there whether it is primary, with the fence's question.
// Invariant: it ends within some seconds, whatever the resolver and the servers do.
import dns from 'node:dns';
import type { Login } from './connection.js';
import { askWhetherPrimary } from './fence.js';
import { nameOf, type PrimaryAddress } from './whereabouts.js';

const RESOLVER_MS = 5000;

interface NameAnswered {
  /** In the resolver's order: Spillway uses the first one. */
  readonly servers: readonly {
    readonly address: string;
    /** Why no command may go there; undefined: it is a primary. */
    readonly trouble: string | undefined;
  }[];
  /** Why the name has no address; undefined: it has. */
  readonly error: string | undefined;
}

export async function askName({ host, port }: PrimaryAddress, login: Login): Promise<NameAnswered> {
  const found = await addressesOf(host);
  if (typeof found === 'string') return { servers: [], error: found };
  const servers = found.map(async (address) => {
    const answer = await askWhetherPrimary({ host: address, port }, login);
    return {
      address: nameOf({ host: address, port }),
      trouble: 'trouble' in answer ? answer.trouble : undefined,
    };
  });
  return { servers: await Promise.all(servers), error: undefined };
}

/** A text: why there is none. */
function addressesOf(name: string): Promise<readonly string[] | string> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve('the resolver does not answer'), RESOLVER_MS);
    dns.lookup(name, { all: true }, (error, found) => {
      clearTimeout(late);
      if (error !== null) resolve(error.code ?? error.message);
      else resolve(found.length === 0 ? 'it has no address' : found.map(({ address }) => address));
    });
  });
}
