// Work that needs the content of files, or takes long, and two ways to do it: at once, before clients are served, and in the
// background, while they are. So the code that uses the files is written once.
import { setImmediate as turn } from 'node:timers/promises';
import { readAnyFile, readInBackground, readRegularFile } from './read-file.js';

export interface FileWanted {
  readonly path: string;
  /** Anything else, such as a FIFO, is refused, also before clients are served. */
  readonly regular: boolean;
}

/** Requests one file after the other; the reason why one cannot be read is thrown into it. undefined: it may pause here. */
export type WithFiles<T> = Generator<FileWanted | undefined, T, Buffer>;

const NOTHING = Buffer.alloc(0);

/** Blocks the process for as long as the files take. */
export function withFilesNow<T>(work: WithFiles<T>): T {
  let next = work.next();
  while (!next.done) {
    if (next.value === undefined) {
      next = work.next(NOTHING);
      continue;
    }
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

/** Only the promise waits for the files, and the event loop goes round at each pause. Regular files only. */
export async function withFiles<T>(work: WithFiles<T>): Promise<T> {
  let next = work.next();
  while (!next.done) {
    if (next.value === undefined) {
      await turn();
      next = work.next(NOTHING);
      continue;
    }
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
