// Finds the first of many globs that matches a key, by an index over the literal bytes of the globs.
// Each glob is at one node of a trie. A glob `text*` is at the end of its prefix. Any other glob is at the end of its most
// selective literal run: find() follows a run at the front from the key's start, and other runs from each byte of the key. It
// tries only the globs of the nodes that it reaches, in the order of the globs. It never allocates.
//
//   abc*  ─▶ PREFIX ─ a ─ b ─ c        *x:ab*y ─▶ ANYWHERE ─ x ─ : ─ a ─ b        *, ?[ab] ─▶ bare, always tried
//
// Invariants: `lowest` of a node is the lowest index in its subtree; the globs of a node are in ascending order; one find()
// tries the globs of a node once. Bounded: a node takes 25 to 33 bytes, a glob LONGEST nodes.
import { globMatchesWithin, STAR } from './glob.js';
import type { GlobFilter } from './glob-filter.js';
import { type LiteralRun, literalRuns } from './glob-literals.js';
import { forEachSliced, mapSliced, type Sliced } from './slices.js';

/** The most bytes of a run that are indexed. The glob itself is compared in any case. */
const LONGEST = 64;
/** Up to this many globs with one prefix, trying them costs less than looking for a run further back. */
const FEW_SHARE = 4;
/** Stands for "no glob", at the end of a list and as a result: above every index. */
const NONE = 0x7fffffff;
/** The two roots. No node is a child of the first, so its number also says "no such child". */
const PREFIX = 0;
const ANYWHERE = 1;

/** What remains to compare when a key has reached the node of a glob. */
const Check = { NOTHING: 0, LENGTH: 1, GLOB: 2 } as const;
type Check = (typeof Check)[keyof typeof Check];

/** Where a glob is in the index. */
interface Anchor {
  readonly root: typeof PREFIX | typeof ANYWHERE;
  readonly bytes: Uint8Array;
  readonly check: Check;
}

export class GlobIndex {
  private readonly checks: Uint8Array;
  /** The next glob at the same node. */
  private readonly next: Int32Array;
  /** Globs without a literal byte. */
  private readonly bare: number[] = [];
  private nodes = 2;
  /** By node: its parent, its byte, its first glob, the lowest glob of its subtree, the last find() that reached it. */
  private readonly parent: Int32Array;
  private readonly byte: Uint8Array;
  private readonly head: Int32Array;
  private readonly lowest: Int32Array;
  private readonly visited: Uint32Array;
  private visit = 0;
  /** The children of the roots by byte; those of others by hash, with open addressing, 0: free. */
  private readonly first = new Int32Array(2 * 256);
  private readonly slots: Int32Array;

  /** `filters`: by glob, the filter that excludes most keys; undefined: there is none. */
  static *sliced(
    globs: readonly Uint8Array[],
    filters: readonly (GlobFilter | undefined)[],
  ): Sliced<GlobIndex> {
    const anchors = yield* anchorsOf(globs);
    const index = new GlobIndex(globs, filters, anchors);
    yield* index.fill(anchors);
    return index;
  }

  private constructor(
    private readonly globs: readonly Uint8Array[],
    private readonly filters: readonly (GlobFilter | undefined)[],
    anchors: readonly (Anchor | undefined)[],
  ) {
    const most = anchors.reduce((sum, anchor) => sum + (anchor?.bytes.length ?? 0), 2);
    this.checks = Uint8Array.from(anchors, (anchor) => anchor?.check ?? Check.GLOB);
    this.next = new Int32Array(globs.length).fill(NONE);
    this.parent = new Int32Array(most);
    this.byte = new Uint8Array(most);
    this.head = new Int32Array(most).fill(NONE);
    this.lowest = new Int32Array(most).fill(NONE);
    this.visited = new Uint32Array(most);
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * most)));
  }

  private *fill(anchors: readonly (Anchor | undefined)[]): Sliced<void> {
    for (const [glob, anchor] of anchors.entries()) if (anchor === undefined) this.bare.push(glob);
    // From the last to the first, so that each becomes the head of its node's list.
    yield* forEachSliced(anchors, (_, i) => {
      const glob = anchors.length - 1 - i;
      const anchor = anchors[glob];
      if (anchor !== undefined) this.insert(glob, anchor);
    });
  }

  /** The lowest index of a glob that matches the key buf[start, end), which is not empty; -1: none does. */
  find(buf: Uint8Array, start: number, end: number): number {
    this.beginVisit();
    let best = this.walk(PREFIX, buf, start, start, end, NONE);
    for (let i = 0; i < this.bare.length && this.bare[i] < best; i++) {
      if (globMatchesWithin(this.globs[this.bare[i]], buf, start, end)) best = this.bare[i];
    }
    for (let at = start; at < end && this.lowest[ANYWHERE] < best; at++) {
      best = this.walk(ANYWHERE, buf, start, at, end, best);
    }
    return best === NONE ? -1 : best;
  }

  /** Follows the key from `at` on. Returns the lowest index found, or `best` if none is below it. */
  private walk(root: number, buf: Uint8Array, start: number, at: number, end: number, best: number): number {
    let node = this.first[(root << 8) | buf[at]];
    while (node !== 0 && this.lowest[node] < best) {
      if (this.head[node] < best && this.visited[node] !== this.visit) {
        this.visited[node] = this.visit;
        best = this.tryAt(node, buf, start, at + 1, end, best);
      }
      at++;
      if (at === end) break;
      node = this.childOf(node, buf[at]);
    }
    return best;
  }

  /** Tries the globs of a node to which the key has led up to `at`. */
  private tryAt(node: number, buf: Uint8Array, start: number, at: number, end: number, best: number): number {
    for (let glob = this.head[node]; glob < best; glob = this.next[glob]) {
      const check = this.checks[glob];
      if (check === Check.NOTHING || (check === Check.LENGTH && at === end)) return glob;
      if (check !== Check.GLOB || this.filters[glob]?.excludes(buf, start, end) === true) continue;
      if (globMatchesWithin(this.globs[glob], buf, start, end)) return glob;
    }
    return best;
  }

  private beginVisit(): void {
    this.visit = (this.visit + 1) >>> 0;
    if (this.visit !== 0) return;
    this.visited.fill(0);
    this.visit = 1;
  }

  private childOf(node: number, byte: number): number {
    const { slots } = this;
    const mask = slots.length - 1;
    for (let slot = hash(node, byte) & mask; ; slot = (slot + 1) & mask) {
      const child = slots[slot];
      if (child === 0 || (this.parent[child] === node && this.byte[child] === byte)) return child;
    }
  }

  private insert(glob: number, { root, bytes }: Anchor): void {
    let node: number = root;
    this.lowest[node] = glob;
    for (const byte of bytes) {
      const known = node === root ? this.first[(root << 8) | byte] : this.childOf(node, byte);
      node = known === 0 ? this.addNode(node, byte) : known;
      this.lowest[node] = glob;
    }
    this.next[glob] = this.head[node];
    this.head[node] = glob;
  }

  private addNode(parent: number, byte: number): number {
    const node = this.nodes++;
    this.parent[node] = parent;
    this.byte[node] = byte;
    if (parent === PREFIX || parent === ANYWHERE) {
      this.first[(parent << 8) | byte] = node;
      return node;
    }
    const mask = this.slots.length - 1;
    let slot = hash(parent, byte) & mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
    this.slots[slot] = node;
    return node;
  }
}

function hash(node: number, byte: number): number {
  const mixed = Math.imul((node << 8) ^ byte, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

/** The anchor of a glob; undefined: it has no literal byte. */
function* anchorsOf(globs: readonly Uint8Array[]): Sliced<(Anchor | undefined)[]> {
  const shared = new Map<string, number>();
  const runsOf = yield* mapSliced(globs, (glob) => {
    const runs = literalRuns(glob);
    for (const run of runs) shared.set(nameOf(run), (shared.get(nameOf(run)) ?? 0) + 1);
    return runs;
  });
  return yield* mapSliced(runsOf, (runs) => {
    const [front] = runs;
    if (front === undefined) return undefined;
    if (front.isFirst && front.rest.every((byte) => byte === STAR)) return wholeAnchor(front);
    const { isFirst, bytes } = mostTelling(runs, shared);
    return { root: isFirst ? PREFIX : ANYWHERE, bytes: bytes.subarray(0, LONGEST), check: Check.GLOB };
  });
}

/** For a glob that is this run, or this run and stars. */
function wholeAnchor({ bytes, rest }: LiteralRun): Anchor {
  if (bytes.length > LONGEST) return { root: PREFIX, bytes: bytes.subarray(0, LONGEST), check: Check.GLOB };
  return { root: PREFIX, bytes, check: rest.length > 0 ? Check.NOTHING : Check.LENGTH };
}

/**
 * The run that the fewest globs share, and among these the longest. A prefix that few globs share is preferred, because it is
 * cheap.
 */
function mostTelling(runs: readonly LiteralRun[], shared: ReadonlyMap<string, number>): LiteralRun {
  const sharers = (run: LiteralRun): number => shared.get(nameOf(run)) ?? 0;
  const [front] = runs;
  if (front.isFirst && sharers(front) <= FEW_SHARE) return front;
  return runs.reduce((best, run) => {
    const fewer = sharers(best) - sharers(run);
    return fewer > 0 || (fewer === 0 && run.bytes.length > best.bytes.length) ? run : best;
  });
}

function nameOf({ bytes, isFirst }: LiteralRun): string {
  return `${isFirst} ${Buffer.from(bytes.subarray(0, LONGEST)).toString('latin1')}`;
}
