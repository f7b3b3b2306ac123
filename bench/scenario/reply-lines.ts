// Counts the replies to SET, which are single lines, as fast as the writers need it. Nothing but simple strings and
// errors may come.

const LF = 10;
const PLUS = 43;

export interface LineSink {
  ok(): void;
  error(line: string): void;
}

export class ReplyLines {
  readonly #sink: LineSink;
  #rest: Buffer | undefined;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  /** Returns how many replies were completed by these bytes. */
  push(chunk: Buffer): number {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let count = 0;
    let start = 0;
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, start)) {
      if (bytes[start] === PLUS) this.#sink.ok();
      else this.#sink.error(bytes.toString('latin1', start + 1, end - 1));
      start = end + 1;
      count++;
    }
    this.#rest = start === bytes.length ? undefined : bytes.subarray(start);
    return count;
  }
}
