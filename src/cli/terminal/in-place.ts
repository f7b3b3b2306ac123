// Redraws lines in place on a terminal. Owns the cursor while it draws.
// Invariant: the cursor is visible again after close().

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const CLEAR_TO_END_OF_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
/** A line that is too wide is cut at the window's edge, because wrapping would move all lines below. */
const NO_WRAP = '\x1b[?7l';
const WRAP = '\x1b[?7h';

/** Whether the cursor of this stream can be moved. */
export function isAddressable(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

export class InPlace {
  private drawn = 0;

  constructor(private readonly stream: NodeJS.WriteStream) {}

  /** Draws as many of the lines as fit into the window. */
  draw(lines: readonly string[]): void {
    const { stream, drawn } = this;
    const shown = lines.slice(0, this.room);
    // The window may be smaller now; lines that scrolled out of it cannot be redrawn.
    const home = drawn === 0 ? HIDE_CURSOR + NO_WRAP : `\x1b[${Math.min(drawn, this.room)}F`;
    stream.write(home + shown.map((line) => `${line}${CLEAR_TO_END_OF_LINE}\n`).join('') + CLEAR_BELOW);
    this.drawn = shown.length;
  }

  /** Erases the lines; the next output takes their place. */
  clear(): void {
    if (this.drawn === 0) return;
    this.stream.write(`\x1b[${Math.min(this.drawn, this.room)}F${CLEAR_BELOW}${WRAP}${SHOW_CURSOR}`);
    this.drawn = 0;
  }

  get room(): number {
    return Math.max(1, (this.stream.rows ?? 24) - 1);
  }

  /** Leaves the lines as they are. */
  close(): void {
    if (this.drawn > 0) this.stream.write(`${WRAP}${SHOW_CURSOR}\n`);
    this.drawn = 0;
  }
}
