// Rules under which a client that never asks for a TTL cannot tell the proxy from Redis, however much they change.
// Never sheds: the servers of these runs have no limit.

export const STORM_RULES: readonly Record<string, unknown>[] = [
  { name: 'ttl', match: 'ttl:*', ttl: '1h', applyTo: 'all' },
  { name: 'str', match: 'str:*', ttl: '2h', jitter: '10%' },
  { name: 'max', match: 'max:*', ttl: '1h', maxTtl: '1h' },
  { name: 'queue', match: 'queue:*', durable: true },
];
