// Shows frames while the demo runs: in place on a terminal, as a line every few seconds elsewhere.
// Invariant: the cursor is visible again after close().
import type { Frame } from './frame.js';
import { createPaint } from './paint.js';
import { drawLine, drawScreen } from './view.js';

export interface Screen {
  show(frame: Frame): void;
  close(): void;
}

const SECONDS_BETWEEN_LINES = 3;
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const CLEAR_TO_END_OF_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
/** A line wider than the window ends at its edge; wrapped, it would move all lines below. */
const NO_WRAP = '\x1b[?7l';
const WRAP = '\x1b[?7h';

export function createScreen(stream: NodeJS.WriteStream): Screen {
  const addressable = stream.isTTY === true && process.env.TERM !== 'dumb';
  return addressable ? inPlace(stream) : lineByLine(stream);
}

function inPlace(stream: NodeJS.WriteStream): Screen {
  const paint = createPaint(stream);
  let drawn = 0;
  return {
    show(frame) {
      const lines = drawScreen(frame, paint).slice(0, Math.max(1, stream.rows - 1));
      const home = drawn === 0 ? HIDE_CURSOR + NO_WRAP : `\x1b[${drawn}F`;
      stream.write(home + lines.map((line) => `${line}${CLEAR_TO_END_OF_LINE}\n`).join('') + CLEAR_BELOW);
      drawn = lines.length;
    },
    close() {
      if (drawn > 0) stream.write(`${WRAP}${SHOW_CURSOR}\n`);
    },
  };
}

function lineByLine(stream: NodeJS.WriteStream): Screen {
  let due = 0;
  return {
    show(frame) {
      if (frame.elapsedSeconds < due) return;
      due = frame.elapsedSeconds + SECONDS_BETWEEN_LINES;
      stream.write(`${drawLine(frame)}\n`);
    },
    close() {},
  };
}
