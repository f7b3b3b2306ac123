// The reasons why a command needs a connection of its client's own when clients share connections, for the counters and for
// the error about upstream.shareCommands. Owns the words; the command table says which command needs what.
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

/** Why the command of this name needs a connection of its own, and a client keeps it; undefined: it does not. */
export function pinOf(name: string, role: ConnectionRole, blocking: boolean): PinReason | undefined {
  const byRole = BY_ROLE[role];
  if (byRole !== undefined) return byRole;
  if (role !== ConnectionRole.NONE || LASTING.has(name)) return 'client-state';
  if (blocking) return 'blocking';
  if (SCRIPTS.has(name)) return 'script';
  return UNSHARED.has(name) ? 'server' : undefined;
}

/** Why a command must not be declared free of connection state; undefined: it may be. */
export const UNDECLARABLE: Partial<Record<PinReason, string>> = {
  transaction: 'begins or ends a transaction on its connection',
  watch: 'watches keys for its connection',
  blocking: 'may block its connection, and with it all clients that share it',
  subscription: 'makes messages come on its connection',
  'client-state': 'changes what its connection is to the server',
  stream: 'turns its connection into a stream',
  wait: 'speaks of what its connection has written',
  server: 'acts on the server or on what others run, and must not wait behind them',
};
