// Keeps the last lines of a child's output for error messages; memory stays bounded however much it writes.

const LONGEST_KEPT = 16_384;

export class LastLines {
  readonly #lines: number;
  #text = '';

  constructor(lines: number) {
    this.#lines = lines;
  }

  add(chunk: string): void {
    const text = (this.#text + chunk).slice(-LONGEST_KEPT);
    this.#text = text
      .split('\n')
      .slice(-this.#lines - 1)
      .join('\n');
  }

  text(): string {
    return this.#text.trim();
  }
}
