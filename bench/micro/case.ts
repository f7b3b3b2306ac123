// What a micro benchmark consists of, and what its cases share.
import type { TrafficObserver } from '../../src/core/policy/observer.js';
import { Priority, type Rule } from '../../src/core/policy/rule.js';
import type { ByteSink } from '../../src/core/session/byte-sink.js';

export interface MicroCase {
  readonly what: string;
  /** How many commands one call works off: figures are shown for one command. */
  readonly commands: number;
  readonly run: () => unknown;
}

export const VALUE = 'x'.repeat(64);
/** Commands in a pipeline, where what a chunk costs is to be spread as it is under load. */
export const DEPTH = 64;

/** Counts nothing: what statistics cost is measured apart. */
export const NO_OBSERVER: TrafficObserver = {
  onWrite() {},
  onShed() {},
  onFollowUpReply() {},
  onUpstreamOom() {},
  onTtlDropped() {},
  onSpared() {},
  onOwnTtl() {},
  onLatency() {},
};

/** A rule for `glob` with a TTL of an hour, unless `rest` says otherwise. */
export function rule(slot: number, glob: string, rest: Partial<Rule> = {}): Rule {
  return {
    ...{ slot, name: glob, globs: [Buffer.from(glob)], ttlMs: 3_600_000, maxTtlMs: 0, jitter: 0 },
    ...{ durable: false, priority: Priority.NORMAL, observe: false, applyToAll: false, renew: false },
    ...{ refusesScripts: false, scriptTtl: false },
    ...rest,
  };
}

/** Copies small spans, as the write batch does. */
export class CopyingSink implements ByteSink {
  private readonly buffer = new Uint8Array(256 * 1024);
  private at = 0;
  write(buf: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length >= 4096) return;
    if (this.at + length > this.buffer.length) this.at = 0;
    if (length < 32) {
      for (let i = start; i < end; i++) this.buffer[this.at++] = buf[i];
    } else {
      this.buffer.set(buf.subarray(start, end), this.at);
      this.at += length;
    }
  }
}
