// Shows frames while the demo runs: in place on a terminal, as a line every few seconds elsewhere.
// Invariant: the cursor is visible again after close().

import { InPlace, isAddressable } from '../terminal/in-place.js';
import { createPaint } from '../terminal/paint.js';
import type { Frame } from './frame.js';
import { drawLine, drawScreen } from './view.js';

export interface Screen {
  show(frame: Frame): void;
  close(): void;
}

const SECONDS_BETWEEN_LINES = 3;
export function createScreen(stream: NodeJS.WriteStream): Screen {
  return isAddressable(stream) ? inPlace(stream) : lineByLine(stream);
}

function inPlace(stream: NodeJS.WriteStream): Screen {
  const paint = createPaint(stream);
  const place = new InPlace(stream);
  return {
    show: (frame) => place.draw(drawScreen(frame, paint)),
    close: () => place.close(),
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
