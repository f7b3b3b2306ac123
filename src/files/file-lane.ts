// Runs file operations in the background, one at a time. A file system that hangs blocks a thread of Node's pool, which has
// four, and the log and the lookup of names need threads too.
// Invariants: one operation runs at a time, however long it takes; a caller waits no longer than the limit; an operation whose
// caller has given up is not begun.

/** The code of the error that a caller gets after the limit. */
export const NO_ANSWER = 'ENOANSWER';

const LIMIT_MS = 5000;

export class FileLane {
  private readonly waiting = new Set<() => Promise<void>>();
  private busy = false;

  constructor(private readonly limitMs = LIMIT_MS) {}

  /** Runs `operation` after those before it. @throws also with the code NO_ANSWER */
  run<T>(operation: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const work = async (): Promise<void> => {
        try {
          resolve(await operation());
        } catch (error) {
          reject(error);
        } finally {
          clearTimeout(timer);
        }
      };
      const timer = setTimeout(() => {
        this.waiting.delete(work);
        reject(Object.assign(new Error('the file system does not answer'), { code: NO_ANSWER }));
      }, this.limitMs);
      this.waiting.add(work);
      void this.next();
    });
  }

  private async next(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    for (const work of this.waiting) {
      this.waiting.delete(work);
      await work();
    }
    this.busy = false;
  }
}
