// Colors for terminals that have them, and formats of numbers.
import { styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
export type Paint = (style: Style, text: string) => string;

/** Colors if the stream is a terminal that has colors. hasColors() respects NO_COLOR and FORCE_COLOR. */
export function createPaint(stream: NodeJS.WriteStream): Paint {
  const colors = stream.isTTY === true && stream.hasColors();
  return colors ? (style, text) => styleText(style, text) : (_, text) => text;
}

const MEBIBYTE = 2 ** 20;

/** 61.3 MB: binary megabytes, as in Redis's `64mb`. */
export function megabytes(bytes: number): string {
  return `${(bytes / MEBIBYTE).toFixed(1)} MB`;
}

/** 12,345 */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

export function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}
