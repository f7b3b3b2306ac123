// What all links of a process share: their options, the events they report, and their counters.
import type { ConsoleQuestion } from '../../core/session/state/console-question.js';
import type { AddedLatency } from '../added-latency.js';
import type { BulkTurns } from '../bulk-turns.js';
import type { Turn } from '../turn.js';
import type { UnreadReplies } from '../upstream/unread-replies.js';
import type { UpstreamAddress } from '../upstream/upstream-socket.js';

/** What one client has sent, for a list of those that send most. */
export interface ClientTraffic {
  /** host:port, or "unix". */
  readonly address: string;
  /** What it calls itself (CLIENT SETNAME, HELLO … SETNAME); '' if it doesn't. */
  readonly name: string;
  readonly bytes: number;
}

/** Bytes in this process's memory: the kernel has not taken them, or they may not go yet. */
export interface HeldBytes {
  readonly replies: number;
  readonly commands: number;
  readonly stalled: number;
}

/** Counted over all links. */
export interface LinkCounters {
  clientsTimedOut: number;
  /** Closed, since more waited for them than may (command pooling). */
  clientsTooSlow: number;
  /** They had ended, and their server was silent: given up once it answered elsewhere. */
  clientsGivenUp: number;
  /** Ended by a fault of Spillway's own. */
  clientsFailed: number;
  upstreamFailures: number;
  bytesFromClients: number;
  bytesToClients: number;
  bytesToUpstream: number;
  bytesFromUpstream: number;
}

export interface LinkEvents<Link> {
  /** The upstream could not be reached. */
  upstreamFailed(error: Error): void;
  /** A fault of Spillway's own ends a client. */
  failed(link: Link, fault: unknown): void;
  /** The client sends no more, and its own connection to the server stands. */
  clientEnded(link: Link): void;
  /** The server has ended or reset a connection, unasked. `then` ends the client. */
  upstreamEnded(then: () => void): void;
  closed(link: Link): void;
}

export interface LinkOptions<Link> {
  readonly upstream: UpstreamAddress;
  /** Milliseconds without a command after which a client is closed; 0: never. As Redis's `timeout`. */
  readonly idleTimeoutMs: number;
  readonly bulkTurns: BulkTurns;
  readonly turn: Turn;
  /** Answers a client's question to Spillway: resolves with complete replies, in any case and before long. */
  readonly onAsked: (question: ConsoleQuestion) => Promise<Uint8Array>;
  readonly added: AddedLatency;
  readonly unread: UnreadReplies<Link>;
  readonly counters: LinkCounters;
}
