// Work that needs the content of files, and two ways to read them for it: at once, before anything is served, and in the
// background, while clients are. So what is made of files is written once.
import { readAnyFile, readInBackground, readRegularFile } from './read-file.js';

export interface FileWanted {
  readonly path: string;
  /** Anything else, such as a FIFO, is refused before anything is served, too. */
  readonly regular: boolean;
}

/** Asks for one file after the other; why one cannot be read is thrown into it. */
export type WithFiles<T> = Generator<FileWanted, T, Buffer>;

/** Holds the process up for as long as the files take. */
export function withFilesNow<T>(work: WithFiles<T>): T {
  let next = work.next();
  while (!next.done) {
    const { path, regular } = next.value;
    let content: Buffer;
    try {
      content = regular ? readRegularFile(path) : readAnyFile(path);
    } catch (error) {
      next = work.throw(error);
      continue;
    }
    next = work.next(content);
  }
  return next.value;
}

/** Nothing but the promise waits for the files. Regular ones only. */
export async function withFiles<T>(work: WithFiles<T>): Promise<T> {
  let next = work.next();
  while (!next.done) {
    let content: Buffer;
    try {
      content = await readInBackground(next.value.path);
    } catch (error) {
      next = work.throw(error);
      continue;
    }
    next = work.next(content);
  }
  return next.value;
}
