// What the server is, by its INFO: a primary, a replica, a node of a Cluster or a Sentinel; and what is wrong with that, by the
// config's expectation. Pure.
// Invariant: what the server does not say is unknown, and never reported as wrong.
import { infoFields } from './reading.js';

export interface UpstreamKind {
  readonly mode: 'standalone' | 'cluster' | 'sentinel' | 'unknown';
  readonly role: 'primary' | 'replica' | 'unknown';
  /** Of a replica: host:port of its primary. */
  readonly primary?: string;
}

/** upstream.expect in the config. */
export type ExpectedUpstream = 'primary' | 'cluster' | 'any';

export const UNKNOWN_KIND: UpstreamKind = { mode: 'unknown', role: 'unknown' };

type Fields = ReadonlyMap<string, string>;

const MODES: ReadonlySet<string> = new Set(['standalone', 'cluster', 'sentinel']);

/** From INFO server and INFO replication. */
export function upstreamKind(server: string, replication: string): UpstreamKind {
  return upstreamKindOf(infoFields(server), infoFields(replication));
}

/** The same from the fields. */
export function upstreamKindOf(about: Fields, roles: Fields): UpstreamKind {
  // Since Valkey 8.0 the field has another name.
  const mode = about.get('redis_mode') ?? about.get('server_mode') ?? '';
  const known = MODES.has(mode) ? (mode as UpstreamKind['mode']) : 'unknown';
  const role = roles.get('role');
  if (role === 'slave') {
    return {
      mode: known,
      role: 'replica',
      primary: `${roles.get('master_host')}:${roles.get('master_port')}`,
    };
  }
  // KeyDB's active replicas take writes.
  return { mode: known, role: role === 'master' || role === 'active-replica' ? 'primary' : 'unknown' };
}

export function sameKind(a: UpstreamKind, b: UpstreamKind): boolean {
  return a.mode === b.mode && a.role === b.role && a.primary === b.primary;
}

/** A noun: "a replica of 10.0.0.1:6379". */
export function nameOfKind({ mode, role, primary }: UpstreamKind): string {
  if (mode === 'sentinel') return 'a Sentinel';
  const server =
    role === 'replica' ? `a replica of ${primary}` : role === 'primary' ? 'a primary' : 'a server';
  return mode === 'cluster' ? `a node of a Cluster, ${server}` : server;
}

/** What is wrong with it and what to do, in a sentence; undefined: it is as expected. */
export function kindTrouble(kind: UpstreamKind, expect: ExpectedUpstream): string | undefined {
  const { mode, role } = kind;
  if (mode === 'sentinel')
    return 'the server is a Sentinel, which holds no keys: name the primary in upstream.url';
  if (expect === 'cluster' && mode === 'standalone')
    return `upstream.expect is "cluster", but the server is ${nameOfKind(kind)} without a Cluster: correct upstream.url or upstream.expect`;
  if (expect === 'primary' && mode === 'cluster')
    return 'the server is a node of a Cluster: Cluster clients learn the addresses of the nodes and go around Spillway, so their keys get no TTL and no protection. docs/CLUSTER.md says how to keep them; then set upstream.expect to "cluster"';
  if (expect === 'primary' && role === 'replica')
    return `the server is ${nameOfKind(kind)}: it refuses writes. Name the primary in upstream.url, or set upstream.expect to "any" if the role of this server may change`;
  return undefined;
}
