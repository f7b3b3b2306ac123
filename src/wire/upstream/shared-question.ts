// A question of Spillway's own on a shared connection. Takes its one reply from among the clients' replies and reports the
// beginning of it. Owns nothing.
import { MINUS } from '../../core/resp/bytes.js';
import type { ReplyScanner } from '../../core/resp/reply-scanner.js';
import type { ReplyOwner } from '../../core/session/reply/reply-owner.js';

export class SharedQuestion implements ReplyOwner {
  taken = 0;

  constructor(
    private readonly scanner: ReplyScanner,
    /** Gets an error's first bytes, or the type alone of any other reply; undefined: the connection ended first. */
    private readonly done: (reply: string | undefined) => void,
  ) {}

  takeShared(buf: Uint8Array, at: number, end: number): number {
    const { scanner } = this;
    if (scanner.atBoundary) scanner.capture = false;
    const behind = scanner.scan(buf, at, end);
    this.taken = scanner.atBoundary ? 1 : 0;
    if (this.taken === 1) {
      const { type, prefix, prefixLength } = scanner;
      const text = type === MINUS ? Buffer.from(prefix).toString('latin1', 0, prefixLength) : '';
      this.done(text === '' ? String.fromCharCode(type) : text);
    }
    return behind;
  }

  cutShared(): void {}

  failShared(): void {
    this.done(undefined);
  }
}
