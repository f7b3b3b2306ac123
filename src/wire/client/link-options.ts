// What all links of a process share: their options, the events they report, and their counters.
import type { ConsoleQuestion } from '../../core/session/state/console-question.js';
import type { AddedLatency } from '../added-latency.js';
import type { BulkTurns } from '../bulk-turns.js';
import type { Turn } from '../turn.js';
import type { UnreadReplies } from '../upstream/unread-replies.js';
import type { UpstreamAddress } from '../upstream/upstream-socket.js';

/** What one client has sent, for the list of the clients that send most. */
export interface ClientTraffic {
  /** host:port, or "unix". */
  readonly address: string;
  /** The name that the client gave itself (CLIENT SETNAME, HELLO … SETNAME); '' without one. */
  readonly name: string;
  readonly bytes: number;
}

/** Bytes in this process's memory: the kernel has not taken them, or they may not go up yet. */
export interface HeldBytes {
  readonly replies: number;
  readonly commands: number;
  readonly stalled: number;
}

/** Counters over all links. */
export interface LinkCounters {
  clientsTimedOut: number;
  /** Closed because more bytes waited for them than allowed (command pooling). */
  clientsTooSlow: number;
  /** Clients that had ended and whose server was silent: closed once the server answered elsewhere. */
  clientsGivenUp: number;
  /** Ended by a bug in Spillway. */
  clientsFailed: number;
  upstreamFailures: number;
  bytesFromClients: number;
  bytesToClients: number;
  bytesToUpstream: number;
  bytesFromUpstream: number;
}

export interface LinkEvents<Link> {
  /** The server could not be reached. */
  upstreamFailed(error: Error): void;
  /** A bug in Spillway ends a client. */
  failed(link: Link, fault: unknown): void;
  /** The client sends no more, and its own connection to the server is still open. */
  clientEnded(link: Link): void;
  /** The server has ended or reset a connection on its own. `then` ends the client. */
  upstreamEnded(then: () => void): void;
  closed(link: Link): void;
}

export interface LinkOptions<Link> {
  readonly upstream: UpstreamAddress;
  /** Milliseconds without a command after which a client is closed; 0: never. As Redis's `timeout`. */
  readonly idleTimeoutMs: number;
  readonly bulkTurns: BulkTurns;
  readonly turn: Turn;
  /** Answers a client's PROXY command: always resolves with complete replies, and soon. */
  readonly onAsked: (question: ConsoleQuestion) => Promise<Uint8Array>;
  readonly added: AddedLatency;
  readonly unread: UnreadReplies<Link>;
  readonly counters: LinkCounters;
}
