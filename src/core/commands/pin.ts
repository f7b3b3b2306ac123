// Pin reasons: why a command needs its client's own connection with command pooling. For the counters, and for the error about
// upstream.shareCommands. Owns the words; the command table says which command needs what.
import { ConnectionRole, type PinReason } from './spec.js';
import { LASTING, SCRIPTS, UNSHARED } from './treatment.js';

const BY_ROLE: Partial<Record<ConnectionRole, PinReason>> = {
  [ConnectionRole.MULTI]: 'transaction',
  [ConnectionRole.EXEC]: 'transaction',
  [ConnectionRole.DISCARD]: 'transaction',
  [ConnectionRole.WATCH]: 'watch',
  [ConnectionRole.UNWATCH]: 'watch',
  [ConnectionRole.SUBSCRIBE]: 'subscription',
  [ConnectionRole.PSUBSCRIBE]: 'subscription',
  [ConnectionRole.SSUBSCRIBE]: 'subscription',
  [ConnectionRole.UNSUBSCRIBE]: 'subscription',
  [ConnectionRole.PUNSUBSCRIBE]: 'subscription',
  [ConnectionRole.SUNSUBSCRIBE]: 'subscription',
  [ConnectionRole.MONITOR]: 'stream',
  [ConnectionRole.REPLICATION]: 'stream',
  [ConnectionRole.WAIT]: 'wait',
};

/** The pin reason of the command with this name; undefined: it needs no own connection. */
export function pinOf(name: string, role: ConnectionRole, blocking: boolean): PinReason | undefined {
  const byRole = BY_ROLE[role];
  if (byRole !== undefined) return byRole;
  if (role !== ConnectionRole.NONE || LASTING.has(name)) return 'client-state';
  if (blocking) return 'blocking';
  if (SCRIPTS.has(name)) return 'script';
  return UNSHARED.has(name) ? 'server' : undefined;
}

/** By pin reason: why the operator cannot declare such a command free of connection state; undefined: allowed. */
export const UNDECLARABLE: Partial<Record<PinReason, string>> = {
  transaction: 'begins or ends a transaction on its connection',
  watch: 'watches keys for its connection',
  blocking: 'may block its connection, and with it all clients that share it',
  subscription: 'subscribes its connection to messages',
  'client-state': 'changes the state of its connection, such as its user or database',
  stream: 'turns its connection into a stream',
  wait: 'refers to what its connection has written',
  server: 'acts on the server or on what other clients run, and must not wait behind their commands',
};
