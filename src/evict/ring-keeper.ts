// The ring of a process that serves clients: it exists while some rule has evict, and applies the present rules.
// Invariant: without such a rule it takes no memory, and sessions report no keys.
import type { EvictableKeys } from '../core/policy/evictable-keys.js';
import type { RuleSet } from '../core/policy/rule-set.js';
import { type Candidates, NO_CANDIDATES } from './candidates.js';
import { LateWrites } from './late-writes.js';
import { Ring } from './ring.js';

export class RingKeeper {
  private ring: Ring | undefined;
  private writes: LateWrites | undefined;
  private keysBytes = 0;

  /** `now`: monotonic milliseconds; read with every write, so it should be a cached value. */
  constructor(private readonly now: () => number) {}

  /** The keys that may be evicted. */
  get candidates(): Candidates {
    return this.ring ?? NO_CANDIDATES;
  }

  /** Applies these rules from now on, with this many bytes for keys. Returns the object to which sessions report their keys. */
  adopt(rules: RuleSet, keysBytes: number): EvictableKeys | undefined {
    if (!rules.rules.some(({ evict }) => evict)) {
      this.ring = undefined;
      this.writes = undefined;
      return undefined;
    }
    if (this.ring === undefined || keysBytes !== this.keysBytes) {
      this.keysBytes = keysBytes;
      this.ring = new Ring({ bytes: keysBytes, now: this.now });
      this.writes = new LateWrites(this.ring);
    }
    this.ring.adopt(rules.rules, (key, db) => rules.view(db, undefined).find(key, 0, key.length).slot);
    return this.writes;
  }
}
