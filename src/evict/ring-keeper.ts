// The ring of a process that serves clients: there is one while some rule has evict, and it goes by the present rules.
// Invariant: without such a rule it takes no memory, and sessions tell nobody of their keys.
import type { EvictableKeys } from '../core/policy/evictable-keys.js';
import type { RuleSet } from '../core/policy/rule-set.js';
import { type Candidates, NO_CANDIDATES } from './candidates.js';
import { Ring } from './ring.js';

export class RingKeeper {
  private ring: Ring | undefined;
  private keysBytes = 0;

  /** `now`: monotonic milliseconds; read with every write, so it should be a cached value. */
  constructor(private readonly now: () => number) {}

  /** The keys that may go. */
  get candidates(): Candidates {
    return this.ring ?? NO_CANDIDATES;
  }

  /** Goes by these rules from now on, with so many bytes for keys. Returns whom sessions are to tell of their keys. */
  adopt(rules: RuleSet, keysBytes: number): EvictableKeys | undefined {
    if (!rules.rules.some(({ evict }) => evict)) {
      this.ring = undefined;
      return undefined;
    }
    if (this.ring === undefined || keysBytes !== this.keysBytes) {
      this.keysBytes = keysBytes;
      this.ring = new Ring({ bytes: keysBytes, now: this.now });
    }
    this.ring.adopt(rules.rules, (key, db) => rules.view(db, undefined).find(key, 0, key.length).slot);
    return this.ring;
  }
}
