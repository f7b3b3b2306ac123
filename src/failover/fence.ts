// The fence: asks a server, on a connection of its own, whether it is primary. The answer includes its memory, so that this is
// known before the first write.
// Invariant: it ends within some seconds, whatever the server does (connection.ts).
import { infoFields, parseMemory, type Reading } from '../memory/reading.js';
import { upstreamKindOf } from '../memory/upstream-kind.js';
import { Connection, type Login } from './connection.js';
import type { PrimaryAddress } from './whereabouts.js';

/** `reading`: the server is primary; `trouble`: why it is not, or why that is unknown. */
export type FenceAnswer = { readonly reading: Reading } | { readonly trouble: string };

export async function askWhetherPrimary(address: PrimaryAddress, login: Login): Promise<FenceAnswer> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(address, login, 'spillway-fence');
    // Two questions, because INFO before 7.0 accepts only one section.
    const [roles, memory] = await connection.askAll([
      ['info', 'replication'],
      ['info', 'memory'],
    ]);
    for (const reply of [roles, memory]) if (reply instanceof Error) throw reply;
    const kind = upstreamKindOf(new Map(), infoFields(String(roles)));
    if (kind.role === 'replica') return { trouble: `it is a replica of ${kind.primary}` };
    if (kind.role === 'unknown')
      return { trouble: 'it does not say whether it is primary (INFO replication)' };
    return { reading: parseMemory(String(memory)) };
  } catch (error) {
    return { trouble: (error as Error).message };
  } finally {
    connection?.close();
  }
}
