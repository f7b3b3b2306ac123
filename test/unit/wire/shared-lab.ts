// What the tests of shared connections have in common: the parts that a process has once, and clients that only keep
// what they are told.
import type { Test } from 'tap';
import { AddedLatency } from '../../../src/wire/added-latency.js';
import { Turn } from '../../../src/wire/turn.js';
import type { Applicant } from '../../../src/wire/upstream/applicants.js';
import type { Member, SharedConnection } from '../../../src/wire/upstream/shared-connection.js';
import { SharedRoom } from '../../../src/wire/upstream/shared-room.js';

/** A room for shared connections that the test opens and shuts. */
class TestRoom extends SharedRoom {
  isOpen = true;
  /** Shared connections that there are. */
  count = 0;

  constructor() {
    super(Number.POSITIVE_INFINITY, 2, () => 0);
  }

  override get isThere(): boolean {
    return this.isOpen;
  }

  override take(): void {
    this.count++;
  }

  override give(): void {
    this.count--;
  }
}

export function sharedParts(port: number) {
  const told: string[] = [];
  const room = new TestRoom();
  const options = {
    upstream: { host: '127.0.0.1', port, connectTimeoutMs: 5000, keepAliveMs: 0 },
    room,
    turn: new Turn(),
    added: new AddedLatency(() => {}),
    counters: { bytesToUpstream: 0, bytesFromUpstream: 0 },
    onFailed: ({ message }: Error) => void told.push(`failed: ${message}`),
    onLost: () => void told.push('lost'),
    onDoubt: () => void told.push('doubt'),
    onSilent: () => void told.push('silent'),
  };
  return { options, room, told };
}

/** A client that applies for shared connections and is a member of some. */
export class TestClient implements Member, Applicant {
  readonly link = {};
  readonly told: string[] = [];
  readonly taken = 0;
  connection: SharedConnection | undefined;

  join(connection: SharedConnection): this {
    connection.members.add(this);
    this.connection = connection;
    return this;
  }

  granted(): void {
    this.told.push('granted');
  }

  refused({ message }: Error): void {
    this.told.push(`refused: ${message}`);
  }

  crowded(): void {
    this.told.push('crowded');
  }

  takeShared(_: Uint8Array, __: number, end: number): number {
    return end;
  }

  cutShared(): void {}

  failShared(count: number): void {
    this.told.push(`${count} replies will not come`);
  }

  repliesCame(): void {}

  upstreamDrained(): void {}

  upstreamLost(): void {
    this.told.push('lost');
    this.connection = undefined;
  }

  upstreamReplaced(_: SharedConnection, heir: SharedConnection): void {
    this.told.push('replaced');
    this.connection = heir;
  }
}

/** An answer to what is asked on `connection`, once it has come; undefined when the connection ends before. */
export function answerTo(connection: SharedConnection, command: Buffer): Promise<string | undefined> {
  return new Promise((resolve) => connection.ask(command, resolve));
}

/** Calls `close` when the test ends. */
export function closing<T extends { close(): void }>(t: Test, part: T): T {
  t.teardown(() => part.close());
  return part;
}
