// Colors for terminals that have them.
import { styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
export type Paint = (style: Style, text: string) => string;

/** Colors if the stream is a terminal that has colors. hasColors() respects NO_COLOR and FORCE_COLOR. */
export function createPaint(stream: NodeJS.WriteStream): Paint {
  const colors = stream.isTTY === true && stream.hasColors();
  return colors ? (style, text) => styleText(style, text) : (_, text) => text;
}

/** Of findings and advice. */
export const SEVERITY_COLORS = { critical: 'red', warning: 'yellow', notice: 'cyan' } as const;
