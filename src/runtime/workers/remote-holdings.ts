// A worker's view of the keys of one rule with a budget. The primary has the sample of these keys; this class reports the
// writes that concern it. Between two answers the worker estimates what the rule's keys hold: the primary's last figure,
// plus the share of its writes since then that lately stayed, once for each worker, because the others probably write as
// much. Bounded: it reports MOST keys between two answers. Of further keys it reports only the number, and the primary
// looks for them.
import type { HeldKeys } from '../../core/policy/held-keys.js';
import { mixed } from '../../core/policy/key-sample.js';
import type { Quota } from '../../core/policy/quota.js';
import { stringMemory } from '../../core/policy/string-memory.js';
import type { HoldingsNews, HoldingsTold, KeyTouch } from './messages.js';

const MOST = 4096;
type Touch = { -readonly [K in keyof KeyTouch]: KeyTouch[K] };

export class RemoteHoldings implements HeldKeys {
  private news: HoldingsNews | undefined;
  private touches = new Map<number, Touch>();
  private cleared = false;
  /** Keys beyond MOST. */
  private missed = 0;
  private credit = 0;
  /** Bytes written since the last report, and those reported and not yet answered. */
  private fresh = 0;
  private told = 0;

  constructor(
    private readonly quota: Quota,
    private readonly workers: number,
  ) {}

  replaced(key: Uint8Array, start: number, end: number, hash: number, bytes: number, lifetime: number): void {
    this.wrote(stringMemory(end - start, bytes));
    const touch = this.touch(key, start, end, hash, bytes);
    if (touch === undefined) return;
    touch.replaced = bytes;
    touch.grown = 0;
    touch.lifetime = lifetime;
  }

  grown(key: Uint8Array, start: number, end: number, hash: number, bytes: number, lifetime: number): void {
    this.wrote(bytes);
    const touch = this.touch(key, start, end, hash, bytes);
    if (touch === undefined) return;
    touch.grown += bytes;
    if (lifetime !== 0) touch.lifetime = lifetime;
  }

  changed(key: Uint8Array, start: number, end: number, hash: number, lifetime: number): void {
    const touch = this.touch(key, start, end, hash, 0);
    if (touch === undefined) return;
    touch.changed = true;
    if (lifetime !== 0) touch.lifetime = lifetime;
  }

  lives(key: Uint8Array, start: number, end: number, hash: number, lifetime: number): void {
    const touch = this.touch(key, start, end, hash, 0);
    if (touch !== undefined) touch.lifetime = lifetime;
  }

  ended(key: Uint8Array, start: number, end: number, hash: number): void {
    const touch = this.touch(key, start, end, hash, 0);
    if (touch === undefined) return;
    touch.ended = true;
    touch.replaced = -1;
    touch.grown = 0;
    touch.changed = false;
  }

  clear(): void {
    this.touches.clear();
    this.missed = 0;
    this.cleared = true;
  }

  /** What the primary must know; hear() must follow. */
  tell(): HoldingsTold {
    const { quota, cleared, missed, fresh } = this;
    const told = { slot: quota.slot, cleared, missed, written: fresh, touches: [...this.touches.values()] };
    this.touches = new Map();
    this.cleared = false;
    this.missed = 0;
    this.told += fresh;
    this.fresh = 0;
    return told;
  }

  hear(news: HoldingsNews): void {
    this.news = news;
    this.told = 0;
    this.quota.budgetBytes = news.budgetBytes;
    this.wrote(0);
  }

  private wrote(bytes: number): void {
    this.fresh += bytes;
    if (this.news === undefined) return;
    this.quota.holds(this.news.held + (this.fresh + this.told) * this.news.stays * this.workers);
  }

  private touch(key: Uint8Array, start: number, end: number, hash: number, bytes: number): Touch | undefined {
    const known = this.touches.get(hash);
    if (known !== undefined) return known;
    if (!this.concerns(hash, bytes)) return undefined;
    if (this.touches.size === MOST) {
      this.missed++;
      return undefined;
    }
    const touch = {
      ...{ key: Uint8Array.prototype.slice.call(key, start, end), hash },
      ...{ ended: false, replaced: -1, grown: 0, changed: false, lifetime: 0 },
    };
    this.touches.set(hash, touch);
    return touch;
  }

  /** Whether to report the key: it is in the sample, or its turn has come as a key that may be large. */
  private concerns(hash: number, bytes: number): boolean {
    const { news } = this;
    if (news === undefined) return true;
    if (mixed(hash) < news.below || bytes >= news.largeBytes) return true;
    this.credit -= bytes;
    if (this.credit > 0 || news.largeBytes === Number.POSITIVE_INFINITY) return false;
    this.credit = news.largeBytes;
    return true;
  }
}
