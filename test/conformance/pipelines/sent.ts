// How pipelines are written down: `;` stands between commands, a space between words, `""` is the empty word.
import { commands } from '../../support/twins.js';

/** Sent as one run of bytes; QUIT follows. */
export type Pipelines = Readonly<Record<string, Buffer>>;

export function sent(...texts: readonly string[]): Buffer {
  return commands(...texts.flatMap((text) => text.split(/;\s*/)).filter((line) => line !== ''));
}
