// One direction of a faulty connection: takes bytes from one socket and gives them to the other, late, cut, slowly,
// in fits and starts, or not to the end. Names and meanings of the toxics are toxiproxy's.
// Invariants: what it delivers is a beginning of what it took, in order; it holds about 64 KB and then stops reading.
import type { Socket } from 'node:net';
import { pick, type Random } from '../../src/cli/demo/random.js';

export interface Toxics {
  /** Each piece is delayed by `ms`, give or take up to `jitterMs`; never does one overtake another. */
  readonly latency?: { readonly ms: number; readonly jitterMs?: number };
  /** Cuts into pieces of 1 to 2 × `bytes`, each written by itself, `delayMs` apart. */
  readonly slicer?: { readonly bytes: number; readonly delayMs?: number };
  readonly bandwidth?: { readonly bytesPerSecond: number };
  /** After some bytes, at random, `everyBytes` on the average, nothing moves for `ms`; then it goes on. */
  readonly stall?: { readonly everyBytes: number; readonly ms: number };
  /** As toxiproxy's `timeout`: after about so many bytes nothing moves any more; `ms` later the connection is closed. */
  readonly timeout?: { readonly afterBytes: number; readonly ms: number };
  /** The connection is closed in order after about so many bytes; the rest is lost. */
  readonly limitData?: { readonly afterBytes: number };
  /** Both sides get a reset after about so many bytes. */
  readonly resetPeer?: { readonly afterBytes: number };
  /** The end (FIN) comes after about so many bytes, in this direction only. The rest is lost. */
  readonly halfClose?: { readonly afterBytes: number };
  /** The end (FIN) is passed on late. */
  readonly slowClose?: { readonly ms: number };
}

/** How a connection is cut: in order, by a reset, or in this direction only. */
export type Cut = 'close' | 'reset' | 'half';

const HELD_BYTES = 64 * 1024;
const IN_STEPS_OF_SECONDS = 0.01;

interface Piece {
  readonly bytes: Buffer;
  readonly due: number;
}

export class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #random: Random;
  readonly #cut: (how: Cut) => void;
  #toxics: Toxics = {};
  #queue: Piece[] = [];
  #heldBytes = 0;
  /** When the piece that was taken last is due. */
  #lastDue = 0;
  /** Bytes until the next stall, and until the toxic that ends it all. */
  #untilStall = 0;
  #untilEnd = Number.POSITIVE_INFINITY;
  #stalledUntil = 0;
  #ended = false;
  /** Nothing is delivered any more. */
  #dead = false;
  #waiting = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, toxics: Toxics, random: Random, cut: (how: Cut) => void) {
    this.#from = from;
    this.#to = to;
    this.#random = random;
    this.#cut = cut;
    this.poison(toxics);
    from.on('data', (chunk: Buffer) => this.#take(chunk));
    from.on('end', () => {
      this.#ended = true;
      this.#wait(0);
    });
    to.on('drain', () => this.#wait(0));
  }

  /** From now on, counted from here; what the toxics before have held up moves on. */
  poison(toxics: Toxics): void {
    this.#toxics = toxics;
    this.#stalledUntil = 0;
    const { stall, timeout, limitData, resetPeer, halfClose } = toxics;
    this.#untilStall = stall ? this.#about(stall.everyBytes) : Number.POSITIVE_INFINITY;
    const last = timeout ?? limitData ?? resetPeer ?? halfClose;
    this.#untilEnd = last ? this.#about(last.afterBytes) : Number.POSITIVE_INFINITY;
    if (this.#dead || this.#queue.length === 0) return;
    clearTimeout(this.#timer);
    this.#waiting = false;
    this.#wait(0);
  }

  /** Delivers nothing any more. What still comes is read and lost: else its sender would wait, and not read either. */
  close(): void {
    this.#dead = true;
    clearTimeout(this.#timer);
    this.#queue = [];
    this.#from.resume();
  }

  #about(average: number): number {
    return 1 + pick(this.#random, 2 * average);
  }

  #take(chunk: Buffer): void {
    if (this.#dead) return;
    const { latency, slicer, bandwidth } = this.#toxics;
    const jitter = latency ? (2 * this.#random() - 1) * (latency.jitterMs ?? 0) : 0;
    const arrival = performance.now() + (latency?.ms ?? 0) + jitter;
    for (let at = 0; at < chunk.length; ) {
      const bytes = chunk.subarray(at, at + this.#pieceBytes(chunk.length));
      const apart =
        (slicer?.delayMs ?? 0) + (bandwidth ? (1000 * bytes.length) / bandwidth.bytesPerSecond : 0);
      this.#lastDue = Math.max(this.#lastDue, arrival) + apart;
      this.#queue.push({ bytes, due: this.#lastDue });
      at += bytes.length;
    }
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > HELD_BYTES) this.#from.pause();
    this.#wait(0);
  }

  #pieceBytes(all: number): number {
    const { slicer, bandwidth } = this.#toxics;
    if (slicer) return this.#about(slicer.bytes);
    return bandwidth ? Math.ceil(bandwidth.bytesPerSecond * IN_STEPS_OF_SECONDS) : all;
  }

  #wait(ms: number): void {
    if (this.#waiting || this.#dead) return;
    this.#waiting = true;
    const go = (): void => {
      if (!this.#waiting) return;
      this.#waiting = false;
      this.#deliver();
    };
    // A turn of its own for each piece: so the other side gets to read it alone.
    if (ms <= 0) setImmediate(go);
    else this.#timer = setTimeout(go, ms);
  }

  #deliver(): void {
    const now = performance.now();
    let sent = 0;
    const queue = this.#queue;
    while (!this.#dead && queue.length > sent && !this.#to.writableNeedDrain) {
      const { bytes, due } = queue[sent];
      const ready = Math.max(due, this.#stalledUntil);
      if (ready > now) {
        this.#wait(ready - now);
        break;
      }
      sent++;
      this.#send(bytes);
      if (this.#toxics.slicer) {
        this.#wait(0);
        break;
      }
    }
    queue.splice(0, sent);
    if (this.#dead) return;
    if (this.#heldBytes <= HELD_BYTES) this.#from.resume();
    if (this.#ended && queue.length === 0) this.#passEnd();
  }

  #send(bytes: Buffer): void {
    this.#heldBytes -= bytes.length;
    const kept = Math.min(bytes.length, this.#untilEnd);
    this.#to.write(bytes.subarray(0, kept));
    this.#untilEnd -= kept;
    this.#untilStall -= kept;
    if (this.#untilEnd === 0) this.#endEarly();
    else if (this.#untilStall <= 0 && this.#toxics.stall) {
      this.#stalledUntil = performance.now() + this.#toxics.stall.ms;
      this.#untilStall = this.#about(this.#toxics.stall.everyBytes);
    }
  }

  #endEarly(): void {
    this.close();
    const { timeout, resetPeer, halfClose } = this.#toxics;
    if (timeout) this.#timer = setTimeout(() => this.#cut('close'), timeout.ms);
    else if (halfClose) {
      this.#to.end();
      this.#cut('half');
    } else this.#cut(resetPeer ? 'reset' : 'close');
  }

  #passEnd(): void {
    this.#dead = true;
    const { slowClose } = this.#toxics;
    if (slowClose) this.#timer = setTimeout(() => this.#to.end(), slowClose.ms);
    else this.#to.end();
  }
}
