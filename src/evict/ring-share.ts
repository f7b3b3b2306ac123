// A worker's side of making room: hands the keys of its ring to the primary, which unlinks them, and says right before UNLINK
// which may still be evicted. It remembers the last BATCHES batches; a key of an older one counts as written since.
import type { Candidate, Candidates } from './candidates.js';
import type { EvictAnswer, EvictAsk, PackedKeys, TakeAsk } from './messages.js';
import { Observation } from './observation.js';

const BATCHES = 16;

export class RingShare {
  private readonly given = new Map<number, readonly Candidate[]>();
  private readonly observation: Observation;
  private batches = 0;

  constructor(
    private readonly known: () => Candidates,
    onWouldEvict: (slot: number, bytes: number) => void,
    /** Monotonic milliseconds. */
    private readonly clock: () => number,
  ) {
    this.observation = new Observation(known, onWouldEvict);
  }

  answer({ purpose, again, confirm, take, observe, learned }: EvictAsk): EvictAnswer {
    const { given, observation } = this;
    const known = this.known();
    for (const [slot, bytes] of learned) known.learn(slot, bytes);
    for (const [batch, index] of again) {
      const candidate = given.get(batch)?.[index];
      if (candidate !== undefined) known.again(candidate);
    }
    const confirmed = Uint8Array.from(confirm, ([batch, index]) => {
      const candidate = given.get(batch)?.[index];
      return candidate !== undefined && known.isCurrent(candidate) ? 1 : 0;
    });
    observation.count(observe);
    return {
      purpose,
      confirmed,
      batch: take && this.give(take),
      observed: observation.bytes,
      stock: known.stock(),
      ring: known.fill,
    };
  }

  private give({ keys, bytes, slot }: TakeAsk): PackedKeys | undefined {
    const taken = this.known().take(keys, bytes, false, slot);
    if (taken.length === 0) return undefined;
    const batch = ++this.batches;
    this.given.set(batch, taken);
    this.given.delete(batch - BATCHES);
    const now = this.clock();
    let end = 0;
    return {
      batch,
      keys: Buffer.concat(taken.map(({ key }) => key)),
      ends: Uint32Array.from(taken, ({ key }) => {
        end += key.length;
        return end;
      }),
      dbs: Uint32Array.from(taken, ({ db }) => db),
      slots: Uint32Array.from(taken, ({ slot }) => slot),
      bytes: Float64Array.from(taken, ({ bytes }) => bytes),
      ages: Float64Array.from(taken, ({ at }) => Math.max(0, now - at)),
    };
  }
}
